"""The pixels of a mosaic, tile by tile: of each exposure only the rows and columns that fall there are in memory."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from jwgpu import backend
from jwgpu.backend import FileArray, files, memory
from jwgpu.data import Exposures, Image
from jwgpu.data.flags import usable
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.drizzle import VARIANCES, Canvas, Drop
from jwgpu.step import progress

BYTES = 224
"""Of memory for an output pixel while its tile is made: sums, results, and the input that falls there."""
LEAST, HIGHEST = 64, 512
"""Sides of a tile: a multiple, and rows. Wide tiles cut fewer rows of the exposures."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be made of the exposures.

    Attributes
    ----------
    drop : Drop
    fill : float
        Value of pixels without light.
    weight_type : str or None
    good_bits : str or None
    context, errors, variances, flags : bool
        Which arrays the mosaic has besides values and weights.
    """

    drop: Drop
    fill: float
    weight_type: str | None
    good_bits: str | None
    context: bool = True
    errors: bool = True
    variances: bool = True
    flags: bool = False


def combine(images: Exposures, indices: Sequence[int], maps, shape: tuple[int, int], plan: Plan) -> dict:
    """Return the arrays of a mosaic by name, on the device of the exposures, or in files of their scratch.

    Parameters
    ----------
    images : Exposures
    indices : sequence of int
        Of those that go into it; their order is that of the bits of the context.
    maps : sequence of Pixmap
        Of all images.
    shape : (y, x)
    plan : Plan
    """
    xp = maps[0].xp
    planes = -(-len(indices) // 32) if plan.context else 0
    kinds = _kinds(plan, planes)
    made = {name: _room(xp, images.scratch, (*lead, *shape), dtype) for name, (lead, dtype) in kinds.items()}
    todo = list(_rectangles(shape, planes))
    for number, (rows, columns) in enumerate(todo):
        progress(number / len(todo))
        canvas = Canvas(
            xp, (rows.start, columns.start), (rows.stop - rows.start, columns.stop - columns.start),
            variances=plan.errors, planes=planes, flags=plan.flags,
        )  # fmt: skip
        for bit, k in enumerate(indices):
            _pour(canvas, images[k], maps[k], plan, bit, images.device)
        parts = {
            name: xp.empty((*made[name].shape[:-2], *canvas.shape), made[name].dtype)
            if isinstance(made[name], FileArray)
            else made[name][..., rows, columns]
            for name in made
        }
        _finish(canvas, plan, parts)
        for name, values in parts.items():
            if isinstance(made[name], FileArray):
                _put(made[name], values, rows, columns)
    return made


def _kinds(plan: Plan, planes: int) -> dict:
    """Return the leading axes and the type of each array of a mosaic."""
    kinds: dict = {"data": ((), np.float32), "wht": ((), np.float32)}
    if plan.errors:
        kinds |= {name: ((), np.float32) for name in ("err", *(VARIANCES if plan.variances else ()))}
    if planes:
        kinds["con"] = (planes,), np.int32
    if plan.flags:
        kinds["dq"] = (), np.uint32
    return kinds


def _rectangles(shape: tuple[int, int], planes: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles that memory is there for, a band of rows after the other."""
    pixels = memory.tile() // (BYTES + 4 * planes)
    height = _even(shape[0], max(LEAST, min(HIGHEST, int(math.sqrt(pixels)))))
    width = _even(shape[1], max(LEAST, pixels // height))
    for top in range(0, shape[0], height):
        for left in range(0, shape[1], width):
            yield slice(top, min(top + height, shape[0])), slice(left, min(left + width, shape[1]))


def _even(n: int, most: int) -> int:
    """Return the side of pieces of `n` that are about alike, a multiple of `LEAST` and about `most` at most."""
    pieces = -(-n // (most // LEAST * LEAST))
    return -(-n // (pieces * LEAST)) * LEAST


def window_of(image: Image, pixmap, origin, shape, plan: Plan, device: str):
    """Return what of an exposure falls on a rectangle of the mosaic; None for nothing.

    Returns
    -------
    (rows, columns), arrays by name, weights (y, x) float32, weight of the exposure
    """
    window = pixmap.window(origin, shape, margin=plan.drop.reach + 1)
    if window is None:
        return None
    part = {name: _part(array, *window, device) for name, array in image.arrays().items()
            if name in ("data", "err", "dq", *VARIANCES)}  # fmt: skip
    time = exposure_time(image)[0] if plan.weight_type == "exptime" else float(plan.weight_type is None)
    return window, part, weights(part, plan, time), time


def _pour(canvas: Canvas, image: Image, pixmap, plan: Plan, bit: int, device: str) -> None:
    """Add what of an exposure falls on the canvas."""
    found = window_of(image, pixmap, canvas.origin, canvas.shape, plan, device)
    if found is None:
        return
    window, part, weight, time = found
    data = part["data"]
    level = image.meta.get("background.level")
    if level is not None and not image.meta.get("background.subtracted"):
        data = data - np.float32(level)
    canvas.add(
        plan.drop, *pixmap(*window), data, weight, variances=[part.get(name) for name in VARIANCES],
        dq=part.get("dq"), index=bit, exposure_weight=time,
    )  # fmt: skip


def _part(array, rows: slice, columns: slice, device: str):
    part = files.read(array, rows=rows)[..., columns]
    return backend.to(np.ascontiguousarray(part), device) if isinstance(array, FileArray) else part


def weights(part: dict, plan: Plan, time: float):
    """Return the weights of pixels, (y, x) float32: 0 where one is flagged, or is NaN in any of its arrays.

    Parameters
    ----------
    part : dict
        `data`, and `dq`, `err`, variances as far as there are.
    plan : Plan
    time : float
        Weight of all good pixels where they do not go by their noise.
    """
    xp = backend.namespace(part["data"])
    weight = xp.empty(part["data"].shape, np.float32)
    noise = part.get("var_rnoise") if plan.weight_type == "ivm" else None

    def work(rows):
        good = usable(part["dq"][rows], plan.good_bits) if "dq" in part else xp.ones(weight[rows].shape, bool)
        for name, array in part.items():
            if name != "dq":
                good &= ~xp.isnan(array[rows])
        if noise is None:
            weight[rows] = xp.where(good, np.float32(time or 1.0), np.float32(0))
            return
        with np.errstate(all="ignore"):
            inverse = 1 / noise[rows]
        weight[rows] = xp.where(good & (inverse > 0) & (inverse < np.inf), inverse, np.float32(0))

    over_rows(work, weight)
    return weight


def exposure_time(image: Image) -> tuple[float, bool]:
    """Return the measurement time of an exposure in seconds, or else its exposure time; and whether it is the first."""
    time = image.meta.get("exposure.measurement_time")
    return (float(time), True) if time is not None else (float(image.meta.get("exposure.exposure_time", 0.0)), False)


def _finish(canvas: Canvas, plan: Plan, parts: dict) -> None:
    """Write the arrays of a tile into `parts`, by name."""
    xp = canvas.xp
    scaling = 1 / plan.drop.ratio**2  # as the official step divides variances by the square of the ratio of scales

    def work(rows):
        total = canvas.total[rows]
        weight = total[..., 0]
        with np.errstate(all="ignore"):
            parts["data"][rows] = xp.where(weight != 0, total[..., 1] / weight, plan.fill)
            parts["wht"][rows] = weight
            if "con" in parts:
                parts["con"][:, rows] = canvas.context[:, rows]
            if "dq" in parts:
                parts["dq"][rows] = canvas.flags[rows]
            if not plan.errors:
                return
            sums, known = 0.0, False
            for k, name in enumerate(VARIANCES):
                held = canvas.spread[rows, :, 3 + k]
                variance = (canvas.spread[rows, :, k] * scaling / held / held).astype(np.float32)
                if name in parts:
                    parts[name][rows] = variance
                there = ~xp.isnan(variance)
                sums, known = sums + xp.where(there, variance, np.float32(0)), known | there
            parts["err"][rows] = xp.where(known, xp.sqrt(sums), np.float32(np.nan))

    over_rows(work, canvas.total[..., 0], rows=8)  # whose sums stay in cache


def _room(xp, scratch: str | None, shape, dtype):
    """Return an array for all tiles."""
    return xp.empty(shape, dtype) if scratch is None else FileArray.scratch(shape, dtype, scratch)


def _put(array: FileArray, values, rows: slice, columns: slice) -> None:
    values = backend.to_host(values)
    if values.shape[-1] < array.shape[-1]:
        band = array.read(rows=rows)
        band[..., columns] = values
        values = band
    array.write(values, rows=rows)
