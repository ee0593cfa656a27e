"""Smoothing that passes over missing pixels."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import smooth


def test_a_point_becomes_the_kernel(device):
    data = np.zeros((21, 31), np.float32)
    data[10, 15] = 1
    weights = smooth.kernel(0.85)
    half = weights.size // 2
    found = device.host(smooth.gaussian(device.array(data), 0.85))
    np.testing.assert_allclose(
        found[10 - half : 11 + half, 15 - half : 16 + half], np.outer(weights, weights), rtol=1e-6, atol=1e-12
    )
    assert weights.size == 7
    assert found.sum() == pytest.approx(1, rel=1e-6)


def test_a_constant_stays_constant_around_missing_pixels(device):
    data = np.full((300, 40), 4, np.float32)
    data[126:131, 10:12] = np.nan
    data[0, 0] = np.inf
    found = device.host(smooth.gaussian(device.array(data), 1.2))
    np.testing.assert_allclose(found[8:-8, 8:-8], 4, rtol=1e-6)


def test_beyond_the_edges_everything_is_zero():
    found = smooth.gaussian(np.ones((30, 30), np.float32), 1.0)
    assert found[15, 15] == pytest.approx(1)
    assert found[0, 0] == pytest.approx(0.4893, abs=1e-3)  # (1 + the central weight)**2 / 4


def test_where_nothing_is_near_nothing_is_found():
    data = np.full((40, 40), np.nan, np.float32)
    data[5, 5] = 1
    found = smooth.gaussian(data, 1.0)
    assert np.isnan(found[30, 30])
    assert found[6, 6] == pytest.approx(1)
