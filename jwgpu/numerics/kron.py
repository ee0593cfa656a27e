"""Light of extended sources in an ellipse as large as the source itself says.

The radius r_k is the mean elliptical distance of the light within six times the isophotal axes, weighted by the light.
The aperture is the ellipse `scale` times r_k as large, r_k being at least `least`; where its mean radius is not larger
than `circle` pixels, a circle of that radius takes its place.

References
----------
[1] Kron 1980, doi:10.1086/190669
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.numerics import stamps
from jwgpu.numerics.apertures import Ellipses
from jwgpu.numerics.isophotes import Segments

_REACH = 6.0


@dataclasses.dataclass(frozen=True)
class Scene:
    """The pixels to measure: `data` (NaN where bad), `err` and `labels`, (y, x), and what becomes of neighbours.

    `neighbours` is "correct" (their pixels have the value of the pixel opposite), "mask" (they are left out) or "none"
    (they count).
    """

    data: np.ndarray
    err: np.ndarray
    labels: np.ndarray
    neighbours: str = "correct"

    def values(self, windows, centre, owner, x, y, names, level=None):
        """Return good pixels, and planes of pixels (owner, x, y) in which neighbours are as `neighbours` says.

        `centre` holds x and y of the sources, `owner` counts from that of the first window, whose label is `names[0]`.
        """
        data, err = self.data[y, x].astype(float), self.err[y, x].astype(float)
        if level is not None:
            data = data - level[owner]
        good = np.isfinite(data)
        label = self.labels[y, x]
        other = (label != 0) & (label != names[owner])
        if self.neighbours == "mask":
            good &= ~other
        if self.neighbours == "correct" and other.any():
            k = np.flatnonzero(other)
            x0, x1, y0, y1 = windows[:, owner[k]]
            mx, my = (2 * np.floor(c[owner[k]] + 0.5).astype(np.int64) - v[k] for c, v in zip(centre, (x, y)))
            there = (mx >= x0) & (mx < x1) & (my >= y0) & (my < y1)
            mx, my = np.where(there, mx, 0), np.where(there, my, 0)
            opposite = self.labels[my, mx]
            there &= ((opposite == 0) | (opposite == names[owner[k]])) & np.isfinite(self.data[my, mx])
            mirrored = self.data[my, mx] - (0 if level is None else level[owner[k]])
            data[k] = np.where(there, mirrored, 0)
            err[k] = np.where(there, self.err[my, mx], 0)
        return good, data, err


def ellipses(scene: Scene, found: Segments, scale: float, least: float, circle: float) -> tuple[Ellipses, np.ndarray]:
    """Return the aperture of each source and its r_k, which is 0 for a circle and NaN where there is none."""
    shape = Ellipses(found.x, found.y, found.a, found.b, found.angle)
    wide = dataclasses.replace(shape, a=_REACH * found.a, b=_REACH * found.b)
    windows = _reasonable(wide.windows(scene.data.shape), scene.data.size)
    radius = np.full(found.x.size, np.nan)

    def work(part):
        owner, x, y = stamps.pixels(windows[:, part])
        distance = shape[part].radii(owner, x, y)
        names = np.arange(found.x.size)[part] + 1
        good, data, _ = scene.values(windows[:, part], (found.x[part], found.y[part]), owner, x, y, names)
        inside = good & (distance <= _REACH)
        light = np.where(inside, data, 0)
        moment, total = (np.bincount(owner, w, names.size) for w in (light * distance, light))
        with np.errstate(all="ignore"):
            radius[part] = np.where((moment <= 0) | (total <= 0), least, moment / total)

    stamps.over(work, windows)
    radius[(radius > _REACH) | (windows[1] <= windows[0]) | np.isnan(found.area)] = np.nan
    radius = np.where(radius < least, least, radius)
    with np.errstate(all="ignore"):
        radius[scale * radius * np.sqrt(found.a * found.b) <= circle] = 0
    a, b = (np.where(radius == 0, circle, scale * radius * axis) for axis in (found.a, found.b))
    return dataclasses.replace(shape, a=a, b=b, angle=np.where(radius == 0, 0, found.angle)), radius


def photometry(scene: Scene, where: Ellipses, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the light in the apertures above a level, (n,) each, and its error; NaN where no good pixel is inside."""
    windows = _reasonable(where.windows(scene.data.shape), scene.data.size)
    found = np.full((2, where.x.size), np.nan)

    def work(part):
        owner, x, y = stamps.pixels(windows[:, part])
        some, names = where[part], np.arange(where.x.size)[part] + 1
        cover = some.cover(owner, x, y)
        good, data, err = scene.values(windows[:, part], (some.x, some.y), owner, x, y, names, level[part])
        inside = good & (cover > 0)
        sums = [np.bincount(owner[inside], (cover * v)[inside], names.size) for v in (data, err**2)]
        there = np.bincount(owner[inside], minlength=names.size) > 0
        found[:, part] = np.where(there, (sums[0], np.sqrt(sums[1])), np.nan)

    stamps.over(work, windows)
    return found[0], found[1]


def _reasonable(windows: np.ndarray, size: int) -> np.ndarray:
    """Return windows, empty where one is larger than the whole image."""
    x0, x1, y0, y1 = windows
    return np.where((x1 - x0) * (y1 - y0) > max(size, 1_000_000), 0, windows)
