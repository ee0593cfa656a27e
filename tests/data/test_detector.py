"""The detector frame: orientation, windows, borders, amplifiers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jwgpu.data import Meta
from jwgpu.data.detector import SIZE, Readout

AXES = [(f, s) for f, s in itertools.product((1, -1, 2, -2), repeat=2) if abs(f) != abs(s)]


def readout(fast=1, slow=2, x=1, y=1, shape=(6, 5)) -> Readout:
    """Return the readout of an array (y, x) that begins at 1-based (x, y)."""
    values = {"fastaxis": fast, "slowaxis": slow, "xstart": x, "ystart": y}
    return Readout.of(Meta({f"subarray.{k}": v for k, v in values.items()}), shape)


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_view_follows_the_reading(fast, slow):
    """A frame numbered in the order of reading counts up in the detector frame; so do windows of it."""
    y, x = np.mgrid[:SIZE, :SIZE]
    index = {1: x, -1: SIZE - 1 - x, 2: y, -2: SIZE - 1 - y}
    order = index[slow] * SIZE + index[fast]
    window = np.s_[700:706, 2040:2045]
    r = readout(fast, slow, x=2041, y=701)
    seen = r.view(order[window])
    assert seen.base is not None
    assert np.shares_memory(seen, order)
    assert seen.shape == (r.rows, r.columns)
    rows, columns = np.mgrid[r.row : r.row + r.rows, r.column : r.column + r.columns]
    np.testing.assert_array_equal(seen, rows * SIZE + columns)


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_vectors_along_the_axes_are_the_view(fast, slow):
    """An offset per detector row and column, laid along the product's axes, is the same offset in the view."""
    r = readout(fast, slow)
    rows, columns = 10.0 * np.arange(r.rows), np.arange(r.columns)
    along_y, along_x = r.along_axes(rows, columns)
    np.testing.assert_array_equal(r.view(along_y[:, None] + along_x), rows[:, None] + columns)


def test_borders_of_windows():
    """A window holds only those reference pixels and amplifiers that lie in it."""
    full = readout(shape=(SIZE, SIZE))
    assert full.full
    assert (full.bottom, full.top) == (slice(0, 4), slice(2044, 2048))
    assert (full.left, full.right) == (slice(0, 4), slice(2044, 2048))
    assert full.amplifiers == {n: slice(512 * i, 512 * (i + 1)) for i, n in enumerate("ABCD")}
    corner = readout(x=2001, y=3, shape=(30, 48))
    assert not corner.full
    assert corner.bottom == slice(0, 2)
    assert corner.right == slice(44, 48)
    assert corner.amplifiers == {"D": slice(0, 48)}
    for empty in (corner.top, corner.left):
        assert empty.start == empty.stop
    assert list(readout(x=511, shape=(8, 8)).amplifiers.items()) == [("A", slice(0, 2)), ("B", slice(2, 8))]


def test_a_small_detector_is_whole_if_it_says_so():
    """SUBARRAY = FULL makes an array of any size the detector, with borders and four amplifiers of its own."""
    meta = Meta({"subarray.fastaxis": -1, "subarray.slowaxis": -2, "subarray.name": "FULL"})
    r = Readout.of(meta, (40, 50))
    assert r.full and r.fits
    assert (r.bottom, r.top, r.left, r.right) == (slice(0, 4), slice(36, 40), slice(0, 4), slice(46, 50))
    assert list(r.amplifiers.values()) == [slice(0, 12), slice(12, 25), slice(25, 37), slice(37, 50)]


@pytest.mark.parametrize("x", [1, 2])
def test_parity_is_that_of_the_detector(x):
    """Odd and even columns are told by their place on the detector, not in the window."""
    r = readout(x=x, shape=(4, 7))
    for odd in (False, True):
        columns = np.arange(7)[r.parity(slice(2, 7), odd=odd)]
        np.testing.assert_array_equal(columns, [c for c in range(2, 7) if (c + x - 1) % 2 == odd])


def test_window_must_lie_on_the_detector():
    """Windows that reach beyond an edge are told, whichever way the axis runs."""
    assert readout(x=2044, shape=(6, 5)).fits
    assert not readout(x=2045, shape=(6, 5)).fits
    assert not readout(-1, 2, x=2045, shape=(6, 5)).fits
    assert not readout(x=0, shape=(6, 5)).fits


def test_what_is_missing_is_named():
    """Missing or contradictory axes and starts are errors that name the keyword."""
    with pytest.raises(ValueError, match=r"meta\.subarray\.fastaxis"):
        Readout.of(Meta(), (SIZE, SIZE))
    with pytest.raises(ValueError, match=r"meta\.subarray\.xstart"):
        readout(x=None)
    with pytest.raises(ValueError, match="FASTAXIS 1 and SLOWAXIS -1"):
        readout(1, -1)
    assert readout(x=None, y=None, shape=(SIZE, SIZE)).fits
