"""The exposures of a group, drizzled together onto the grid that all groups share."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu.backend import files, memory, namespace
from jwgpu.data import Exposures
from jwgpu.data.flags import usable
from jwgpu.numerics.drizzle import Canvas, Drop
from jwgpu.numerics.weights import usual_weight
from jwgpu.wcs.pixmap import Pixmap

_BYTES = 64
"""What a pixel of the output takes while a group is drizzled: sums, results, map and values of the input."""

_MARGIN = 2
"""Pixels of the grid beyond those that centres of pixels fall on: drops are wider than points."""


@dataclasses.dataclass(frozen=True)
class Weighting:
    """How pixels are weighted: `weight_type` "ivm" or "exptime"; `good_bits`; `maskpt`, share of the usual weight."""

    weight_type: str
    good_bits: str | None
    maskpt: float


@dataclasses.dataclass(frozen=True)
class Layer:
    """A group on the grid: the rectangle in which it has light, with NaN where that is little or none.

    Attributes
    ----------
    origin : (y, x)
    shape : (y, x)
    data : (y, x) float32, in memory or in a file
    """

    origin: tuple[int, int]
    shape: tuple[int, int]
    data: Any

    @property
    def rows(self) -> slice:
        """Rows of the grid."""
        return slice(self.origin[0], self.origin[0] + self.shape[0])

    @property
    def columns(self) -> slice:
        """Columns of the grid."""
        return slice(self.origin[1], self.origin[1] + self.shape[1])

    def read(self, rows: slice):
        """Return some of its rows of the grid."""
        return files.read(self.data, rows=slice(rows.start - self.origin[0], rows.stop - self.origin[0]))


def layer(
    images: Exposures, group, pixmaps: list[Pixmap], grid, drop: Drop, weighting: Weighting, keep
) -> Layer | None:
    """Return a group of exposures as a layer of the grid; None where it has no light there.

    Parameters
    ----------
    images : Exposures
    group : sequence of int
        Members.
    pixmaps : list of Pixmap
        Of all members, onto the grid.
    grid : (y, x)
        Shape of the grid.
    drop : Drop
    weighting : Weighting
    keep : function of array
        Puts an array where it can wait.
    """
    window = _union([extent(pixmaps[k], grid) for k in group])
    if window is None:
        return None
    (top, left), shape = window
    step = max(16, memory.tile() // (_BYTES * shape[1]))
    science, weight = [], []
    for first in range(top, top + shape[0], step):
        tile = (first, left), (min(step, top + shape[0] - first), shape[1])
        canvas = Canvas(pixmaps[group[0]].xp, *tile)
        for k in group:
            _add(canvas, images, k, pixmaps[k], drop, weighting)
        science.append(canvas.science())
        weight.append(canvas.weight)
    xp = namespace(*science)
    science, weight = (xp.concatenate(parts) if len(parts) > 1 else parts[0] for parts in (science, weight))
    limit = usual_weight(weight) * weighting.maskpt
    science[weight < limit] = np.float32(np.nan)
    return Layer((top, left), shape, keep(science))


def weighted(images: Exposures, k: int, weighting: Weighting, keep) -> Layer:
    """Return a member as a layer of its own pixels."""
    data, dq, var_rnoise = (images.rows(k, name) for name in ("data", "dq", "var_rnoise"))
    weight = weights(images[k], data, dq, var_rnoise, weighting)
    limit = usual_weight(weight) * weighting.maskpt
    xp = namespace(data)
    return Layer((0, 0), tuple(data.shape), keep(xp.where(weight < limit, np.float32(np.nan), data)))


def _add(canvas: Canvas, images: Exposures, k: int, pixmap: Pixmap, drop: Drop, weighting: Weighting) -> None:
    """Drizzle what a member has for a tile."""
    window = pixmap.window(canvas.origin, canvas.shape)
    if window is None:
        return
    rows, columns = window
    data, dq, var_rnoise = (images.rows(k, name, rows) for name in ("data", "dq", "var_rnoise"))
    data, dq, var_rnoise = (None if a is None else a[:, columns] for a in (data, dq, var_rnoise))
    level = unsubtracted(images[k])
    weight = weights(images[k], data, dq, var_rnoise, weighting)
    canvas.add(drop, *pixmap(rows, columns), data - np.float32(level) if level else data, weight)


def unsubtracted(image) -> float:
    """Return the level of the sky that is known and still in the data."""
    background = image.meta.background
    return 0.0 if background.subtracted or background.level is None else float(background.level)


def weights(image, data, dq, var_rnoise, weighting: Weighting):
    """Return the weights of some pixels of an exposure: the inverse of their read noise variance, or its time.

    Without read noise all weigh 1. Flagged pixels weigh 0.
    """
    xp = namespace(data)
    if weighting.weight_type == "exptime":
        time = image.meta.get("exposure.measurement_time") or image.meta.require(
            "exposure.exposure_time", 'outlier_detection.weight_type = "exptime"'
        )
        weight = xp.full(data.shape, time, np.float32)
    elif var_rnoise is None:
        weight = xp.ones(data.shape, np.float32)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.float32(1) / var_rnoise
        weight = xp.where(xp.isfinite(weight), weight, np.float32(0))
    return weight if dq is None else weight * usable(dq, weighting.good_bits)


def extent(pixmap: Pixmap, grid: tuple[int, int]):
    """Return origin and shape of the rectangle of the grid that an image falls into; None where it falls beside it."""
    rows, columns = pixmap.rows, pixmap.columns
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    sides = [(slice(k, k + 1), columns) for k in (rows.start, rows.stop - 1)]
    sides += [(rows, slice(k, k + 1)) for k in (columns.start, columns.stop - 1)]
    edges = [pixmap(*side) for side in sides]
    first, shape = [], []
    for axis, n in ((1, grid[0]), (0, grid[1])):
        xp = pixmap.xp
        low = min(float(xp.nanmin(edge[axis])) for edge in edges)
        high = max(float(xp.nanmax(edge[axis])) for edge in edges)
        start, stop = max(int(np.floor(low)) - _MARGIN, 0), min(int(np.ceil(high)) + _MARGIN + 1, n)
        first.append(start)
        shape.append(stop - start)
    return (tuple(first), tuple(shape)) if min(shape) > 0 else None


def _union(windows):
    """Return origin and shape of the smallest rectangle around some; None where there are none."""
    windows = [w for w in windows if w is not None]
    if not windows:
        return None
    first = [min(origin[a] for origin, _ in windows) for a in (0, 1)]
    last = [max(origin[a] + shape[a] for origin, shape in windows) for a in (0, 1)]
    return tuple(first), tuple(b - a for a, b in zip(first, last))
