"""Outliers of images: what differs from the median of all groups, seen through each image's own pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np

from jwgpu import backend
from jwgpu.backend import FileArray, Scratch, files, memory, namespace
from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.blot import blot
from jwgpu.numerics.drizzle import Drop
from jwgpu.numerics.outliers import merely_moved, standing_out, standing_out_twice
from jwgpu.running import progress
from jwgpu.steps.outlier_detection.groups import Layer, Weighting, extent, layer, unsubtracted, weighted
from jwgpu.steps.outlier_detection.median import median
from jwgpu.wcs.mosaic import Grid
from jwgpu.wcs.pixmap import Pixmap

_ROWS = 64
"""Rows of an image whose places on the grid are computed together."""

TOLERANCE = 1e-5
"""Pixels of the grid by which places may be off."""


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How groups are drizzled: `weight_type`, `kernel`, `pixfrac`, `fillval`, `pixmap_stepsize`, `pixmap_order`."""

    weight_type: Literal["ivm", "exptime"] = "ivm"
    kernel: Literal["square", "point", "turbo"] = "square"
    pixfrac: float = 1.0
    fillval: str = "NAN"
    pixmap_stepsize: float = 1.0
    pixmap_order: Literal[1, 3] = 1


@dataclasses.dataclass(frozen=True)
class Limits:
    """What stands out: `snr` and `scale`, each of a pixel with its neighbours and of the pixel itself; `backg`.

    Pixels around which light has only moved are spared if it balances but for `balance`.
    """

    snr: tuple[float, float]
    scale: tuple[float, float]
    backg: float
    balance: float = 0.0


class Search(Protocol):
    """What exposures are compared with, and how."""

    def median(self) -> Image:
        """Return the median of all."""

    def model(self, k: int):
        """Return what exposure `k` is compared with, (y, x) float32."""

    def outliers(self, image: Image, model):
        """Return which pixels of an exposure stand out, (y, x) bool."""


@dataclasses.dataclass(frozen=True)
class Resampled:
    """The median of groups drizzled onto a grid, interpolated at the pixels of exposures."""

    images: Exposures
    grid: Grid
    pixmaps: list[Pixmap]
    data: Any
    limits: Limits

    def median(self) -> Image:
        """Return the median of all."""
        return Image(data=files.read(self.data), wcs=self.grid.wcs, meta=self.images.meta, unit=self.images.unit)

    def model(self, k: int):
        """Return the median as the pixels of an exposure see it; NaN outside of its bounding box."""
        pixmap, shape = self.pixmaps[k], self.data.shape
        found = pixmap.xp.full(pixmap.shape, np.float32(np.nan))
        window = extent(pixmap, shape)
        if window is None:
            return found
        (top, left), (n_rows, n_columns) = window
        part = files.read(self.data, rows=slice(top, top + n_rows))[:, left : left + n_columns]
        part = pixmap.xp.ascontiguousarray(backend.to(part, self.images.device))

        def look(block):
            rows = slice(max(block.start, pixmap.rows.start), min(block.stop, pixmap.rows.stop))
            if rows.start < rows.stop:
                x, y = (c[1:-1, 1:-1] for c in pixmap(rows, pixmap.columns))
                found[rows, pixmap.columns] = blot(part, x, y, (top, left), shape)

        over_rows(look, found, rows=_ROWS, device_rows=16 * _ROWS)
        return found

    def outliers(self, image: Image, model):
        """Return what differs by more than noise and the steepness of the median account for."""
        xp, n, limits = namespace(image.data, model), image.shape[0], self.limits
        noted = image.meta.get("background.subtracted") is False and "background.level" in image.meta
        level = unsubtracted(image) if noted else limits.backg
        found = xp.empty(image.shape, bool)

        def look(rows):
            # One row more for the steepness, another one for the neighbours.
            wide = slice(max(rows.start - 2, 0), min(rows.stop + 2, n))
            out = standing_out_twice(image.data[wide], image.err[wide], model[wide], limits.snr, limits.scale, level)
            found[rows] = out[rows.start - wide.start : rows.stop - wide.start]

        with np.errstate(invalid="ignore"):
            over_rows(look, image.data)
            if limits.balance > 0:
                moved = merely_moved(image.data, image.err, model, found, limits.balance, level)
                found &= ~moved
        return found


def resampled(images: Exposures, grid: Grid, resampling: Resampling, weighting: Weighting, limits: Limits) -> Resampled:
    """Return the median of the groups of a set, each drizzled onto the grid."""
    sparse = {"step": resampling.pixmap_stepsize, "order": resampling.pixmap_order}
    way = sparse if resampling.pixmap_stepsize > 1 else {"tolerance": TOLERANCE}
    xp = namespace(images.rows(0, "data", slice(0, 1)))
    pixmaps = [Pixmap(image.wcs, grid.wcs, image.shape, xp=xp, **way) for image in images]
    drop = Drop(resampling.kernel, resampling.pixfrac, grid.ratio)
    keep, groups, layers = _keeper(images), images.groups(), []
    for k, group in enumerate(groups):
        found = layer(images, group, pixmaps, grid.shape, drop, weighting, keep)
        layers += [] if found is None else [found]
        progress(0.5 * (k + 1) / len(groups))
    return Resampled(images, grid, pixmaps, _median(layers, grid.shape, images, xp), limits)


@dataclasses.dataclass(frozen=True)
class Stacked:
    """The median of exposures of the same pixels."""

    images: Exposures
    data: Any
    limits: Limits

    def median(self) -> Image:
        """Return the median of all."""
        return Image(data=files.read(self.data), wcs=self.images[0].wcs, meta=self.images.meta, unit=self.images.unit)

    def model(self, k: int):
        """Return the median of all."""
        return backend.to(files.read(self.data), self.images.device)

    def outliers(self, image: Image, model):
        """Return what differs by more than noise."""
        with np.errstate(invalid="ignore"):
            return standing_out(image.data, image.err, model, self.limits.snr[0])


def stacked(images: Exposures, weighting: Weighting, limits: Limits) -> Stacked:
    """Return the median of exposures of the same pixels, without those of little weight.

    Raises
    ------
    InputError
        They differ in shape.
    """
    shape, keep, layers = images[0].shape, _keeper(images), []
    if odd := next((image for image in images if image.shape != shape), None):
        raise InputError(f"{odd.name} is {odd.shape}, others are {shape}; with resample_data off all have one shape")
    for k in range(len(images)):
        layers.append(weighted(images, k, weighting, keep))
        progress(0.5 * (k + 1) / len(images))
    xp = namespace(images.rows(0, "data", slice(0, 1)))
    return Stacked(images, _median(layers, shape, images, xp), limits)


def _keeper(images: Exposures) -> Callable:
    """Return a function that puts arrays where they can wait: into files if the set has a folder for them."""
    if images.scratch is None:
        return lambda array: array
    room = Scratch(images.scratch)
    return lambda array: room.hold(backend.to_host(array))


def _median(layers: list[Layer], shape, images: Exposures, xp):
    """Return the median of layers, in memory or, if the set has a folder for that, in a file."""
    if images.scratch is None:
        target = xp.full(shape, np.float32(np.nan))
    else:
        target = FileArray.scratch(shape, np.float32, images.scratch)
        step = max(1, memory.tile() // (4 * shape[1]))
        for first in range(0, shape[0], step):
            rows = slice(first, min(first + step, shape[0]))
            target.write(np.full((rows.stop - first, shape[1]), np.nan, np.float32), rows=rows)
    median(layers, target, images.device)
    return target
