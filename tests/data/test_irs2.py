"""Where the pixels of an IRS2 frame lie, and when they are read."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.data import Meta
from jwgpu.data.irs2 import Interleaved, is_irs2
from jwgpu.errors import InputError


def meta(fast=2, slow=1, **more) -> Meta:
    return Meta({"subarray.fastaxis": fast, "subarray.slowaxis": slow, **more})


def test_a_frame_is_known_by_its_size():
    """Larger than the detector, or said to be IRS2 and of its proportions."""
    pattern = Meta({"exposure.readpatt": "NRSIRS2RAPID"})
    assert is_irs2(Meta(), (1, 1, 3200, 2048))
    assert is_irs2(pattern, (100, 64))
    assert not is_irs2(pattern, (2048, 2048))
    assert not is_irs2(Meta(), (100, 64))
    assert is_irs2(Meta({"instrument.name": "NIRSPEC"}), (3200, 2048))
    assert not is_irs2(Meta({"instrument.name": "NIRCAM"}), (2450, 2311))  # a mosaic


@pytest.mark.parametrize(("fast", "slow"), [(2, 1), (-2, -1), (1, 2), (-1, -2)])
def test_full_frame(fast, slow):
    """640 columns of reference output, then 4 x 512 science pixels in 8, 16, ... 16, 8 with 4 between."""
    shape = (3200, 2048) if abs(fast) == 2 else (2048, 3200)
    frame = Interleaved.of(meta(fast, slow), shape)
    assert (frame.section, frame.ticks, frame.shape) == (640, 712, (2048, 2048))
    science = frame.science(np)
    assert not science[:640].any()
    assert science[640:].sum() == 2048
    np.testing.assert_array_equal(np.flatnonzero(~science[640:1280])[:9], [8, 9, 10, 11, 28, 29, 30, 31, 48])
    image = np.zeros(shape, np.float32)
    frame.view(image)[:] = np.arange(3200)
    left = frame.strip(image)
    assert left.shape == (2048, 2048)
    np.testing.assert_array_equal(np.unique(left), np.flatnonzero(science))


def test_time_and_back():
    """Neighbouring outputs run in opposite directions; what is put into time comes back."""
    frame = Interleaved.of(meta(), (200, 10))
    image = np.arange(2000, dtype=np.float32).reshape(10, 200) + 1
    again = np.zeros_like(image)
    for section in range(5):
        pixels = frame.pixels(image, section)
        first = 40 * section + (0 if section % 2 else 39)
        assert pixels[0, 0, 0] == image[0, first]
        series = frame.in_time(pixels)
        assert series.shape == (10, 2 * 22 + 8)
        np.testing.assert_array_equal(np.flatnonzero(series[0] == 0), [8, 13, 30, 35, *range(44, 52)])
        np.testing.assert_array_equal(frame.from_time(series), pixels)
        frame.put(again, section, frame.from_time(series).reshape(10, -1))
    np.testing.assert_array_equal(again, image)


def test_what_is_no_frame_is_refused():
    with pytest.raises(InputError, match="not made of 5 sections"):
        Interleaved.of(meta(), (2110, 64))
    with pytest.raises(ValueError, match="fastaxis"):
        Interleaved.of(Meta(), (3200, 2048))
