"""Sigma clipping: rounds of median and standard deviation, as in astropy."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import clipping


def _values(seed=0, shape=(60, 8, 9)):
    rng = np.random.default_rng(seed)
    values = rng.normal(5, 2, shape) + (rng.random(shape) < 0.1) * rng.exponential(40, shape)
    values[rng.random(shape) < 0.05] = np.nan
    values[0, 0, 0], values[:, 1, 1], values[1:, 2, 2] = np.inf, np.nan, np.nan
    values[:, 3, 3] = 7
    return values.astype(np.float32)


@pytest.mark.parametrize("sigma", [2.0, 3.0, 5.0])
def test_bounds_are_those_of_astropy(sigma):
    stats = pytest.importorskip("astropy.stats")
    values = _values()
    finite = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(all="ignore"):
        _, low, high = stats.sigma_clip(np.ma.masked_invalid(finite), sigma, axis=0, return_bounds=True)
    lower, upper = clipping.bounds(values, sigma)
    some = np.isfinite(values).any(axis=0)
    np.testing.assert_allclose(lower[some], low[some], rtol=1e-6)
    np.testing.assert_allclose(upper[some], high[some], rtol=1e-6)
    assert np.isnan(lower[~some]).all()


def test_what_is_left_has_a_median_and_a_scatter():
    values = np.full((1000, 2), 3.0, np.float32)
    values[:, 1] = np.tile([-1, 1], 500)
    values[4] = 1e6
    middle, scatter = clipping.statistics(values, 5.0)
    np.testing.assert_allclose(middle, [3, 1])
    np.testing.assert_allclose(scatter, [0, 1], atol=1e-5)


def test_blocks_have_a_row_at_least(monkeypatch):
    for most, rows in ((1, 1), (500, 3), (1 << 22, 25420)):
        monkeypatch.setattr(clipping, "BLOCK", most)
        assert clipping.rows_of_block((3, 5, 17, 11)) == rows


def test_same_on_every_device(device):
    values = _values(1)
    for found, expected in zip(clipping.bounds(device.array(values), 3.0), clipping.bounds(values, 3.0)):
        np.testing.assert_allclose(device.host(found), expected, rtol=1e-12)
