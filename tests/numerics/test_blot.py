"""Values between pixels: planes are reproduced, windows are parts of the whole, edges and NaN are kept."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.blot import blot


def test_a_plane_comes_back(device):
    y, x = np.indices((30, 40), dtype=np.float32)
    rng = np.random.default_rng(1)
    at_x, at_y = rng.uniform(0, 39, (20, 20)), rng.uniform(0, 29, (20, 20))
    found = blot(device.array(2 * x - 3 * y + 5), device.array(at_x), device.array(at_y))
    np.testing.assert_allclose(device.host(found), 2 * at_x - 3 * at_y + 5, rtol=0, atol=5e-5)
    assert found.dtype == np.float32


def test_whole_pixels_are_themselves():
    image = np.random.default_rng(2).normal(0, 1, (6, 7)).astype(np.float32)
    y, x = np.indices(image.shape, dtype=np.float64)
    np.testing.assert_array_equal(blot(image, x, y), image)


def test_edges():
    image = np.float32([[1, 2], [3, 4]])
    x = np.array([-0.001, 0.0, 1.0, 1.4, 1.999, 2.0, 0.5, np.nan, 0.5, 0.5])
    y = np.array([0.0, 0.0, 0.5, 0.5, 1.9, 0.0, -0.1, 0.0, 1.0, 1.7])
    np.testing.assert_allclose(blot(image, x, y), [np.nan, 1, 3, 3, 4, np.nan, np.nan, np.nan, 3.5, 3.5], rtol=1e-6)


def test_nan_spreads_to_what_is_next_to_it():
    image = np.zeros((5, 5), np.float32)
    image[2, 2] = np.nan
    grid = np.arange(0, 4.5, 0.5)
    x, y = np.meshgrid(grid, grid)
    np.testing.assert_array_equal(np.isnan(blot(image, x, y)), (abs(x - 2) < 1) & (abs(y - 2) < 1))


@pytest.mark.parametrize("origin, shape", [((0, 0), (30, 40)), ((3, 5), (20, 30)), ((25, 35), (5, 5))])
def test_a_window_is_part_of_the_whole(origin, shape):
    image = np.random.default_rng(3).normal(0, 1, (30, 40)).astype(np.float32)
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-2, 42, (50, 50)), rng.uniform(-2, 32, (50, 50))
    whole = blot(image, x, y)
    part = image[origin[0] : origin[0] + shape[0], origin[1] : origin[1] + shape[1]]
    found = blot(np.ascontiguousarray(part), x, y, origin, image.shape)
    known = ~np.isnan(found)
    np.testing.assert_array_equal(found[known], whole[known])
    inside = (x >= origin[1]) & (x < origin[1] + shape[1] - 1) & (y >= origin[0]) & (y < origin[0] + shape[0] - 1)
    assert known[inside].all()
