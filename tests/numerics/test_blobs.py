"""Blobs: which pixels hang together, what ellipse they make, which pixels an ellipse has."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import blobs


def _picture(*rows):
    return np.array([[c == "#" for c in row] for row in rows])


def _one(y, x, minor, major, angle=0.0):
    return blobs.Ellipses(*(np.array([float(v)]) for v in (y, x, minor, major, angle)))


def test_pixels_that_touch_at_corners_are_one_blob():
    mask = _picture("#....", ".#..#", "....#", "#....")
    found = blobs.find(mask, 1)
    assert len(found) == 3
    assert len(blobs.find(mask, 2)) == 2
    assert len(blobs.find(mask, 3)) == 0
    assert len(blobs.find(np.zeros((4, 4), bool), 1)) == 0


def test_the_ellipse_of_an_ellipse_is_itself():
    y, x = np.mgrid[:120, :150]
    for angle in (-1.2, 0.0, 0.4, np.pi / 4, 1.5):
        along = (y - 60) * np.cos(angle) + (x - 70) * np.sin(angle)
        across = (y - 60) * np.sin(angle) - (x - 70) * np.cos(angle)
        (found,) = [blobs.find((along / 40) ** 2 + (across / 20) ** 2 < 1, 10)]
        assert found.y == pytest.approx(60, abs=1e-9)
        assert found.x == pytest.approx(70, abs=1e-9)
        assert (found.major + 1, found.minor + 1) == (pytest.approx(80, abs=0.3), pytest.approx(40, abs=0.3))
        assert np.sin(found.angle - angle) == pytest.approx(0, abs=0.01)
        drawn = blobs.draw(found, (found.minor + 1) / 2, (found.major + 1) / 2, y.shape)
        assert drawn.sum() == pytest.approx(np.pi * 40 * 20, rel=0.02)


def test_lines_and_points_have_no_width():
    found = blobs.find(_picture("#####", ".....", "..#.."), 1)
    np.testing.assert_array_equal(found.minor, [-1, -1])
    assert found.major[1] == -1
    assert found.major[0] == pytest.approx(4 * np.sqrt(2) - 1)


def test_holes_count_with_all_that_is_in_them():
    rng = np.random.default_rng(1)
    ring = np.zeros((41, 41), bool)
    y, x = np.mgrid[:41, :41]
    radius = np.maximum(abs(y - 20), abs(x - 20))
    ring[(radius == 18) | (radius == 10) | (radius == 2)] = True  # 37^2 in all, holes filled
    for area, n in ((16, 3), (25, 3), (26, 2), (21**2, 2), (21**2 + 1, 1), (37**2, 1), (37**2 + 1, 0)):
        assert len(blobs.find(ring, area)) == n, area
    ring[2, 20] = False  # a gap lets the outside in
    assert len(blobs.find(ring, 148)) == 1
    edge = np.zeros((9, 9), bool)
    edge[4, :5] = edge[:5, 4] = True  # what the edge of the image closes is no hole
    assert len(blobs.find(edge, 10)) == 0
    assert len(blobs.find(rng.random((30, 30)) < 0.5, 9)) > 0


def test_filled_areas_are_those_of_scipy():
    from scipy import ndimage

    for seed in range(20):
        rng = np.random.default_rng(seed)
        mask = ndimage.uniform_filter(rng.random((60, 60)), 2 + seed % 3) > 0.5
        labels, n = ndimage.label(mask, np.ones((3, 3)))
        filled = [ndimage.binary_fill_holes(np.pad(labels == k + 1, 1), np.ones((3, 3))).sum() for k in range(n)]
        for area in (9, 15, 30, 100):
            assert len(blobs.find(mask, area)) == (np.array(filled) >= area).sum()


def test_drawing_is_cut_at_the_edge_of_the_image():
    drawn = blobs.draw(_one(0, 0, 0, 0), np.array([5.0]), np.array([5.0]), (20, 30))
    y, x = np.mgrid[:20, :30]
    np.testing.assert_array_equal(drawn, y**2 + x**2 < 25)
    assert not blobs.draw(_one(5, 5, 0, 0), np.array([0.0]), np.array([9.0]), (20, 30)).any()
    assert not blobs.draw(_one(5, 5, 0, 0)[np.zeros(1, bool)], np.zeros(0), np.zeros(0), (20, 30)).any()


def test_many_ellipses_are_drawn_as_one_by_one(monkeypatch):
    rng = np.random.default_rng(3)
    many = blobs.Ellipses(*(rng.uniform(0, top, 60) for top in (100, 80, 30, 60, 3)))
    expected = np.zeros((100, 80), bool)
    for k in range(60):
        one = many[np.array([k])]
        expected |= blobs.draw(one, one.minor / 2, one.major / 2, expected.shape)
    for grid in (1 << 22, 1):
        monkeypatch.setattr(blobs, "GRID", grid)
        np.testing.assert_array_equal(blobs.draw(many, many.minor / 2, many.major / 2, expected.shape), expected)


def test_points_in_ellipses(monkeypatch):
    ellipse = _one(50, 50, 10, 40)
    for pairs in (1 << 22, 1):
        monkeypatch.setattr(blobs, "PAIRS", pairs)
        points = np.array([[50, 69], [50, 71], [54, 50], [56, 50]], float)
        inside = [bool(blobs.contain(ellipse, p[:1], p[1:])[0]) for p in points]
        assert inside == [True, False, True, False]
        assert blobs.contain(ellipse, points[:, 0], points[:, 1]).tolist() == [True]
    assert blobs.contain(ellipse, np.zeros(0), np.zeros(0)).tolist() == [False]


def test_same_on_every_device(device):
    rng = np.random.default_rng(5)
    mask = rng.random((70, 90)) < 0.35
    expected, found = blobs.find(mask, 12), blobs.find(device.array(mask), 12)
    for name in ("y", "x", "minor", "major", "angle"):
        np.testing.assert_allclose(device.host(getattr(found, name)), getattr(expected, name), rtol=1e-12, atol=1e-12)
    drawn = blobs.draw(found, found.minor, found.major, mask.shape)
    np.testing.assert_array_equal(device.host(drawn), blobs.draw(expected, expected.minor, expected.major, mask.shape))
    inside = blobs.contain(found, found.y + 1, found.x)
    np.testing.assert_array_equal(device.host(inside), blobs.contain(expected, expected.y + 1, expected.x))
