"""Blobs of pixels that touch, and where flagged pixels are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from jwgpu.numerics.labels import carriers, label


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.45, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(1, 40), (37, 1), (64, 75), (30, 8)])
def test_labels_are_those_of_the_whole_image(device, share, shape):
    """Numbered in the order of their first pixels, as a search through the image numbers them."""
    mask = np.random.default_rng(3).random(shape) < share
    expected, n = ndimage.label(mask, structure=np.ones((3, 3), bool))
    blob, n_blobs = label(device.array(np.flatnonzero(mask)), shape)
    assert n_blobs == n
    np.testing.assert_array_equal(device.host(blob), expected[mask] - 1)


def test_what_turns_back_is_one_blob():
    """A spiral: its ends meet late."""
    y, x = np.mgrid[:41, :41] - 20
    mask = np.abs(np.hypot(y, x) - 1.5 - (np.arctan2(y, x) + np.pi) * 3 / np.pi) % 6 < 2.2
    expected, n = ndimage.label(mask, structure=np.ones((3, 3), bool))
    blob, n_blobs = label(np.flatnonzero(mask), mask.shape)
    assert n_blobs == n
    np.testing.assert_array_equal(blob, expected[mask] - 1)


def test_edges_of_rows_do_not_touch():
    blob, n_blobs = label(np.array([9, 10]), (2, 10))
    assert (n_blobs, list(blob)) == (2, [0, 1])


@pytest.mark.parametrize("shape", [(16, 20), (7, 9)])
def test_carriers_of_flags(device, shape):
    flags = np.random.default_rng(5).choice(np.uint8([0, 0, 0, 1, 2, 4, 6, 128]), shape)
    for bits in (1, 2, 4, 128, 6):
        found = device.host(carriers(device.array(flags), bits))
        np.testing.assert_array_equal(found, np.flatnonzero(flags & bits))
