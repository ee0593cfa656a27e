"""Blobs: pixels that touch, sides or corners, and the ellipses that describe them.

A blob's ellipse has its centroid, its orientation, and the axes of the uniform ellipse of the same second moments [1]_,
each one pixel less: 4 sqrt(lambda) - 1 with lambda the eigenvalues of the covariance of its pixels. All blobs of an
image are measured at once, and all ellipses of about one size are drawn at once.

References
----------
.. [1] Haralick & Shapiro 1992, Computer and Robot Vision I, appendix A, ISBN 978-0-201-10877-4
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jwgpu.backend import namespace, ndimage
from jwgpu.numerics.labels import label

LARGEST_HOLLOW_FREE = 8
"""A hole needs so many pixels around it; below, the filled area decides nothing."""

GRID = 1 << 22
"""Pixels looked at together when ellipses are drawn."""

PAIRS = 1 << 22
"""Pairs of ellipse and point looked at together."""


INSIDE = 1 - 1e-9
"""Square of a radius below which a pixel is within an ellipse of radius 1: the rim is outside."""


@dataclass(frozen=True)
class Ellipses:
    """Ellipses of the blobs of an image, one array element each; float64, because moments are sums.

    Attributes
    ----------
    y, x : array
        Centroid, pixels.
    minor, major : array
        Full axes, pixels; -1 for a single pixel and for the minor axis of a straight line.
    angle : array
        Of the major axis, from the y axis towards x, radians.
    """

    y: Any
    x: Any
    minor: Any
    major: Any
    angle: Any

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen) -> Ellipses:
        return Ellipses(self.y[chosen], self.x[chosen], self.minor[chosen], self.major[chosen], self.angle[chosen])


def fill(mask, largest: int):
    """Return `mask` (y, x) with its holes of at most so many pixels filled; pixels of a hole touch by their sides."""
    xp = namespace(mask)
    holes, n_holes = ndimage(mask).label(~mask)
    area = xp.bincount(holes.ravel(), minlength=n_holes + 1)
    return mask | (area <= largest)[holes]


def find(mask, min_area: float) -> Ellipses:
    """Return the ellipses of the blobs of `mask` (y, x) whose area, holes filled, is at least `min_area` pixels."""
    return find_at(namespace(mask).flatnonzero(mask), mask.shape, min_area)


def find_at(place, shape: tuple[int, int], min_area: float) -> Ellipses:
    """Do what `find` does, given the flat places of the pixels, ascending, and the shape of the image."""
    xp = namespace(place)
    if not len(place):
        return Ellipses(*(xp.zeros(0) for _ in range(5)))
    blob, n_blobs = label(place, shape)
    area = xp.bincount(blob, minlength=n_blobs)
    if min_area > LARGEST_HOLLOW_FREE:
        area = area + _holes(place, blob, shape, n_blobs, area)
    large = area >= min_area
    number = xp.cumsum(large) - 1
    kept = large[blob]
    return _measure(place[kept], number[blob[kept]], int(xp.count_nonzero(large)), shape[1])


def _label(mask):
    """Return the labels of blobs, from 1 on, and their number."""
    return ndimage(mask).label(mask, structure=namespace(mask).ones((3, 3), dtype=bool))


def _measure(place, blob, n_blobs: int, n_columns: int) -> Ellipses:
    """Return the ellipses of blobs, given the flat places of their pixels and which blob each belongs to."""
    xp = namespace(place)
    if not n_blobs:
        return Ellipses(*(xp.zeros(0) for _ in range(5)))
    # Moments about the first pixel: integers, exact in float64.
    y, x = place // n_columns, place % n_columns
    first = _first(place, blob, n_blobs)
    y0, x0 = first // n_columns, first % n_columns
    y, x = (y - y0[blob]).astype(np.float64), (x - x0[blob]).astype(np.float64)
    n = xp.bincount(blob, minlength=n_blobs)
    sy, sx, syy, sxx, sxy = (xp.bincount(blob, weights=v, minlength=n_blobs) for v in (y, x, y * y, x * x, y * x))
    vyy, vxx, vxy = ((n * q - p * r) / (n * n) for q, p, r in ((syy, sy, sy), (sxx, sx, sx), (sxy, sy, sx)))
    middle, spread = (vyy + vxx) / 2, xp.hypot((vyy - vxx) / 2, vxy)
    minor, major = (4 * xp.sqrt(xp.maximum(v, 0)) - 1 for v in (middle - spread, middle + spread))
    diagonal = xp.where(vxy > 0, np.pi / 4, -np.pi / 4)
    angle = xp.where(vyy == vxx, diagonal, xp.arctan2(2 * vxy, vyy - vxx) / 2)
    return Ellipses(y0 + sy / n, x0 + sx / n, minor, major, angle)


def _first(place, blob, n_blobs: int):
    """Return the flat place of the first pixel of each blob."""
    xp = namespace(place)
    first = xp.full(n_blobs, np.iinfo(np.int32).max, dtype=np.int32)
    xp.minimum.at(first, blob, place.astype(np.int32))
    return first


def _holes(place, blob, shape, n_blobs: int, area):
    """Return how many pixels the holes of each blob have, with all that lies in them.

    Background that touches, sides or corners, is one hole unless it reaches the edge of the image. What lies above the
    first pixel of a hole is the blob it is in; what lies above the first pixel of a blob, the hole.
    """
    xp = namespace(place)
    n_columns = shape[1]
    labels = xp.zeros(shape, dtype=np.int32)
    labels.ravel()[place] = blob + 1
    first_of_blob = _first(place, blob, n_blobs)
    holes, n_holes = _label(labels == 0)
    edge = xp.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]])
    inside = xp.ones(n_holes + 1, dtype=bool)
    inside[edge] = False
    inside[0] = False
    place = xp.flatnonzero(inside[holes])
    if not place.size:
        return xp.zeros(n_blobs, dtype=area.dtype)
    hole = holes.ravel()[place]
    size = xp.bincount(hole, minlength=n_holes + 1)
    is_hole = size > 0
    top = _first(place, hole, n_holes + 1)
    around_hole = xp.where(is_hole, labels.ravel()[xp.where(is_hole, top, n_columns) - n_columns], 0)
    top = first_of_blob
    above = xp.where(top >= n_columns, holes.ravel()[xp.maximum(top - n_columns, 0)], 0)
    around_blob = xp.where(inside[above], above, 0)
    filled = xp.zeros(n_blobs, dtype=np.float64)
    while True:  # blobs in holes of blobs: as often as they are nested
        content = size + xp.bincount(around_blob, weights=area + filled, minlength=n_holes + 1)
        more = xp.bincount(around_hole, weights=xp.where(is_hole, content, 0), minlength=n_blobs + 1)[1:]
        if bool((more == filled).all()):
            return filled.astype(area.dtype)
        filled = more


def contain(ellipses: Ellipses, y, x):
    """Say for each ellipse whether it contains one of the points.

    The angle is taken from the x axis towards y: the official jump step tests snowballs so, though it draws them
    turned otherwise.
    """
    xp = namespace(ellipses.y)
    found = xp.zeros(len(ellipses), dtype=bool)
    cosine, sine = xp.cos(np.pi - ellipses.angle), xp.sin(np.pi - ellipses.angle)
    reach2 = (ellipses.major**2 + ellipses.minor**2) / 4 * (1 + 1e-9)  # beyond, no turn of the ellipse matters
    step = max(1, PAIRS // max(1, len(ellipses)))
    with np.errstate(divide="ignore", invalid="ignore"):
        for first in range(0, len(y), step):
            dy = y[None, first : first + step] - ellipses.y[:, None]
            dx = x[None, first : first + step] - ellipses.x[:, None]
            k, point = xp.nonzero(dy * dy + dx * dx <= reach2[:, None])
            dy, dx = dy[k, point], dx[k, point]
            along = (dx * cosine[k] - dy * sine[k]) / (ellipses.major[k] / 2)
            across = (dx * sine[k] + dy * cosine[k]) / (ellipses.minor[k] / 2)
            found[k[along**2 + across**2 <= 1]] = True
    return found


def draw(ellipses: Ellipses, minor, major, shape: tuple[int, int]):
    """Return which pixels of an image lie within ellipses, (y, x) bool; see `inside`."""
    drawn = namespace(ellipses.y).zeros(shape, dtype=bool)
    drawn.ravel()[inside(ellipses, minor, major, shape)] = True
    return drawn


def inside(ellipses: Ellipses, minor, major, shape: tuple[int, int]):
    """Return the flat places of the pixels of an image that lie within ellipses, ascending.

    Centres and the semi-axes `minor` and `major` are rounded to whole pixels, so that pixels may lie on the rim itself:
    they are not within, to whatever digit a device computes sines. An ellipse with a semi-axis of zero is
    nothing; one with a negative semi-axis is cut short, as the official package's drawing cuts it.

    Returns
    -------
    (n,) int
    """
    xp = namespace(ellipses.y)
    drawn = [xp.zeros(0, dtype=np.int64)]
    if not len(ellipses):
        return drawn[0]
    minor, major = xp.rint(minor), xp.rint(major)
    y, x, turn = xp.rint(ellipses.y), xp.rint(ellipses.x), ellipses.angle % np.pi
    cosine, sine = xp.cos(turn), xp.sin(turn)
    reach_y = xp.abs(major * cosine) + minor * sine
    reach_x = major * sine + xp.abs(minor * cosine)
    size = xp.maximum(xp.abs(minor), xp.abs(major))
    size = xp.where((minor == 0) | (major == 0), 0, size)
    reach, largest = 2, int(size.max())
    smaller = 0
    while smaller < largest:
        alike = xp.flatnonzero((size > smaller) & (size <= reach))
        offset = xp.arange(-reach, reach + 1, dtype=np.float64)
        dy, dx = offset[None, :, None], offset[None, None, :]
        step = max(1, GRID // offset.size**2)
        for first in range(0, alike.size, step):
            k = alike[first : first + step]
            cy, cx, c, s, ry, rx, a, b = (
                v[k][:, None, None] for v in (y, x, cosine, sine, reach_y, reach_x, major, minor)
            )
            within = ((dy * c + dx * s) / a) ** 2 + ((dy * s - dx * c) / b) ** 2 < INSIDE
            within &= (xp.abs(dy) <= ry) & (xp.abs(dx) <= rx)
            within &= (cy + dy >= 0) & (cy + dy < shape[0]) & (cx + dx >= 0) & (cx + dx < shape[1])
            drawn.append(((cy + dy) * shape[1] + cx + dx)[within].astype(np.int64))
        smaller, reach = reach, 2 * reach
    return xp.unique(xp.concatenate(drawn))
