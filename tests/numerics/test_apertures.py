"""Circles and ellipses over pixels: exact areas, sums, rings."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import apertures, stamps
from jwgpu.numerics.apertures import Ellipses

SHAPES = [(1.2, 1.2, 0.0), (0.3, 0.3, 0.0), (5.5, 5.5, 0.3), (4.0, 2.0, 0.7), (6.0, 0.4, 2.1), (3.0, 2.9, 1.5)]


def ellipse(x, y, a, b, angle) -> Ellipses:
    return Ellipses(*(np.array([float(v)]) for v in (x, y, a, b, angle)))


@pytest.mark.parametrize("a, b, angle", SHAPES)
@pytest.mark.parametrize("x, y", [(20.0, 20.0), (20.31, 19.77), (20.5, 20.5)])
def test_the_parts_add_up_to_the_area(a, b, angle, x, y):
    ones = np.ones((40, 41), np.float32)
    light, error = apertures.photometry(ones, 2 * ones, ellipse(x, y, a, b, angle))
    assert light[0] == pytest.approx(np.pi * a * b, rel=1e-12)
    assert error[0] == pytest.approx(2 * np.sqrt(np.pi * a * b), rel=1e-12)


@pytest.mark.parametrize("a, b, angle", SHAPES)
def test_each_pixel_is_covered_as_counting_says(a, b, angle):
    where = ellipse(20.31, 19.77, a, b, angle)
    owner, x, y = stamps.pixels(where.windows((40, 40)))
    n = 200
    fine = (np.arange(n) + 0.5) / n - 0.5
    sub_y, sub_x = np.meshgrid(fine, fine, indexing="ij")
    for k, part in enumerate(where.cover(owner, x, y)):
        px, py = x[k] + sub_x.ravel(), y[k] + sub_y.ravel()
        counted = (where.radii(np.zeros(px.size, int), px, py) < 1).mean()
        assert part == pytest.approx(counted, abs=4e-3)


def test_what_lies_off_the_image_counts_for_nothing():
    ones = np.ones((20, 20), np.float32)
    half, _ = apertures.photometry(ones, ones, ellipse(-0.5, 10, 3, 3, 0))
    assert half[0] == pytest.approx(np.pi * 9 / 2, rel=1e-12)
    for x, y in ((-30, 5), (5, 60), (np.nan, 5)):
        assert np.isnan(apertures.photometry(ones, ones, ellipse(x, y, 3, 3, 0))).all()


def test_a_bad_pixel_inside_spoils_the_sum_and_one_outside_does_not():
    data = np.ones((20, 20), np.float32)
    data[10, 12] = np.nan
    assert np.isnan(apertures.photometry(data, data, ellipse(10, 10, 2, 2, 0))[0][0])
    assert apertures.photometry(data, data, ellipse(10, 10, 1.4, 1.4, 0))[0][0] == pytest.approx(np.pi * 1.96)


def test_many_are_measured_as_one_by_one(monkeypatch):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(50, 60)).astype(np.float32)
    where = Ellipses(*rng.uniform((0, 0, 1, 0.5, 0), (60, 50, 9, 1, 6), (40, 5)).T)
    together = apertures.photometry(data, data, where)
    monkeypatch.setattr(stamps, "_PIXELS", 50)
    np.testing.assert_array_equal(apertures.photometry(data, data, where), together)
    single = [apertures.photometry(data, data, where[[k]])[0][0] for k in range(40)]
    np.testing.assert_array_equal(single, together[0])


def test_windows_of_nothing():
    assert list(stamps.parts(np.zeros((4, 0), int))) == []
    owner, x, y = stamps.pixels(np.zeros((4, 3), int))
    assert owner.size == x.size == y.size == 0


def test_the_ring_gives_the_background_and_leaves_stars_out():
    rng = np.random.default_rng(2)
    data = rng.normal(7, 0.5, (60, 60)).astype(np.float32)
    data[20, 30] = data[41, 29] = 1e4
    level, error = apertures.annulus(data, np.array([30.0, np.nan, 900.0]), np.array([30.0, 3.0, 3.0]), 8.0, 12.0)
    n = np.pi * (144 - 64)
    assert level[0] == pytest.approx(7, abs=4 * 0.5 * np.sqrt(np.pi / 2 / n))
    assert error[0] == pytest.approx(0.5 * np.sqrt(np.pi / 2 / n), rel=0.15)
    assert np.isnan(level[1:]).all()


def test_a_ring_holds_the_pixels_whose_centres_lie_in_it():
    y, x = np.mgrid[:21, :21]
    distance = np.hypot(x - 10, y - 10)
    data = np.where((distance >= 3) & (distance < 5), 1.0, np.nan).astype(np.float32)
    level, _ = apertures.annulus(data, np.array([10.0]), np.array([10.0]), 3.0, 5.0)
    assert level[0] == 1
    holes = np.where(np.isnan(data), 1.0, np.nan).astype(np.float32)
    assert np.isnan(apertures.annulus(holes, np.array([10.0]), np.array([10.0]), 3.0, 5.0)[0][0])
