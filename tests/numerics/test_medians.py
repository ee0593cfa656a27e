"""Medians of planes with missing values, and of a window that moves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jwgpu.numerics import medians
from jwgpu.numerics.medians import nan_median, rolling_median


def planes(n, seed=0, missing=0.3):
    rng = np.random.default_rng((seed, n))
    values = rng.integers(-3, 4, (n, 9, 13)).astype(np.float32) + rng.choice([0, 0.25], (n, 9, 13)).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    values[:, 3, 2:5] = np.nan
    values[0, 4] = np.inf
    values[-1, 5] = -np.inf
    return values


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 48, 49, 60])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_median_of_what_is_there(device, n, missing):
    values = planes(n, missing=missing)
    expected = expected_median(values)
    found = device.host(nan_median(device.array(values)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def expected_median(values):
    found = np.full(values.shape[1:], np.nan, np.float32)
    for place in np.ndindex(found.shape):
        column = np.sort(values[(slice(None), *place)][~np.isnan(values[(slice(None), *place)])])
        if column.size:
            with np.errstate(invalid="ignore"):
                found[place] = (column[(column.size - 1) // 2] + column[column.size // 2]) / np.float32(2)
    return found


def test_order_of_planes_does_not_matter():
    values = planes(7)
    np.testing.assert_array_equal(nan_median(values), nan_median(values[::-1]))
    np.testing.assert_array_equal(nan_median(list(values)), nan_median(values))


@pytest.mark.parametrize("n", range(1, 11))
def test_exchanges_sort_all_zeros_and_ones(n):
    """What sorts every sequence of zeros and ones sorts everything."""
    pairs = list(medians.exchanges(n))
    for bits in itertools.product((0, 1), repeat=n):
        row = list(bits)
        for i, j in pairs:
            assert i < j
            row[i], row[j] = min(row[i], row[j]), max(row[i], row[j])
        assert row == sorted(row)


@pytest.mark.parametrize("n, width", [(9, 2), (9, 3), (9, 8), (9, 9), (20, 7), (2, 2)])
def test_rolling_median(device, n, width):
    values = np.random.default_rng(n).normal(0, 1, (n, 4, 5)).astype(np.float32)
    values[1, 2, 3] = np.nan
    found = device.host(rolling_median(device.array(values), width))
    for k in range(n):
        first = min(max(k - width // 2, 0), n - width)
        expected = np.median(values[first : first + width].astype(np.float64), axis=0)
        np.testing.assert_array_equal(found[k], expected)
