"""Sharpness and roundness of Gaussians and single pixels."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import daofind

SIGMA = 2.0 / 2.3548


def test_a_gaussian_is_round_and_a_pixel_is_sharper():
    y, x = np.mgrid[:41, :41]
    data = np.exp(-0.5 * ((x - 20) ** 2 + (y - 20) ** 2) / SIGMA**2).astype(np.float32)
    at = np.array([20.0])
    sharp, round_ = daofind.shapes(data + 3, at, at, SIGMA)
    assert abs(round_[0]) < 1e-4
    single = np.zeros((41, 41), np.float32)
    single[20, 20] = 1
    assert daofind.shapes(single, at, at, SIGMA)[0][0] > sharp[0] > 0.4


@pytest.mark.parametrize("a, b, sign", [(1.5, 0.7, -1), (0.7, 1.5, 1)])
def test_what_extends_along_an_axis_is_not_round(a, b, sign):
    y, x = np.mgrid[:41, :41]
    data = np.exp(-0.5 * (((x - 20) / a) ** 2 + ((y - 20) / b) ** 2)).astype(np.float32)
    _, round_ = daofind.shapes(data, np.array([20.0]), np.array([20.0]), SIGMA)
    assert sign * round_[0] > 0.1


def test_without_a_position_there_is_no_shape():
    data = np.ones((20, 20), np.float32)
    for found in daofind.shapes(data, np.array([np.nan, 500.0]), np.array([5.0, 5.0]), SIGMA):
        assert np.isnan(found[0])
