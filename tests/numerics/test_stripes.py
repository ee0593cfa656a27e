"""Clipped means and running medians with bad samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import sigmaclip

from jwgpu.numerics.stripes import (
    clipped_about_median,
    clipped_mean,
    masked_median,
    mean_of_known,
    running_median,
    single_clipped_mean,
)


@pytest.mark.parametrize("limit", [1.5, 3.0])
def test_clipped_mean_is_that_of_scipy(device, limit):
    """Row by row, with outliers, the mean equals that of scipy's clipping."""
    random = np.random.default_rng(3)
    values = random.normal(100, 5, (20, 300)).astype(np.float32)
    values[random.random(values.shape) < 0.03] += 400
    found = device.host(clipped_mean(device.array(values), limit))
    expected = [sigmaclip(row.astype(np.float64), limit, limit).clipped.mean() for row in values]
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert found.dtype == np.float64


def test_clipped_mean_of_little(device):
    """Samples that are not finite take no part; nothing left is NaN; equal samples are their own mean."""
    values = np.array([[1, np.nan, 3], [np.inf, np.nan, -np.inf], [0.1, 0.1, 0.1]], np.float32)
    found = device.host(clipped_mean(device.array(values), 3.0))
    np.testing.assert_array_equal(found, [2, np.nan, np.float32(0.1)])


def test_single_clipped_mean_is_that_of_scipy_in_float32(device):
    """The same bits on NumPy, whose sums scipy's are; NaN where nothing is left."""
    random = np.random.default_rng(4)
    for n in (5, 130, 2048):
        values = random.normal(10, 5, n).astype(np.float32)
        values[random.random(n) < 0.03] += 400
        found = device.host(single_clipped_mean(device.array(np.append(values, np.float32("nan"))), 3.0))
        expected = sigmaclip(values, 3.0, 3.0).clipped.mean()
        assert found.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0 if device.kind == "cpu" else 1e-6)
    assert np.isnan(device.host(single_clipped_mean(device.array(np.full(3, np.nan, np.float32)), 3.0)))


@pytest.mark.parametrize("length", [1, 2, 5, 6])
@pytest.mark.parametrize(("start", "end"), [(True, True), (True, False), (False, True), (False, False)])
def test_running_median_is_the_box_by_hand(device, length, start, end):
    """Every row has the median of the finite values in its box; the ends are reflected or empty."""
    random = np.random.default_rng(length)
    values = random.normal(size=(20, 3)).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    values[8:15] = np.nan
    found = device.host(running_median(device.array(values), length, reflect_start=start, reflect_end=end))
    expected = []
    for row in range(20):
        box = []
        for i in range(row - length // 2, row - length // 2 + length):
            if 0 <= i < 20 or (i < 0 and start) or (i >= 20 and end):
                box += [v for v in values[38 - i if i >= 20 else abs(i)].astype(np.float64) if np.isfinite(v)]
        expected.append(np.median(box) if box else np.nan)
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).any()


def test_box_longer_than_the_rows(device):
    """A box that reaches past the reflected rows uses what there is."""
    found = device.host(running_median(device.array([[1.0], [2.0], [6.0]]), 11))
    # Row 0 sees -2 .. 2 reflected (6, 2, 1, 2, 6), row 1 sees -2 .. 4 (and 2, 1 beyond the end).
    np.testing.assert_array_equal(found, [2, 2, 2])


def test_mean_of_known(device):
    """Two known values are averaged, one is taken, none stays NaN."""
    a, b = device.array([1.0, np.nan, 3.0, np.nan]), device.array([2.0, 5.0, np.nan, np.nan])
    np.testing.assert_array_equal(device.host(mean_of_known(a, b)), [1.5, 5, 3, np.nan])


def test_clipping_about_the_median(device):
    """What lies far from the median goes, round by round; the rest gives mean and deviation."""
    values = np.array([[1, 2, 3, 4, 5, 900, np.nan], [7, 7, 7, 7, 7, 7, 7], [np.nan] * 7])
    mean, deviation = (device.host(v) for v in clipped_about_median(device.array(values), 2.0))
    np.testing.assert_allclose(mean[:, 0], [3, 7, np.nan])
    np.testing.assert_allclose(deviation[:, 0], [np.sqrt(2), 0, np.nan])


def test_rounds_of_clipping_end(device):
    """Values that double each lose one a round."""
    values = device.array(2.0 ** np.arange(12))
    kept = [float(clipped_about_median(values, 2.0, rounds)[0][0]) for rounds in range(4)]
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == 4


def test_masked_median(device):
    values, good = device.array([[5, 1, 9, 2.0], [4, 3, 2, 1]]), device.array([[1, 1, 0, 1], [0, 0, 1, 1]], bool)
    np.testing.assert_array_equal(device.host(masked_median(values, good)), [2, 1.5])
    assert np.isnan(device.host(masked_median(values, good & False))).all()
