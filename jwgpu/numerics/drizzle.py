"""Drizzle: the light of input pixels, as drops on the grid of an output.

Each input pixel i, with weight w_i and value d_i, falls on the output as a drop of a shape that the kernel names. The
part a_ij of it that falls into the output pixel j gives the weight and the weighted mean there::

    W_j = sum_i a_ij w_i        I_j = sum_i a_ij w_i d_i / W_j

What the kernels are (r: side of an output pixel over that of an input pixel, p: pixfrac):

============= ==========================================================================================================
`square`      the input pixel shrunk by p about its centre, a quadrilateral on the output; a_ij is the part of its area
`turbo`       a square of side p / r along the axes of the output
`point`       all light in the pixel where the centre falls
`gaussian`    a Gaussian of FWHM p / r cut off at 2.5 sigma, or at 1.2 / r where that is more; conserves no flux
`lanczos2/3`  the product of Lanczos functions of x and y, of order 2 or 3 over r; conserves no flux; p does not matter
============= ==========================================================================================================

Variances are those that jwst 3.0.0 gives: the *errors* of an exposure are averaged as its values are, squared, and go
into the mean over exposures k with weights v_k, the inverse of the exposure's own averaged read noise variance there,
or its exposure time::

    s_jk = (sum_i a_ij w_i sigma_i / W_jk)**2          var_j = sum_k s_jk v_jk**2 / (sum_k v_jk)**2

`Canvas.add` puts one exposure on a rectangle of the output; exposures one after the other make the mosaic, rectangles
beside each other a large one. Every output pixel sums its input pixels row by row, in float64, exposure by exposure, so
that bits depend neither on rectangles nor on threads. `Canvas.add_reference` does in array code what the kernel
`drizzle` does.

References: Fruchter & Hook 2002, doi:10.1086/338393.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu import backend, kernels
from jwgpu.numerics import drops
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.drops import Drop

__all__ = ["Canvas", "Drop"]

VARIANCES = ("var_rnoise", "var_poisson", "var_flat")
NODE = 8
"""Input pixels from one to the next at which windows of tiles are looked for."""


class Canvas:
    """A rectangle of the output on which exposures are drizzled.

    >>> canvas = Canvas(np, origin=(0, 0), shape=(512, 2048))
    >>> for data, weight, x, y in exposures:
    ...     canvas.add(Drop("square"), x, y, data, weight)
    >>> science, weight = canvas.science(), canvas.weight

    Parameters
    ----------
    xp : module
        NumPy or CuPy: where its arrays live.
    origin : (y, x)
        Pixel of the output that its first is.
    shape : (y, x)
    variances : bool
        Whether to average variances too.
    planes : int
        Planes of the context, each for 32 exposures; 0 for none.
    flags : bool
        Whether to collect the flags of what gave light.
    """

    def __init__(self, xp, origin, shape, *, variances: bool = False, planes: int = 0, flags: bool = False):
        self.xp, self.origin, self.shape = xp, tuple(map(int, origin)), tuple(map(int, shape))
        self.total = xp.zeros((*self.shape, 2), np.float64)
        self.spread = xp.zeros((*self.shape, 6), np.float64) if variances else None
        self.context = xp.zeros((planes, *self.shape), np.int32)
        self.flags = xp.zeros(self.shape, np.uint32) if flags else None
        self._held = [False] * 3

    def add(self, drop: Drop, x, y, data, weight, *, variances=(None,) * 3, dq=None, index=None, exposure_weight=0.0):
        """Drizzle one exposure, or a part of it.

        Parameters
        ----------
        drop : Drop
        x, y : (ny + 2, nx + 2) float64
            Where on the whole output the centres of the input pixels fall, and of those one further out on each side:
            `x[1 + row, 1 + column]`. NaN keeps a pixel, and for `square` its neighbours, from the output.
        data, weight : (ny, nx) float32
            A weight of 0 leaves a pixel out, whatever its value.
        variances : read noise, Poisson, flat
            (ny, nx) float32 each, or None. Looked at where the canvas was made with `variances`.
        dq : (ny, nx) uint32, optional
        index : int, optional
            Number of the exposure, which is a bit of the context.
        exposure_weight : float
            Weight of the exposure in the means of variances; 0 for the inverse of its read noise in each pixel.

        Raises
        ------
        ValueError
            Shapes do not agree.
        """
        xp, shape = self.xp, data.shape
        if x.shape != (shape[0] + 2, shape[1] + 2) or y.shape != x.shape or weight.shape != shape:
            raise ValueError(f"a map of shape {x.shape} and weights of {weight.shape} for data of shape {shape}")
        x, y = (xp.ascontiguousarray(a, dtype=np.float64) for a in (x, y))
        data, weight = (xp.ascontiguousarray(a, dtype=np.float32) for a in (data, weight))
        variances = [
            None if v is None or self.spread is None else xp.ascontiguousarray(v, dtype=np.float32) for v in variances
        ]
        self._held = [held or v is not None for held, v in zip(self._held, variances)]
        dq = None if self.flags is None or dq is None else xp.ascontiguousarray(dq, dtype=np.uint32)
        light = _Light(x, y, data, weight, variances, dq, index, float(exposure_weight))
        (self._compiled if kernels.available(data) else self.add_reference)(drop, light)

    def science(self, fill: float = np.nan):
        """Return the weighted means (y, x) float32, `fill` where no light fell."""
        made = self.xp.empty(self.shape, np.float32)

        def work(rows):
            weight = self.total[rows, :, 0]
            with np.errstate(all="ignore"):
                mean = self.total[rows, :, 1] / weight
            made[rows] = self.xp.where(weight != 0, mean, fill)

        over_rows(work, made, rows=8)  # whose sums stay in cache
        return made

    @property
    def weight(self):
        """Sums of the weights (y, x), float32."""
        return self.total[..., 0].astype(np.float32)

    def variance(self, k: int):
        """Return a variance of the means (y, x) float32, NaN where none is known: read noise, Poisson, flat."""
        weight = self.spread[..., 3 + k]
        with np.errstate(all="ignore"):
            return (self.spread[..., k] / weight / weight).astype(np.float32)

    def _compiled(self, drop: Drop, light: _Light) -> None:
        tile, side = tiling(light.data)
        windows, bound = tile_windows(drop, light.x, light.y, self.origin, self.shape, tile)
        if not (windows[:, 1] > windows[:, 0]).any():
            return
        table = drop.table()
        kind = "gpu" if backend.is_device_array(light.data) else "cpu"
        n = -(-self.shape[0] // side) * -(-self.shape[1] // side)
        context, bit = self._plane(light.index)
        kernels.launch(
            "drizzle", 16, n, light.x, light.y, light.data, light.weight, *light.variances, light.dq,
            backend.to(windows, kind), None if table is None else backend.to(table, kind), self.total, self.spread,
            context, self.flags if light.dq is not None else None,
            *(np.int32(v) for v in (light.data.shape[1], *self.shape, *self.origin, tile, side, drop.number,
                                    0 if table is None else len(table), bit)),
            *(np.float64(v) for v in (drop.half, drop.reach, bound, drop.factor, drop.sharpness,
                                      light.exposure_weight)),
        )  # fmt: skip

    def add_reference(self, drop: Drop, light: _Light) -> None:
        """Add one exposure in array code."""
        xp, n = self.xp, self.shape[0] * self.shape[1]
        order, place, weight = [], [], []
        numbers = xp.arange(light.data.size).reshape(light.data.shape)
        with np.errstate(all="ignore"):
            for part, column, row, counts in drops.falling(xp, drop, light.x, light.y, self.origin, self.shape):
                given = (part * light.weight).astype(np.float32)
                counts = counts & (given != 0) & (light.weight != 0)
                where = (row - self.origin[0]) * self.shape[1] + (column - self.origin[1])
                order.append(numbers[counts])
                place.append(where[counts].astype(np.int64))
                weight.append(given[counts])
        if not order:
            return
        order, place, weight = (xp.concatenate(parts) for parts in (order, place, weight))
        sort = xp.argsort(order, kind="stable")  # input pixels row by row, as they are summed
        order, place, weight = order[sort], place[sort], weight[sort]
        with np.errstate(invalid="ignore"):  # a variance below 0 makes the mean error NaN
            values = [light.data, *(xp.zeros_like(light.data) if v is None else xp.sqrt(v) for v in light.variances)]
        sums = [xp.bincount(place, weight, minlength=n)]
        sums += [
            xp.bincount(place, weight * value.ravel()[order].astype(np.float64), minlength=n)
            for value in (values if self.spread is not None else values[:1])
        ]
        self._merge([s.reshape(self.shape) for s in sums], light)
        context, bit = self._plane(light.index)
        if context is not None:
            lit = xp.bincount(place[weight > 0], minlength=n).reshape(self.shape) > 0
            context |= xp.where(lit, np.int32(bit), np.int32(0))
        if self.flags is not None and light.dq is not None:
            np.bitwise_or.at(self.flags.reshape(-1), place, light.dq.ravel()[order])

    def _merge(self, sums, light: _Light) -> None:
        """Add an exposure's sums to those of all: weight, weight * value, weight * errors."""
        xp = self.xp
        self.total[..., 0] += sums[0]
        self.total[..., 1] += sums[1]
        if self.spread is None:
            return
        with np.errstate(all="ignore"):
            means = [(s / sums[0]) ** 2 for s in sums[2:]]
            weight = xp.full(self.shape, light.exposure_weight or 1.0)
            if light.exposure_weight == 0 and light.variances[0] is not None:
                weight = xp.where((means[0] > 0) & xp.isfinite(means[0]), 1.0 / means[0], 0.0)
            for k, (mean, held) in enumerate(zip(means, light.variances)):
                if held is None:
                    continue
                counts = (sums[0] != 0) & (weight > 0) & (mean >= 0) & xp.isfinite(mean)
                self.spread[..., k] += xp.where(counts, mean * weight * weight, 0.0)
                self.spread[..., 3 + k] += xp.where(counts, weight, 0.0)

    def _plane(self, index: int | None):
        """Return the plane of the context with the bit of an exposure."""
        if index is None or not len(self.context):
            return None, 0
        return self.context[index // 32], int(np.array([1 << index % 32], np.uint32).view(np.int32)[0])


@dataclasses.dataclass(frozen=True)
class _Light:
    """One exposure, or a part of it, as `Canvas.add` has checked it."""

    x: Any
    y: Any
    data: Any
    weight: Any
    variances: list
    dq: Any
    index: int | None
    exposure_weight: float


def tiling(array) -> tuple[int, int]:
    """Return the sides of the tiles whose input is looked for together, and of the rectangles that work items own."""
    return (16, 1) if backend.is_device_array(array) else (64, 64)


def tile_windows(drop: Drop, x, y, origin, shape, tile: int):
    """Return where to look for the light of the tiles of a rectangle of the output.

    Between nodes some pixels apart a map is all but linear, so that the corners of a cell of nodes, and how much rows
    of nodes bend, say where its pixels fall.

    Parameters
    ----------
    x, y : (ny + 2, nx + 2) float64
    origin, shape : (y, x)
    tile : int
        Side of a tile in output pixels.

    Returns
    -------
    windows : (tile, 4) int32, on the host
        First input column and one beyond the last, and the same of rows; (0, 0, 0, 0) for a tile without light.
    bound : float
        How far from its centre the drop of a pixel may fall, in output pixels.
    """
    (ny, nx), (rows, columns) = x.shape, (_nodes(n) for n in x.shape)
    at = [backend.to(i, "gpu" if backend.is_device_array(x) else "cpu") for i in (rows, columns)]
    x, y = (backend.to_host(a[at[0]][:, at[1]]) for a in (x, y))
    steps = [np.diff(a, axis=axis) for a in (x, y) for axis in (0, 1)]
    bends = [np.diff(s, axis=axis) for s, axis in zip(steps, (0, 1, 0, 1))]
    slack = 0.1 + max(_largest(b[0]) + _largest(b[1]) for b in (bends[:2], bends[2:]))
    if drop.kernel == "square":  # its corners are at most this far from its centre
        each = max(_largest(s[0]) + _largest(s[1]) for s in (steps[:2], steps[2:])) / min(
            np.diff(rows).min(), np.diff(columns).min()
        )
        bound = 1.1 * drop.half * each + slack
    else:
        bound = drop.reach + slack
    corners = [[a[i][:, j] for i in (slice(None, -1), slice(1, None)) for j in (slice(None, -1), slice(1, None))]
               for a in (x, y)]  # fmt: skip
    low, high = ([pick.reduce(c) for c in corners] for pick in (np.fmin, np.fmax))
    low, high = [v - bound - slack for v in low], [v + bound + slack for v in high]
    edges = [np.clip(at, 0, n) for at, n in ((columns[:-1] - 1, nx - 2), (columns[1:], nx - 2),
                                             (rows[:-1] - 1, ny - 2), (rows[1:], ny - 2))]  # fmt: skip
    return _scatter(low[::-1], high[::-1], edges, origin, shape, tile), bound


def _nodes(n: int) -> np.ndarray:
    """Return numbers about `NODE` apart, from 0 to n - 1."""
    return np.rint(np.linspace(0, n - 1, -(-(n - 1) // NODE) + 1)).astype(int)


def _largest(differences) -> float:
    sizes = abs(differences[np.isfinite(differences)])
    return float(sizes.max()) if sizes.size else 0.0


def _scatter(low, high, edges, origin, shape, tile: int) -> np.ndarray:
    """Return the windows of tiles, each around all cells of input pixels that may reach it.

    `low`, `high` are (y, x) limits of the cells on the output, `edges` their first and last columns and rows.
    """
    n_tiles = [-(-s // tile) for s in shape]
    windows = np.empty((4, n_tiles[0] * n_tiles[1]), np.int32)
    windows[...] = np.array([2**30, 0, 2**30, 0])[:, None]
    with np.errstate(invalid="ignore"):
        start = [np.floor((v + 0.5 - o) / tile) for v, o in zip(low, origin)]
        stop = [np.floor((v + 0.5 - o) / tile) for v, o in zip(high, origin)]
        some = (stop[0] >= 0) & (stop[1] >= 0) & (start[0] < n_tiles[0]) & (start[1] < n_tiles[1])
    rows, columns = np.nonzero(some)
    start, stop = ([np.clip(v[some], 0, n - 1).astype(int) for v, n in zip(vs, n_tiles)] for vs in (start, stop))
    bounds = [edge[at].astype(np.int32) for edge, at in zip(edges, (columns, columns, rows, rows))]
    most = [int((b - a).max()) + 1 if a.size else 0 for a, b in zip(start, stop)]
    for dy in range(most[0]):
        for dx in range(most[1]):
            reaches = (start[0] + dy <= stop[0]) & (start[1] + dx <= stop[1])
            at = (start[0][reaches] + dy) * n_tiles[1] + start[1][reaches] + dx
            for k, bound in enumerate(bounds):
                (np.maximum if k % 2 else np.minimum).at(windows[k], at, bound[reaches])
    windows[:, windows[1] == 0] = 0
    return np.ascontiguousarray(windows.T)
