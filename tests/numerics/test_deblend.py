"""Sources that touch, told apart."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import isophotes
from jwgpu.numerics.deblend import Levels, deblend

LEVELS = Levels(n_pixels=5)


def blobs(*places, sigma=3.0, shape=(60, 80)):
    """Return Gaussians (x, y, height) on a field of small slope, and the labels of what is above 1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    data = sum(h * np.exp(-0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / sigma**2) for cx, cy, h in places)
    data = data.astype(np.float32)
    return data, isophotes.detect(data > 1, 5, 8)


def test_two_peaks_are_two_sources_that_share_the_pixels():
    data, labels = blobs((30, 30, 50), (40, 31, 20))
    assert labels.max() == 1
    parted = deblend(data, labels, LEVELS)
    assert parted.max() == 2
    np.testing.assert_array_equal(parted > 0, labels > 0)
    assert parted[30, 30] != parted[31, 40]
    # The watershed between equal profiles lies where they are equal.
    assert (parted == parted[30, 30]).sum() > (parted == parted[31, 40]).sum()


def test_one_peak_stays_whole_and_keeps_its_label():
    data, labels = blobs((15, 15, 50), (60, 40, 30))
    np.testing.assert_array_equal(deblend(data, labels, LEVELS), labels)


def test_parts_come_after_those_that_stay_whole():
    data, labels = blobs((20, 10, 50), (30, 10, 50), (60, 45, 30))
    parted = deblend(data, labels, LEVELS)
    assert parted[45, 60] == 1
    assert {parted[10, 20], parted[10, 30]} == {2, 3}


def test_a_part_too_faint_is_given_up():
    data, labels = blobs((30, 30, 1000), (47, 30, 8))
    assert deblend(data, labels, LEVELS).max() == 2
    faint = Levels(n_pixels=5, contrast=0.1)
    assert deblend(data, labels, faint).max() == 1
    assert deblend(data, labels, Levels(n_pixels=5, contrast=1.0)).max() == 1


@pytest.mark.parametrize("mode", ["exponential", "linear", "sinh"])
def test_levels_lie_between_the_faintest_and_the_brightest(mode):
    values, even = Levels(5, 32, mode=mode).thresholds(2.0, 50.0)
    assert values.size == 32
    assert (np.diff(values) > 0).all()
    assert values[0] > 2
    assert values[-1] < 50
    assert even == (mode == "linear")


def test_of_negative_pixels_levels_are_spaced_evenly():
    values, even = Levels(5, 3).thresholds(-1.0, 3.0)
    np.testing.assert_allclose(values, [0, 1, 2])
    assert even


def test_a_plateau_is_one_source():
    data = np.zeros((20, 20), np.float32)
    data[5:15, 5:15] = 3
    labels = isophotes.detect(data > 1, 5, 8)
    np.testing.assert_array_equal(deblend(data, labels, LEVELS), labels)


def test_few_levels_at_a_time_give_the_same(monkeypatch):
    data, labels = blobs((30, 30, 50), (40, 31, 20), (35, 40, 30))
    together = deblend(data, labels, LEVELS)
    monkeypatch.setattr("jwgpu.numerics.deblend._AT_ONCE", 1)
    np.testing.assert_array_equal(deblend(data, labels, LEVELS), together)


def test_nothing_has_no_parts():
    nothing = np.zeros((8, 8), np.int32)
    np.testing.assert_array_equal(deblend(np.zeros((8, 8), np.float32), nothing, LEVELS), nothing)
