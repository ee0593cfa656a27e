"""The outline of several polygons together, in a plane."""

from __future__ import annotations

import itertools

import numpy as np

from jwgpu.numerics.polygon import area, clip

NEAR = 1e-6
"""Pixels: closer points are one."""


def union(polygons) -> list[np.ndarray]:
    """Return the outer outlines of what polygons cover together, counterclockwise.

    The sides are cut where they meet; those parts that no other polygon covers are the outline, and are put end to end.
    Holes are left out.

    Parameters
    ----------
    polygons : sequence of (n, 2) float64
        Convex, in either direction.

    Returns
    -------
    list of (m, 2) float64
    """
    polygons = _different([p if area(p) > 0 else p[::-1] for p in map(np.asarray, polygons)])
    starts, ends = [], []
    for k, polygon in enumerate(polygons):
        for a, b in zip(polygon, np.roll(polygon, -1, axis=0)):
            cuts = np.unique(
                np.concatenate([[0.0, 1.0], *(_crossings(a, b, p) for p in polygons[:k] + polygons[k + 1 :])])
            )
            points = a + cuts[:, None] * (b - a)
            for start, end in itertools.pairwise(points):
                if np.hypot(*(end - start)) > NEAR and not _covered((start + end) / 2, b - a, polygons, k):
                    starts.append(start)
                    ends.append(end)
    return [loop for loop in _chained(np.array(starts), np.array(ends)) if area(loop) > 0]


def within(outlines, low, high) -> list[np.ndarray]:
    """Return the parts of outlines inside a rectangle with the corners `low` and `high` (x, y)."""
    (x0, y0), (x1, y1) = low, high
    window = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)
    parts = [clip(outline, window) for outline in outlines]
    return [simplified(part) for part in parts if len(part) > 2 and area(part) > NEAR]


def simplified(polygon, least: float = 0.05) -> np.ndarray:
    """Return a polygon without vertices closer to the one before than `least`, or on the line of their neighbours."""
    polygon = polygon[np.hypot(*(polygon - np.roll(polygon, 1, axis=0)).T) > least]
    before, after = np.roll(polygon, 1, axis=0), np.roll(polygon, -1, axis=0)
    (ax, ay), (bx, by) = (polygon - before).T, (after - polygon).T
    turn = abs(ax * by - ay * bx) / (np.hypot(ax, ay) * np.hypot(bx, by))
    return polygon[turn > 1e-6]


def _different(polygons) -> list:
    kept: list[np.ndarray] = []
    for polygon in polygons:
        start = np.lexsort(np.round(polygon.T / NEAR))[0]
        turned = np.roll(polygon, -start, axis=0)
        if not any(len(p) == len(turned) and np.abs(p - turned).max() < NEAR for p in kept):
            kept.append(turned)
    return kept


def _crossings(a, b, polygon) -> np.ndarray:
    """Return where along a -> b (0 to 1) sides of a polygon begin, end or cross."""
    p, q = polygon, np.roll(polygon, -1, axis=0)
    (dx, dy), (ex, ey) = b - a, (q - p).T
    across = dx * ey - dy * ex
    px, py = (p - a).T
    parallel = abs(across) < 1e-12 * np.hypot(dx, dy) * np.hypot(ex, ey)
    safe = np.where(parallel, 1.0, across)
    t, u = (px * ey - py * ex) / safe, (px * dy - py * dx) / safe
    meet = ~parallel & (t > 0) & (t < 1) & (u > -1e-9) & (u < 1 + 1e-9)
    on_line = abs(px * dy - py * dx) < NEAR * np.hypot(dx, dy)
    along = (px * dx + py * dy) / (dx * dx + dy * dy)
    return np.concatenate([t[meet], along[on_line & (along > 0) & (along < 1)]])


def _covered(point, direction, polygons, own: int) -> bool:
    """Say whether a point on a side of polygon `own` lies in another one, or on a side that counts in its stead."""
    for k, polygon in enumerate(polygons):
        if k == own:
            continue
        side = np.roll(polygon, -1, axis=0) - polygon
        away = point - polygon
        height = (side[:, 0] * away[:, 1] - side[:, 1] * away[:, 0]) / np.hypot(*side.T)
        if (height > NEAR).all():
            return True
        if (height > -NEAR).all():  # on the edge
            same = side[np.argmin(height)] @ direction > 0
            if not same or k < own:
                return True
    return False


def _chained(starts, ends) -> list[np.ndarray]:
    """Return closed loops of segments put end to end."""
    left, loops = list(range(len(starts))), []
    while left:
        loop = [left.pop(0)]
        while True:
            tip = ends[loop[-1]]
            if len(loop) > 2 and np.hypot(*(starts[loop[0]] - tip)) < 10 * NEAR:
                loops.append(starts[loop])
                break
            away = np.hypot(*(starts[left] - tip).T) if left else np.array([np.inf])
            if away.min() > 10 * NEAR:
                break
            loop.append(left.pop(int(np.argmin(away))))
    return loops
