"""Boolean planes grow as squares and disks, and open by disks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from jwgpu.numerics import blobs
from jwgpu.numerics.masks import around, grow, opened


@pytest.mark.parametrize("n_pixels", [0, 1, 2, 5])
@pytest.mark.parametrize("shape", [(9, 14), (1, 6), (6, 1), (3, 3)])
def test_growth_is_dilation_by_a_square(device, n_pixels, shape):
    mask = np.random.default_rng(n_pixels).random(shape) < 0.1
    expected = binary_dilation(mask, np.ones((2 * n_pixels + 1,) * 2))
    np.testing.assert_array_equal(device.host(grow(device.array(mask), n_pixels)), expected)


@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_opening_is_erosion_and_dilation(device, radius):
    offset = np.arange(-radius, radius + 1) ** 2
    disk = offset[:, None] + offset <= radius**2
    rng = np.random.default_rng(radius)
    for fraction in (0.0, 0.5, 0.8, 0.97, 1.0):
        mask = rng.random((31, 47)) < fraction
        eroded = binary_erosion(mask, disk, border_value=True)
        expected = binary_dilation(eroded, disk)
        np.testing.assert_array_equal(device.host(opened(device.array(mask), radius)), expected)


def test_around_points_of_different_radius(device):
    rng = np.random.default_rng(3)
    shape = (40, 61)
    place, radius = rng.integers(0, 40 * 61, 12), rng.choice([0.0, 1, 2, 2.5, 7, 80], 12)
    radius[:6] = np.minimum(radius[:6], 3)
    radius[6:] = np.minimum(radius[6:], 7)
    expected = np.zeros(shape, bool)
    for p, r in zip(place, radius):
        far = np.ones(shape, bool)
        far[p // 61, p % 61] = False
        expected |= distance_transform_edt(far) <= r
    found = around(device.array(place), device.array(radius), shape)
    np.testing.assert_array_equal(device.host(found), expected)
    assert not device.host(around(device.array(place[:0]), device.array(radius[:0]), shape)).any()


def test_holes_are_filled_up_to_a_size(device):
    mask = np.ones((20, 30), bool)
    mask[3:6, 3:6] = mask[10:14, 10:13] = mask[0, 20:22] = mask[6, 6] = False  # 9, 12, 2 at the edge, 1 at a corner
    for largest, left in ((0, 24), (1, 23), (2, 21), (9, 12), (11, 12), (12, 0)):
        filled = device.host(blobs.fill(device.array(mask), largest))
        assert np.count_nonzero(~filled) == left
        assert filled[mask].all()
