"""Polygons on the sky and on the pixels of a detector: overlaps, and which pixels lie inside.

Sides of a polygon on the sky are arcs of great circles. In a tangent plane they are straight, so that clipping there
is exact, at the poles and at 0 hours of right ascension as anywhere.
"""

from __future__ import annotations

import numpy as np

_LEAST_AREA = 1e-17
"""Square radian: less than a thousandth of the area of a pixel of any detector is no overlap."""

_STRAIGHT = 1e-18
"""Square radian: turns within rounding count as none."""


def outline(shape: tuple[int, int], step: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of vertices along the outer edge of the pixels of an image, counterclockwise.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    step : int, optional
        Pixels between vertices along a side, at most; corners alone where it is not given.
    """
    n_y, n_x = shape
    count = [2 if step is None else max(2, int(np.ceil((n + 1) / step))) for n in (n_x, n_y)]
    x = np.linspace(-0.5, n_x - 0.5, count[0])[:-1]
    y = np.linspace(-0.5, n_y - 0.5, count[1])[:-1]
    right, top, left = np.full(y.size, n_x - 0.5), np.full(x.size, n_y - 0.5), np.full(y.size, -0.5)
    across, up = n_x - 1 - x, n_y - 1 - y
    return np.concatenate([x, right, across, left]), np.concatenate([np.full(x.size, -0.5), y, top, up])


def directions(ra, dec) -> np.ndarray:
    """Return the unit vectors (n, 3) of sky coordinates in degrees."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def sky(vectors) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension (0 to 360) and declination, in degrees, of vectors (n, 3)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


class TangentPlane:
    """The plane that touches the sky at a point; coordinates in radians, first to the east, then to the north."""

    def __init__(self, centre):
        self.centre = np.asarray(centre) / np.linalg.norm(centre)
        pole = np.array([0.0, 0.0, 1.0]) if abs(self.centre[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        east = np.cross(pole, self.centre)
        self._east = east / np.linalg.norm(east)
        self._north = np.cross(self.centre, self._east)

    def __call__(self, vectors) -> np.ndarray:
        """Return the coordinates (n, 2) of directions (n, 3) less than 90 degrees from the centre."""
        along = vectors @ self.centre
        return np.stack([vectors @ self._east, vectors @ self._north], axis=-1) / along[..., None]

    def back(self, points) -> np.ndarray:
        """Return the vectors (n, 3), of any length, of points (n, 2)."""
        return self.centre + points[..., :1] * self._east + points[..., 1:] * self._north


def area(points) -> float:
    """Return the area of a polygon (n, 2); positive where its vertices run counterclockwise."""
    x, y = np.moveaxis(points - points[:1], -1, 0)
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def is_convex(points) -> bool:
    """Say whether a polygon (n, 2) whose vertices run counterclockwise turns to the left only."""
    side = np.roll(points, -1, axis=0) - points
    after = np.roll(side, -1, axis=0)
    return bool((side[:, 0] * after[:, 1] - side[:, 1] * after[:, 0] > -_STRAIGHT).all())


def clip(subject, window) -> np.ndarray:
    """Return the part of a polygon that lies inside a convex one; both run counterclockwise (Sutherland & Hodgman).

    Parameters
    ----------
    subject, window : (n, 2) float64

    Returns
    -------
    (m, 2) float64
        No vertices where they do not overlap.
    """
    for start, end in zip(window, np.roll(window, -1, axis=0)):
        if not len(subject):
            break
        along = end - start
        # Positive to the left of the side of the window, that is inside.
        height = along[0] * (subject[:, 1] - start[1]) - along[1] * (subject[:, 0] - start[0])
        kept = []
        for point, other, h, h_other in zip(subject, np.roll(subject, -1, axis=0), height, np.roll(height, -1)):
            if h >= 0:
                kept.append(point)
            if (h > 0 > h_other) or (h < 0 < h_other):
                kept.append(point + (other - point) * (h / (h - h_other)))
        subject = np.array(kept).reshape(-1, 2)
    return subject


def overlap(one, other) -> list[np.ndarray]:
    """Return where two polygons on the sky overlap.

    Parameters
    ----------
    one, other : (n, 3) float64
        Unit vectors of the vertices, in either direction; each polygon lies within 45 degrees of its centre.

    Returns
    -------
    list of (m, 3) float64
        Vectors of the vertices of polygons that cover the overlap; several where one of the two is not convex. None
        where they do not overlap.
    """
    middle = [p.mean(axis=0) / np.linalg.norm(p.mean(axis=0)) for p in (one, other)]
    reach = [np.arccos(np.clip(p @ m, -1, 1)).max() for p, m in zip((one, other), middle)]
    if np.arccos(np.clip(middle[0] @ middle[1], -1, 1)) > sum(reach):
        return []
    plane = TangentPlane(middle[0])
    pair = [p if area(p) >= 0 else p[::-1] for p in (plane(one), plane(other))]
    if is_convex(pair[1]):
        windows = [pair[1]]
    elif is_convex(pair[0]):
        pair, windows = pair[::-1], [pair[0]]
    else:
        # The edge of a distorted image is seen whole from its middle.
        centre, edge = pair[1].mean(axis=0), pair[1]
        windows = [np.stack([centre, a, b]) for a, b in zip(edge, np.roll(edge, -1, axis=0))]
    found = [clip(pair[0], window) for window in windows]
    return [plane.back(part) for part in found if len(part) > 2 and abs(area(part)) > _LEAST_AREA]


def rows_inside(x, y, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each row of an image, the first pixel inside a polygon and the one after the last.

    Vertices are rounded to whole pixels. A row takes part from the lowest vertex to the highest, both included, and
    in it the pixels from where its left side crosses the row to where its right side does, both rounded upwards. This
    is how gwcs fills regions, on which the official numbers rest.

    Parameters
    ----------
    x, y : (n,) float64
        Vertices in pixels; a row crosses the outline of the polygon twice at most.
    shape : (int, int)

    Returns
    -------
    first, after : (row,) int64
        Equal where a row has no pixel inside.
    """
    # Rounding takes place to the right of and above the first pixel, as there.
    shift = [min(float(v.min()), 0.0) for v in (x, y)]
    x, y = (np.rint(v - s).astype(np.int64) for v, s in zip((x, y), shift))
    shift = [int(np.rint(s)) for s in shift]
    first, after = np.zeros((2, shape[0]), np.int64)
    low, high = y.min(), y.max()
    if x.max() == x.min():
        return first, after
    begins, ends = np.stack([x, y], 1), np.stack([np.roll(x, -1), np.roll(y, -1)], 1)
    slanted = begins[:, 1] != ends[:, 1]
    begins, ends = begins[slanted], ends[slanted]
    row = np.arange(low, high + 1)
    row = row[(row + shift[1] >= 0) & (row + shift[1] < shape[0])]
    seen = np.minimum(row, high - 1)[:, None]  # the highest row is that of the sides that end there
    crosses = (np.minimum(begins, ends)[:, 1] <= seen) & (np.maximum(begins, ends)[:, 1] > seen)
    rise, run = (ends - begins)[:, 1], (ends - begins)[:, 0]
    at = np.ceil((row[:, None] - begins[:, 1]) / rise * run + begins[:, 0])
    left = np.minimum.reduce(np.where(crosses, at, np.inf), axis=1, initial=np.inf)
    right = np.maximum.reduce(np.where(crosses, at, -np.inf), axis=1, initial=-np.inf)
    some = np.isfinite(left) & np.isfinite(right)
    row, left, right = row[some] + shift[1], left[some] + shift[0], right[some] + shift[0]
    first[row] = np.clip(left, 0, shape[1])
    after[row] = np.clip(right + 1, first[row], shape[1])
    return first, after
