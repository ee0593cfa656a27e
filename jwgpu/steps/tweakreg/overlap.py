"""How much the fields of sources overlap on the sky."""

from __future__ import annotations

import numpy as np


def hull(directions: np.ndarray) -> np.ndarray:
    """Return the directions, in turn around them, of the convex hull of positions (3, n) less than 90 degrees apart."""
    from scipy.spatial import ConvexHull, QhullError

    middle = directions.mean(axis=1)
    x, y = _plane(middle, directions)
    try:
        return directions[:, ConvexHull(np.stack([x, y], axis=1)).vertices]
    except (QhullError, ValueError):  # fewer than three, or all on a line
        return directions[:, :0]


def overlap(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """Return the area that two sets of convex outlines have in common, summed over pairs, steradian."""
    return float(sum(_common(a, b) for a in first for b in second))


def _common(a: np.ndarray, b: np.ndarray) -> float:
    """Return the area that two outlines (3, n) have in common, in the plane that touches the middle of the first."""
    if a.shape[1] < 3 or b.shape[1] < 3:
        return 0.0
    middle = a.mean(axis=1)
    if (middle @ b <= 0).any():
        return 0.0
    polygon, window = (np.stack(_plane(middle, outline), axis=1) for outline in (b, a))
    if _area(window) < 0:
        window = window[::-1]
    for start, end in zip(window, np.roll(window, -1, axis=0)):  # Sutherland & Hodgman
        if len(polygon) < 3:
            return 0.0
        edge = end - start
        side = edge[0] * (polygon[:, 1] - start[1]) - edge[1] * (polygon[:, 0] - start[0])
        kept = []
        for k, corner in enumerate(polygon):
            before, s, t = polygon[k - 1], side[k - 1], side[k]
            if (s >= 0) != (t >= 0):
                kept.append(before + (corner - before) * s / (s - t))
            if t >= 0:
                kept.append(corner)
        polygon = np.array(kept).reshape(-1, 2)
    return abs(_area(polygon)) if len(polygon) > 2 else 0.0


def _area(polygon: np.ndarray) -> float:
    x, y = (polygon - polygon.mean(axis=0)).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _plane(middle: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates in the plane that touches the sphere at a direction."""
    middle = middle / np.linalg.norm(middle)
    across = np.cross(middle, np.eye(3)[np.argmin(abs(middle))])
    across /= np.linalg.norm(across)
    depth = middle @ directions
    return across @ directions / depth, np.cross(middle, across) @ directions / depth
