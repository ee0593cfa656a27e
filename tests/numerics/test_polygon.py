"""Polygons on the sky and on pixels: overlaps of known area, anywhere on the sky; pixels inside."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import polygon

ARCSEC = np.radians(1 / 3600)
PLACES = [(0.0, 0.0), (359.9999, 20.0), (123.0, -69.0), (10.0, 90.0), (200.0, -89.9999), (180.0, 89.9)]


def box(place, x, y, width, height, turn=0.0):
    """Return a rectangle (arcsec) in the tangent plane of a place, as unit vectors."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - [width / 2, height / 2]
    c, s = np.cos(turn), np.sin(turn)
    plane = polygon.TangentPlane(polygon.directions(*place))
    vectors = plane.back((corners @ [[c, s], [-s, c]] + [x, y]) * ARCSEC)
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def total_area(parts, place):
    plane = polygon.TangentPlane(polygon.directions(*place))
    return sum(abs(polygon.area(plane(part))) for part in parts) / ARCSEC**2


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("flip", [False, True])
def test_overlap_of_boxes(place, flip):
    one, other = box(place, 0, 0, 100, 60), box(place, 70, 10, 100, 60)
    other = other[::-1] if flip else other
    found = polygon.overlap(one, other)
    assert total_area(found, place) == pytest.approx(30 * 50, rel=1e-9)
    assert len(found) == 1


@pytest.mark.parametrize("place", PLACES)
def test_overlap_of_turned_boxes_is_an_octagon(place):
    found = polygon.overlap(box(place, 0, 0, 2, 2), box(place, 0, 0, 2, 2, np.pi / 4))
    assert total_area(found, place) == pytest.approx(8 * (np.sqrt(2) - 1), rel=1e-9)


def test_overlap_is_symmetric():
    rng = np.random.default_rng(1)
    for place in PLACES:
        boxes = [box(place, *rng.uniform(-60, 60, 2), *rng.uniform(50, 150, 2), rng.uniform(0, 6)) for _ in range(6)]
        for one in boxes:
            for other in boxes:
                areas = [total_area(polygon.overlap(*pair), place) for pair in ((one, other), (other, one))]
                assert areas[0] == pytest.approx(areas[1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("place", PLACES)
def test_boxes_apart_do_not_overlap(place):
    near = box(place, 0, 0, 100, 60)
    for other in (box(place, 101, 0, 100, 60), box(place, 3000, 0, 10, 10), -near):
        assert polygon.overlap(near, other) == []


def test_a_box_overlaps_itself():
    """Neither rounding nor coinciding sides lose it."""
    for place in PLACES:
        one = box(place, 0, 0, 100, 60, 0.3)
        assert total_area(polygon.overlap(one, one), place) == pytest.approx(6000, rel=1e-9)


def test_overlap_of_outlines_that_are_not_convex():
    """Two bent outlines, like those of a distorted detector seen with many vertices."""
    place = (30.0, 40.0)
    plane = polygon.TangentPlane(polygon.directions(*place))
    t = np.linspace(-1, 1, 21)[:-1]
    sides = [np.stack(s, 1) for s in ((t, -1 + 0.1 * (1 - t**2)), (1 + 0 * t, t), (-t, 1 + 0 * t), (-1 + 0 * t, -t))]
    bent = np.concatenate(sides) * 60 * ARCSEC
    found = polygon.overlap(plane.back(bent), plane.back(bent + np.array([30 * ARCSEC, 0])))
    x = np.linspace(-0.5, 1, 2001)
    bottom = np.maximum(0.1 * (1 - x**2), 0.1 * (1 - (x - 0.5) ** 2)) - 1
    assert total_area(found, place) / 60**2 == pytest.approx(np.trapezoid(1 - bottom, x), rel=2e-3)
    assert len(found) > 1


def test_places_come_back():
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    found = polygon.sky(polygon.directions(ra, dec))
    np.testing.assert_allclose(found[0], ra, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found[1], dec, rtol=0, atol=1e-10)
    plane = polygon.TangentPlane(polygon.directions(10.0, 90.0))
    near = polygon.directions(rng.uniform(0, 360, 50), rng.uniform(80, 90, 50))
    back = plane.back(plane(near))
    np.testing.assert_allclose(back / np.linalg.norm(back, axis=1)[:, None], near, rtol=0, atol=1e-12)


@pytest.mark.parametrize("step, n", [(None, 4), (1000, 4), (10, 24)])
def test_outline_runs_around_the_pixels(step, n):
    x, y = polygon.outline((50, 70), step)
    assert len(x) == n
    assert polygon.area(np.stack([x, y], 1)) == pytest.approx(50 * 70)
    assert (x.min(), x.max(), y.min(), y.max()) == (-0.5, 69.5, -0.5, 49.5)
    if step:
        assert np.hypot(np.diff(x), np.diff(y)).max() <= step + 1e-9


def filled(x, y, shape=(50, 40)):
    first, after = polygon.rows_inside(np.array(x, float), np.array(y, float), shape)
    column = np.arange(shape[1])
    return (column >= first[:, None]) & (column < after[:, None])


def test_pixels_inside_a_rectangle():
    found = filled([3.2, 10.4, 10.4, 3.2], [5, 5, 20.6, 20.6])
    assert found[5:22, 3:11].all()
    assert found.sum() == 17 * 8


def test_all_pixels_lie_in_their_own_outline():
    assert filled(*polygon.outline((50, 40))).all()


@pytest.mark.parametrize("x, y", [([60, 70, 70], [5, 5, 20]), ([5, 5, 5], [1, 9, 30]), ([1, 9, 20], [-30, -30, -2])])
def test_no_pixels_inside(x, y):
    assert not filled(x, y).any()


def test_pixels_inside_turned_polygons():
    """Where a pixel is more than one and a half from every side, there is no doubt about it."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(np.arange(40.0), np.arange(50.0)), -1)
    for _ in range(30):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 5))
        corners = [20, 25] + 18 * np.stack([np.cos(angle), np.sin(angle)], 1)
        side = np.roll(corners, -1, axis=0) - corners
        height = np.stack([
            (s[0] * (grid[..., 1] - c[1]) - s[1] * (grid[..., 0] - c[0])) / np.hypot(*s) for s, c in zip(side, corners)
        ])  # fmt: skip
        found = filled(*corners.T)
        assert found[(height > 1.5).all(axis=0)].all()
        assert not found[(height < -1.5).any(axis=0)].any()
