"""Groups of pixels and what they say of a source."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import isophotes


def test_groups_of_enough_pixels_are_labelled_from_below():
    above = np.zeros((12, 12), bool)
    above[1:3, 1:3] = above[5, 5:9] = above[9:11, 2:4] = True
    above[11, 11] = True
    labels = isophotes.detect(above, 4, 8)
    assert (labels[1, 1], labels[5, 5], labels[9, 2], labels[11, 11]) == (1, 2, 3, 0)
    assert labels.dtype == np.int32


@pytest.mark.parametrize("connectivity, groups", [(8, 1), (4, 2)])
def test_corners_connect_or_not(connectivity, groups):
    above = np.zeros((6, 6), bool)
    above[1:3, 1:3] = above[3:5, 3:5] = True
    assert isophotes.detect(above, 4, connectivity).max() == groups


def gaussian(x0, y0, a, b, angle, shape=(80, 90)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    u = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    v = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    return np.exp(-0.5 * ((u / a) ** 2 + (v / b) ** 2)).astype(np.float32)


def test_moments_of_a_gaussian():
    data = 5 * gaussian(40.3, 39.2, 6, 3, 0.5)
    labels = (data > 1e-6).astype(np.int32)
    found = isophotes.measure(data, np.ones_like(data), data, labels)
    assert (found.x[0], found.y[0]) == pytest.approx((40.3, 39.2), abs=1e-4)
    assert (found.a[0], found.b[0]) == pytest.approx((6, 3), rel=1e-3)
    assert found.angle[0] == pytest.approx(0.5, abs=1e-4)
    assert found.flux[0] == pytest.approx(5 * 2 * np.pi * 18, rel=1e-4)
    assert found.error[0] == pytest.approx(np.sqrt(labels.sum()))


def test_bad_pixels_are_left_out():
    data = gaussian(20, 20, 3, 3, 0, (40, 40))
    labels = (data > 0.01).astype(np.int32)
    whole = isophotes.measure(data, data, data, labels)
    holed = data.copy()
    holed[20, 20] = np.nan
    found = isophotes.measure(holed, data, data, labels)
    assert found.area[0] == whole.area[0] - 1
    assert found.flux[0] == pytest.approx(whole.flux[0] - 1)
    nothing = isophotes.measure(np.full_like(data, np.nan), data, data, labels)
    assert np.isnan([nothing.area[0], nothing.flux[0], nothing.x[0], nothing.a[0]]).all()


def test_a_line_is_a_pixel_wide():
    data = np.zeros((20, 20), np.float32)
    data[10, 3:12] = 1
    found = isophotes.measure(data, data, data, data.astype(np.int32))
    assert found.b[0] == pytest.approx(np.sqrt(1 / 12))
    assert found.a[0] == pytest.approx(np.sqrt((81 - 1) / 12 + 1 / 12))
    assert found.angle[0] == 0


def test_no_sources_have_no_rows():
    nothing = np.zeros((9, 9), np.float32)
    found = isophotes.measure(nothing, nothing, nothing, nothing.astype(np.int32))
    assert found.x.shape == (0,)
    assert found.box.shape == (4, 0)


def test_the_background_around_a_source():
    rng = np.random.default_rng(3)
    data = rng.normal(2, 0.1, (80, 80)).astype(np.float32)
    labels = np.zeros(data.shape, np.int32)
    labels[35:45, 35:45] = 1
    labels[20:30, 45:50] = 2
    data[labels > 0] = 100
    level = isophotes.surroundings(data, labels, np.array([[35, 45, 35, 45]]).T, 5)
    assert level[0] == pytest.approx(2, abs=0.05)
    data[labels == 0] = np.nan
    assert isophotes.surroundings(data, labels, np.array([[35, 45, 35, 45]]).T, 5)[0] == 0
