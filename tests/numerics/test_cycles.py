"""What repeats from cycle to cycle is measured; what does not is left."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.cycles import repeating


def samples(n, columns, period, scatter, seed=0):
    """Return values of unit noise about levels of their columns, some missing, and the pattern among them."""
    rng = np.random.default_rng(seed)
    pattern = rng.normal(0, scatter, (period, columns))
    pattern -= pattern.mean(axis=0)
    values = pattern[np.arange(n) % period] + rng.normal(0, 1, (n, columns)) + rng.normal(400, 50, columns)
    values[rng.random(values.shape) < 0.02] = np.nan
    return values, pattern


@pytest.mark.parametrize(("n", "columns", "period"), [(40, 1, 4), (41, 64, 4), (200, 30, 8), (1000, 1, 128)])
def test_the_pattern_is_measured_to_the_noise_of_its_phases(n, columns, period):
    values, pattern = samples(n, columns, period, 8.0)
    error = repeating(values, period) - pattern
    assert np.std(error) < 1.5 / (n / period) ** 0.5


@pytest.mark.parametrize(("n", "columns", "period"), [(8, 1, 4), (12, 1, 4), (40, 64, 4), (64, 1, 8), (300, 30, 8)])
def test_noise_has_no_pattern(n, columns, period):
    for seed in range(100):
        values, _ = samples(n, columns, period, 0.0, seed)
        np.testing.assert_array_equal(repeating(values, period), 0)


def test_a_pattern_needs_more_than_a_cycle():
    values, _ = samples(4, 3, 4, 100.0)
    np.testing.assert_array_equal(repeating(values, 4), 0)


@pytest.mark.filterwarnings("error")
def test_what_is_never_seen_has_no_pattern():
    values, pattern = samples(40, 3, 4, 10.0)
    values[:, 1] = np.nan
    values[2::4, 0] = np.nan
    found = repeating(values, 4)
    np.testing.assert_array_equal(found[:, 1], 0)
    assert found[2, 0] == 0
    assert np.std(found[:, 2] - pattern[:, 2]) < 1
    seen = [0, 1, 3]
    assert np.std(found[seen, 0] - pattern[seen, 0] + pattern[seen, 0].mean()) < 1
    np.testing.assert_array_equal(repeating(np.full((9, 2), np.nan), 4), 0)


def test_a_pattern_without_noise():
    values = np.tile([[1.0], [5.0]], (4, 1))
    np.testing.assert_array_equal(repeating(values, 2), [[-2], [2]])
    np.testing.assert_array_equal(repeating(np.ones((8, 2)), 2), 0)
