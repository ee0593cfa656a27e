"""Circles and ellipses laid over pixels: which part of each pixel is covered, exactly, and the light inside.

An ellipse becomes the unit circle when the plane is turned and stretched, and a pixel a parallelogram. The area that a
polygon shares with the unit circle is a sum over its edges, each seen from the centre: where an edge runs inside, half
the cross product of its ends; where it runs outside, half the angle between them.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.numerics import clipping, stamps

_HALF = np.sqrt(0.5)  # from the centre of a pixel to its corner


@dataclasses.dataclass(frozen=True)
class Ellipses:
    """Ellipses at positions x, y with semi-axes a and b, and an angle from the x axis to a (radians); all (n,)."""

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    angle: np.ndarray

    @classmethod
    def circles(cls, x: np.ndarray, y: np.ndarray, radius: float) -> Ellipses:
        """Return circles of one radius."""
        size = np.full(np.shape(x), float(radius))
        return cls(np.asarray(x, float), np.asarray(y, float), size, size, np.zeros_like(size))

    def __getitem__(self, part) -> Ellipses:
        return Ellipses(*(getattr(self, field.name)[part] for field in dataclasses.fields(self)))

    @property
    def area(self) -> np.ndarray:
        """Area in pixels, wherever the ellipse lies."""
        return np.pi * self.a * self.b

    def windows(self, shape: tuple[int, int]) -> np.ndarray:
        """Return the pixels that the ellipses can touch, as `stamps.around` does."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        reach = np.hypot(self.a * cos, self.b * sin), np.hypot(self.a * sin, self.b * cos)
        return stamps.around(self.x, self.y, *reach, shape)

    def radii(self, owner, x, y) -> np.ndarray:
        """Return the distance of pixels from the centre of the ellipse each belongs to, 1 on its rim."""
        u, v, _ = self._unit(owner, x, y)
        return np.hypot(u, v)

    def cover(self, owner, x, y) -> np.ndarray:
        """Return which part of each pixel is covered by the ellipse it belongs to, float64."""
        u, v, (cos, sin) = self._unit(owner, x, y)
        a, b = self.a[owner], self.b[owner]
        distance, margin = np.hypot(u, v), _HALF / b
        part = (distance < 1 - margin).astype(float)
        rim = np.flatnonzero(np.abs(distance - 1) <= margin)
        side = [s[rim] / 2 for s in (cos / a, -sin / b, sin / a, cos / b)]
        part[rim] = _shared(u[rim], v[rim], side) * (a * b)[rim]
        return part

    def _unit(self, owner, x, y):
        """Return pixels where ellipses are unit circles, and cosine and sine of their angles."""
        cos, sin = np.cos(self.angle)[owner], np.sin(self.angle)[owner]
        dx, dy = x - self.x[owner], y - self.y[owner]
        return (dx * cos + dy * sin) / self.a[owner], (dy * cos - dx * sin) / self.b[owner], (cos, sin)


def _shared(u, v, side) -> np.ndarray:
    """Return the area that parallelograms about (u, v) share with the unit circle.

    `side` holds half of each side: of that along x its u and v, of that along y its u and v.
    """
    xu, xv, yu, yv = side
    corners = [(u + i * xu + j * yu, v + i * xv + j * yv) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return sum(_edge(*corners[k], *corners[(k + 1) % 4]) for k in range(4))


def _edge(u0, v0, u1, v1) -> np.ndarray:
    """Return the signed area between the centre, an edge and the unit circle, whichever is nearer."""
    du, dv = u1 - u0, v1 - v0
    length, along = du * du + dv * dv, u0 * du + v0 * dv
    reach = along * along - length * (u0 * u0 + v0 * v0 - 1)
    root = np.sqrt(np.maximum(reach, 0))
    enter, leave = (np.clip((-along + s * root) / length, 0, 1) for s in (-1, 1))
    ua, va, ub, vb = u0 + enter * du, v0 + enter * dv, u0 + leave * du, v0 + leave * dv
    # No angle where an end lies inside: it could be the centre itself, about which rounding would make one up.
    before, after = _sector(u0, v0, ua, va) * (enter > 0), _sector(ub, vb, u1, v1) * (leave < 1)
    return (before + ua * vb - ub * va + after) / 2


def _sector(u0, v0, u1, v1) -> np.ndarray:
    return np.arctan2(u0 * v1 - u1 * v0, u0 * u1 + v0 * v1)


def photometry(
    data: np.ndarray, err: np.ndarray, where: Ellipses, independent: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the light in ellipses and its error, (n,) float64: sums over covered parts, of squares for the error.

    A part of a pixel counts with its size in both sums, as photutils has it; of `independent` pixels the variances
    count with the square of it. NaN where a pixel inside is NaN, and where no pixel of the image is inside.
    """
    windows = where.windows(data.shape)
    found = np.full((2, where.x.size), np.nan)

    def work(part):
        owner, x, y = stamps.pixels(windows[:, part])
        some = where[part]
        cover = some.cover(owner, x, y)
        inside = cover > 0
        owner, x, y, cover = owner[inside], x[inside], y[inside], cover[inside]
        sums = [
            np.bincount(owner, weight * plane[y, x].astype(float) ** power, some.x.size)
            for plane, power, weight in ((data, 1, cover), (err, 2, cover**2 if independent else cover))
        ]
        there = np.bincount(owner, minlength=some.x.size) > 0
        found[:, part] = np.where(there, (sums[0], np.sqrt(sums[1])), np.nan)

    stamps.over(work, windows)
    return found[0], found[1]


def annulus(data: np.ndarray, x, y, inner: float, outer: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the background in rings around positions and its error, per pixel, (n,) float64.

    Of the pixels whose centres lie in a ring, clipping at 3 standard deviations leaves N: their median, and its error
    sqrt(pi / (2 N)) times their standard deviation. NaN where no pixel is left.
    """
    half = int(np.ceil(outer)) + 1
    dy, dx = np.mgrid[-half : half + 1, -half : half + 1].reshape(2, -1)
    near = np.hypot(dx, dy)
    near = (near >= inner - 1) & (near < outer + 1)
    dx, dy = dx[near], dy[near]
    found = np.full((2, len(x)), np.nan)

    def work(part):
        finite = np.isfinite(x[part] + y[part])
        xs, ys = (np.where(finite, v[part], -1000.0) for v in (x, y))
        px, py = (np.rint(c).astype(np.int64)[None] + d[:, None] for c, d in ((xs, dx), (ys, dy)))
        distance = (px - xs) ** 2 + (py - ys) ** 2
        there = (distance >= inner**2) & (distance < outer**2)
        there &= (px >= 0) & (px < data.shape[1]) & (py >= 0) & (py < data.shape[0])
        values = np.where(there, data[np.where(there, py, 0), np.where(there, px, 0)], np.float32(np.nan))
        lower, upper, middle, spread = clipping.clip(values, 3.0)
        kept = np.count_nonzero((values >= lower) & (values <= upper), axis=0)
        found[:, part] = middle, np.sqrt(np.pi / (2 * np.maximum(kept, 1))) * spread

    step = max(1, (1 << 18) // dx.size)
    backend.each(work, [slice(k, k + step) for k in range(0, len(x), step)])
    return found[0], found[1]
