"""What repeats along a profile is found and measured; what does not is left."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.cycles import cycle, find_period


def profile(n_rows, period, seed=0, noise=2.0, scatter=6.0):
    """Return rows with a pattern, noise, a smooth part, outliers and gaps; and the pattern."""
    rng = np.random.default_rng(seed)
    pattern = rng.normal(0, scatter, period)
    pattern = (pattern - pattern.mean())[np.arange(n_rows) % period]
    along = np.arange(n_rows) / n_rows
    values = pattern + rng.normal(0, noise, n_rows) + 20 * along - 30 * along**2 + 400
    values[rng.choice(n_rows, 3, replace=False)] += 500
    values[rng.choice(n_rows, 2, replace=False)] = np.nan
    return values, pattern


@pytest.mark.parametrize(("n_rows", "period"), [(64, 8), (160, 16), (163, 37), (400, 2), (640, 100)])
def test_the_pattern_is_measured_to_the_noise_of_its_phases(n_rows, period):
    values, pattern = profile(n_rows, period)
    error = cycle(values, period) - pattern
    assert np.std(error) < 1.5 * 2 / (n_rows / period) ** 0.5


@pytest.mark.parametrize(("n_rows", "period"), [(64, 5), (160, 16), (163, 37), (640, 100)])
def test_the_period_is_found_and_no_multiple_of_it(n_rows, period):
    assert [find_period(profile(n_rows, period, seed)[0]) for seed in range(5)] == [period] * 5


def test_noise_and_slopes_have_no_period():
    found = [find_period(profile(n, 7, seed, scatter=0.0)[0]) for n in (64, 160, 640) for seed in range(20)]
    assert found == [None] * 60


def test_rows_without_values_have_no_pattern():
    nothing = np.full(64, np.nan)
    assert find_period(nothing) is None
    np.testing.assert_array_equal(cycle(nothing, 8), 0)
    assert find_period(np.zeros(64)) is None


def test_a_phase_that_is_never_seen_gets_nothing():
    values, pattern = profile(64, 8, noise=0.01)
    values[3::8] = np.nan
    found = cycle(values, 8)
    np.testing.assert_array_equal(found[3::8], 0)
    assert np.std((found - pattern)[np.arange(64) % 8 != 3]) < 0.1
