"""What is visible of a plane, reduced on its device to the resolution of the screen."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from jwgpu import backend

_SAMPLE = 400  # pixels of a side that limits are taken from: percentiles of four million pixels would make a slider lag
_SOFTENING = {"asinh": 10.0, "log": 1000.0}
NO_VALUE = 255
"""Byte of a pixel without a value."""
STRETCHES = ("linear", "asinh", "log")


@dataclasses.dataclass(frozen=True)
class Window:
    """Pixels of a plane: `step` x `step` of them make one of what is sent."""

    x0: int
    y0: int
    columns: int
    rows: int
    step: int

    @property
    def width(self) -> int:
        """Columns of what is sent."""
        return self.columns // self.step

    @property
    def height(self) -> int:
        """Rows of what is sent."""
        return self.rows // self.step

    def of(self, plane):
        """Return the pixels as (row, step, column, step)."""
        part = plane[self.y0 : self.y0 + self.rows, self.x0 : self.x0 + self.columns]
        return part.reshape(self.height, self.step, self.width, self.step)


def window(shape: tuple[int, int], x0: float, x1: float, y0: float, y1: float, pixels: int) -> Window:
    """Return the window that shows columns x0 to x1 and rows y0 to y1 of a plane on `pixels` of a screen.

    It begins and ends at multiples of its step, so that what is seen does not flicker while it moves.
    """
    step = max(1, min(round(max(x1 - x0, 1) / max(pixels, 1)), min(shape)))
    starts, sizes = [], []
    for low, high, size in ((x0, x1, shape[1]), (y0, y1, shape[0])):
        last = size // step * step  # an incomplete step at the far edge is not shown
        start = min(max(math.floor(low / step) * step, 0), last - step)
        stop = min(max(math.ceil(high / step) * step + step, start + step), last)
        starts.append(start)
        sizes.append(stop - start)
    return Window(starts[0], starts[1], sizes[0], sizes[1], step)


def whole(shape: tuple[int, int], pixels: int) -> Window:
    """Return the window that shows all of a plane on `pixels` of a screen."""
    return window(shape, 0, shape[1], 0, shape[0], pixels)


def mean(plane, seen: Window):
    """Return the mean of the finite pixels of each step, float32; NaN where there is none."""
    xp = backend.namespace(plane)
    part = seen.of(plane)
    if seen.step == 1:
        return part[:, 0, :, 0].astype(np.float32)
    if part.dtype.kind != "f":
        return part.mean(axis=(1, 3), dtype=np.float32)
    known = xp.isfinite(part)
    if bool(known.all()):
        return part.mean(axis=(1, 3), dtype=np.float32)
    count = known.sum(axis=(1, 3))
    total = xp.where(known, part, part.dtype.type(0)).sum(axis=(1, 3), dtype=np.float32)
    return xp.where(count > 0, total / xp.maximum(count, 1), np.float32(np.nan)).astype(np.float32)


def any_of(mask, seen: Window):
    """Return where any pixel of a step is set: a flagged pixel stays visible however small."""
    return seen.of(mask).any(axis=(1, 3))


def limits(plane, percent: float, leave_out=None) -> tuple[float, float]:
    """Return what holds the central `percent` of the finite values of a plane, from a regular sample of it.

    Pixels of the mask `leave_out` take no part, unless they are all there is.
    """
    sample = np.s_[:: max(1, plane.shape[0] // _SAMPLE), :: max(1, plane.shape[1] // _SAMPLE)]
    values = backend.to_host(plane[sample])
    known = np.isfinite(values)
    light = known if leave_out is None else known & ~backend.to_host(leave_out[sample])
    values = values[light if light.any() else known]
    if values.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, [(100 - percent) / 2, (100 + percent) / 2])
    return float(low), float(high) if high > low else float(low) + 1.0


def stretched(values, low: float, high: float, stretch: str):
    """Return `values` between 0 (at `low`) and 1 (at `high`) on a linear, an asinh or a logarithmic scale."""
    xp = backend.namespace(values)
    part = xp.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    if stretch == "asinh":
        return xp.arcsinh(_SOFTENING["asinh"] * part) / np.float32(math.asinh(_SOFTENING["asinh"]))
    if stretch == "log":
        return xp.log1p(_SOFTENING["log"] * part) / np.float32(math.log1p(_SOFTENING["log"]))
    return part


def as_bytes(values, low: float, high: float, stretch: str):
    """Return `values` as places in a palette, 0 to 254; 255 where there is none."""
    xp = backend.namespace(values)
    part = stretched(values, low, high, stretch)
    known = xp.isfinite(part)
    return xp.where(known, xp.where(known, part, np.float32(0)) * np.float32(254) + np.float32(0.5),
                    np.float32(NO_VALUE)).astype(np.uint8)  # fmt: skip
