"""What part of an input pixel falls into each output pixel: the shapes of drops, in array code.

`falling` gives the parts of all input pixels, and is the specification of the kernel `drizzle`; `numerics.drizzle` says
what is made of them.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from jwgpu.errors import InputError

KERNELS = ("square", "gaussian", "point", "turbo", "lanczos2", "lanczos3")
_NUMBERS = {"square": 0, "gaussian": 1, "point": 2, "turbo": 3, "lanczos2": 4, "lanczos3": 4}
FWHM = 2.3548  # of a Gaussian, in sigma, as the official drizzle rounds it
LANCZOS_STEP = 0.003  # input pixels; the function is taken at whole multiples of it
LEAST_SHARE = 1e-10
"""A smaller part of a drop is the rounding of areas that cancel; no light."""
LEAST_PIXFRAC = 0.001
"""Smaller drops are points."""


@dataclasses.dataclass(frozen=True)
class Drop:
    """How the light of an input pixel is spread on the output.

    Attributes
    ----------
    kernel : {"square", "gaussian", "point", "turbo", "lanczos2", "lanczos3"}
    pixfrac : float
        Side of the drop over that of the input pixel.
    ratio : float
        Side of an output pixel over that of an input pixel; `square` and `point` do without.
    """

    kernel: str = "square"
    pixfrac: float = 1.0
    ratio: float = 1.0

    def __post_init__(self):
        if self.kernel not in KERNELS:
            raise InputError(f"no drizzle kernel is called {self.kernel!r}; there are {', '.join(KERNELS)}")
        if not 0 <= self.pixfrac <= 1:
            raise InputError(f"pixfrac = {self.pixfrac}: a drop is at most as large as a pixel, give 0 to 1")
        if not self.ratio > 0:
            raise InputError(f"an output pixel {self.ratio} times as large as an input pixel is none")
        object.__setattr__(self, "ratio", float(np.float32(self.ratio)))  # as the official drizzle holds it
        if self.pixfrac <= LEAST_PIXFRAC and not self.kernel.startswith("lanczos"):
            object.__setattr__(self, "kernel", "point")

    @property
    def number(self) -> int:
        """The kernel, as the compiled source knows it."""
        return _NUMBERS[self.kernel]

    @property
    def order(self) -> int:
        """Order of a Lanczos kernel, 0 of others."""
        return int(self.kernel[-1]) if self.kernel.startswith("lanczos") else 0

    @property
    def half(self) -> float:
        """Half a side of a square drop, in input pixels."""
        return 0.5 * self.pixfrac

    @property
    def reach(self) -> float:
        """How far from its centre a drop that is no quadrilateral may fall, in output pixels."""
        if self.kernel == "turbo":
            return self.pixfrac / self.ratio / 2
        if self.kernel == "gaussian":
            return max(2.5 * self.pixfrac / FWHM / self.ratio, 1.2 / self.ratio)
        return self.order / self.ratio

    @property
    def sharpness(self) -> float:
        """Gaussian: 1 / (2 sigma**2); Lanczos: steps of the table in an output pixel."""
        if self.kernel == "gaussian":
            return FWHM**2 * self.ratio**2 / self.pixfrac**2 / 2
        return self.ratio / LANCZOS_STEP if self.order else 0.0

    @property
    def factor(self) -> float:
        """What makes the parts of a drop that is no quadrilateral add up to about 1."""
        if self.kernel == "gaussian":
            return self.sharpness / np.pi
        return self.ratio**2 / self.pixfrac**2 if self.kernel == "turbo" else 1.0

    @property
    def conserves_flux(self) -> bool:
        """Whether the parts of a drop add up to 1."""
        return self.kernel in ("square", "point", "turbo")

    def table(self) -> np.ndarray | None:
        """Return the Lanczos function at multiples of `LANCZOS_STEP`, up to its order."""
        return lanczos(self.order) if self.order else None


@functools.cache
def lanczos(order: int) -> np.ndarray:
    """Return sinc(x) sinc(x / order) at the multiples of `LANCZOS_STEP` from 0 to the order."""
    x = np.arange(int(np.ceil(order / LANCZOS_STEP)) + 1) * LANCZOS_STEP
    table = np.where(x <= order, np.sinc(x) * np.sinc(x / order), 0.0)
    table.flags.writeable = False
    return table


def corners(xp, drop: Drop, x, y):
    """Return the corners of square drops, (4, ny, nx) each, by bilinear interpolation between the centres of pixels."""
    h = drop.half
    centre, side, corner = (1 - h) * (1 - h), (1 - h) * h, h * h

    def at(a, dy, dx):
        return a[1 + dy : a.shape[0] - 1 + dy, 1 + dx : a.shape[1] - 1 + dx]

    def one(a, dy, dx):
        return (centre * at(a, 0, 0) + side * at(a, 0, dx)) + (side * at(a, dy, 0) + corner * at(a, dy, dx))

    around = ((1, -1), (1, 1), (-1, 1), (-1, -1))
    return xp.stack([one(x, *d) for d in around]), xp.stack([one(y, *d) for d in around])


def mean_height(xp, a, b):
    """Return the mean of a height that goes from a to b linearly, where what is below 0 counts as 0."""
    start, stop = xp.maximum(a, 0.0), xp.maximum(b, 0.0)
    return 0.5 * (start + stop) * xp.where(a == b, 1.0, (start - stop) / (a - b))


def overlap(xp, cx, cy, column, row, bottom, top):
    """Return the signed areas that quadrilaterals and output pixels have in common.

    Each side stands over a strip of the column, as high as it is above a row; signs cancel what is not inside, and what
    is above the next row is not in this one. `bottom` and `top` are the outermost rows of a quadrilateral.
    """
    beyond = xp.where(row < top, _above(xp, cx, cy, column, bottom, row - bottom + 1, False), 0.0)
    return _above(xp, cx, cy, column, bottom, row - bottom, row == bottom) - beyond


def _above(xp, cx, cy, column, bottom, up, whole):
    """Return the areas above a row, `up` from the lowest; `whole`: no side is below it."""
    area = 0.0
    x, y = cx - column, cy - bottom + 0.5
    for k in range(4):
        n = (k + 1) % 4
        slope = (y[n] - y[k]) / xp.where(x[n] == x[k], 1.0, x[n] - x[k])
        a, b = (xp.minimum(xp.maximum(x[m], -0.5), 0.5) for m in (k, n))
        start, stop = (y[k] + slope * (c - x[k]) for c in (a, b))
        mean = xp.where(whole, 0.5 * (start + stop), mean_height(xp, start - up, stop - up))
        area = area + xp.where(b == a, 0.0, (b - a) * mean)
    return area


def _around(xp, low, high, shape_low, shape_high):
    """Yield the integers from `low` to `high` that are within a shape, step by step: (integer, whether it is there)."""
    first = xp.maximum(low, shape_low)
    last = xp.minimum(high, shape_high - 1)
    length = last - first
    most = int(length.max()) if length.size else -1
    for step in range(most + 1):
        yield first + step, first + step <= last


def _nearest(xp, values):
    return xp.where(values < 0, xp.ceil(values - 0.5), xp.floor(values + 0.5))


def falling(xp, drop: Drop, x, y, origin, shape):
    """Yield (part, column, row, whether it counts) of all input pixels, for one output pixel of each after the other.

    Parameters
    ----------
    x, y : (ny + 2, nx + 2) float64
        As in `Canvas.add`.
    origin, shape : (y, x)
        Output pixels to look at.
    """
    (oy, ox), (sy, sx) = origin, shape
    if drop.kernel == "square":
        cx, cy = corners(xp, drop, x, y)
        yield from _squares(xp, cx, cy, (oy, oy + sy), (ox, ox + sx))
        return
    px, py = x[1:-1, 1:-1], y[1:-1, 1:-1]
    there = xp.isfinite(px) & xp.isfinite(py) & (abs(px) < 1e8) & (abs(py) < 1e8)
    px, py = xp.where(there, px, -1e8), xp.where(there, py, -1e8)
    reach = 0.0 if drop.kernel == "point" else drop.reach
    if drop.order:
        lows, highs = (xp.floor(p - reach) + 1 for p in (px, py)), (xp.floor(p + reach) for p in (px, py))
    else:
        lows, highs = (_nearest(xp, p - reach) for p in (px, py)), (_nearest(xp, p + reach) for p in (px, py))
    (left, low), (right, high) = lows, highs
    for row, within_y in _around(xp, low, high, oy, oy + sy):
        for column, within_x in _around(xp, left, right, ox, ox + sx):
            part = _share(xp, drop, px, py, column, row)
            yield part, column, row, within_y & within_x & there


def _squares(xp, cx, cy, rows, columns):
    area = 0.5 * ((cx[3] - cx[1]) * (cy[2] - cy[0]) - (cx[2] - cx[0]) * (cy[3] - cy[1]))
    low, high, left, right = cy.min(axis=0), cy.max(axis=0), cx.min(axis=0), cx.max(axis=0)
    there = (abs(area) > 0) & (right - left < 1e6) & (high - low < 1e6)
    bounds = [xp.where(there, xp.floor(b + 0.5), -1e8) for b in (left, right, low, high)]
    scale = 1.0 / area
    for row, within_y in _around(xp, bounds[2], bounds[3], *rows):
        for column, within_x in _around(xp, bounds[0], bounds[1], *columns):
            part = overlap(xp, cx, cy, column, row, bounds[2], bounds[3]) * scale
            yield part, column, row, within_y & within_x & there & (part > LEAST_SHARE)


def _share(xp, drop: Drop, px, py, column, row):
    if drop.kernel == "point":
        return xp.ones(px.shape)
    if drop.kernel == "turbo":
        dx, dy = (xp.minimum(p + drop.reach, c + 0.5) - xp.maximum(p - drop.reach, c - 0.5)
                  for p, c in ((px, column), (py, row)))  # fmt: skip
        return xp.where((dx > 0) & (dy > 0), dx * dy * drop.factor, 0.0)
    dx, dy = abs(px - column), abs(py - row)
    if drop.kernel == "gaussian":
        return drop.factor * xp.exp(-(dx * dx + dy * dy) * drop.sharpness)
    table = xp.asarray(drop.table())
    i, j = (_nearest(xp, d * drop.sharpness) for d in (dx, dy))
    inside = (i < len(table)) & (j < len(table))
    i, j = (xp.where(inside, index, 0).astype(np.int64) for index in (i, j))
    return xp.where(inside, table[i] * table[j], 0.0)
