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
LEAST = 64


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
    made: dict = {}
    todo = list(_rectangles(shape, planes))
    for number, (rows, columns) in enumerate(todo):
        progress(number / len(todo))
        canvas = Canvas(
            xp, (rows.start, columns.start), (rows.stop - rows.start, columns.stop - columns.start),
            variances=plan.errors, planes=planes, flags=plan.flags,
        )  # fmt: skip
        for bit, k in enumerate(indices):
            _pour(canvas, images[k], maps[k], plan, bit, images.device)
        for name, values in _finished(canvas, plan).items():
            if name not in made:
                made[name] = _room(xp, images.scratch, (*values.shape[:-2], *shape), values.dtype)
            _put(made[name], values, rows, columns)
    return made


def _rectangles(shape: tuple[int, int], planes: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of tiles that memory is there for, a band of rows after the other."""
    side = max(LEAST, int(math.sqrt(memory.tile() / (BYTES + 4 * planes))) // LEAST * LEAST)
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def _pour(canvas: Canvas, image: Image, pixmap, plan: Plan, bit: int, device: str) -> None:
    """Add what of an exposure falls on the canvas."""
    window = pixmap.window(canvas.origin, canvas.shape, margin=plan.drop.reach + 1)
    if window is None:
        return
    part = {name: _part(array, *window, device) for name, array in image.arrays().items()
            if name in ("data", "err", "dq", *VARIANCES)}  # fmt: skip
    time = exposure_time(image)[0] if plan.weight_type == "exptime" else float(plan.weight_type is None)
    weight = weights(part, plan, time)
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


def _finished(canvas: Canvas, plan: Plan) -> dict:
    """Return the arrays of a tile by name."""
    xp, shape = canvas.xp, canvas.shape
    made = {"data": xp.empty(shape, np.float32), "wht": xp.empty(shape, np.float32)}
    if plan.errors:
        made |= {name: xp.empty(shape, np.float32) for name in ("err", *VARIANCES)}
    scaling = 1 / plan.drop.ratio**2  # as the official step divides variances by the square of the ratio of scales

    def work(rows):
        total = canvas.total[rows]
        weight = total[..., 0]
        with np.errstate(all="ignore"):
            made["data"][rows] = xp.where(weight != 0, total[..., 1] / weight, plan.fill)
            made["wht"][rows] = weight
            if not plan.errors:
                return
            sums, known = 0.0, False
            for k, name in enumerate(VARIANCES):
                held = canvas.spread[rows, :, 3 + k]
                variance = made[name][rows]
                variance[...] = canvas.spread[rows, :, k] * scaling / held / held
                there = ~xp.isnan(variance)
                sums, known = sums + xp.where(there, variance, np.float32(0)), known | there
            made["err"][rows] = xp.where(known, xp.sqrt(sums), np.float32(np.nan))

    over_rows(work, made["data"])
    if not plan.variances:
        made = {name: array for name, array in made.items() if name not in VARIANCES}
    if len(canvas.context):
        made["con"] = canvas.context
    if canvas.flags is not None:
        made["dq"] = canvas.flags
    return made


def _room(xp, scratch: str | None, shape, dtype):
    """Return an array for all tiles."""
    return xp.zeros(shape, dtype) if scratch is None else FileArray.scratch(shape, dtype, scratch)


def _put(array, values, rows: slice, columns: slice) -> None:
    if isinstance(array, FileArray):
        band = array.read(rows=rows)
        band[..., columns] = backend.to_host(values)
        array.write(band, rows=rows)
    else:
        array[..., rows, columns] = values
