"""Where the pixels of one image fall on the grid of another."""

from __future__ import annotations

import functools

import numpy as np

from jwgpu.numerics.between import Nodes, interpolated
from jwgpu.wcs.compile import Transform
from jwgpu.wcs.simplify import finish, simplify
from jwgpu.wcs.stages import ToCartesian, ToDirection
from jwgpu.wcs.wcs import WCS

STEP = 32
"""Pixels from one node to the next that are tried first."""
ROWS = 64
"""Rows of the exact map that are computed at a time, always the same ones: bits do not depend on what is asked."""


class Pixmap:
    """Pixels of one image to pixels of another with the same sky under them.

    The way goes through both WCS without their bounding boxes: `rows` and `columns` say which pixels are valid. It is
    computed at nodes some pixels apart and interpolated by cubics between them, as long as that is as good as
    `tolerance` in the middle between all nodes, where it is worst; else nodes move closer, in the end to every pixel.

    >>> pixmap = Pixmap(image.wcs, mosaic.wcs, image.shape[-2:])
    >>> window = pixmap.window(origin, shape)         # rows and columns that may fall into a part of the mosaic
    >>> x, y = pixmap(*window)                        # with one more pixel on each side, as `Canvas.add` takes them

    Parameters
    ----------
    source, target : WCS
    shape : (y, x)
        Pixels of the source.
    tolerance : float
        Largest error allowed of an interpolated map, in pixels of the target; 0 for the exact map.
    step, order : float, int
        Give both to have straight lines (1) or cubics (3) between nodes that far apart, whatever the error.
    xp : module
        Where maps are wanted.

    Attributes
    ----------
    rows, columns : slice
        Pixels of the source within its bounding box.
    step : float
        Pixels between nodes; 1 for the exact map.
    error : float
        Largest error found, in pixels of the target; 0 for the exact map.
    """

    def __init__(self, source: WCS, target: WCS, shape, *, tolerance=1e-5, step=None, order=3, xp=np):
        self.shape, self.xp, self.order = tuple(shape), xp, order
        self._way = joined(source, target)
        self.columns, self.rows = (_within(axis, n) for axis, n in zip(_box(source, shape), shape[::-1]))
        self.step, self.error, self._nodes, self._values = 1.0, 0.0, None, None
        if step is not None and step > 1:
            self.step = float(step)
            self._nodes = self._made()
            self.error = self._largest_error()
            return
        for candidate in (STEP, STEP / 2, STEP / 4) if tolerance > 0 else ():
            self.step = float(candidate)
            self._nodes = self._made()
            self.error = self._largest_error()
            if self.error <= tolerance:
                return
        self.step, self.error, self._nodes = 1.0, 0.0, None

    def __call__(self, rows: slice | None = None, columns: slice | None = None):
        """Return x and y on the target, each (row + 2, column + 2): of these pixels and one more on each side.

        What lies outside of the source goes on straight, as the official drizzle has the corners of the outermost
        pixels; a distorted map bends by some 1e-4 pixel there.
        """
        rows, columns = rows or slice(0, self.shape[0]), columns or slice(0, self.shape[1])
        if self._nodes is None:
            x, y = self._exact(rows, columns)
        else:
            at = (np.arange(s.start - 1, s.stop + 1, dtype=float) for s in (rows, columns))
            x, y = interpolated(self.xp, self._values, *self._nodes, *at, self.order)
        for along_rows, some, n in ((True, rows, self.shape[0]), (False, columns, self.shape[1])):
            for lines in (x, y) if along_rows else (x.T, y.T):
                if some.start == 0:
                    lines[0] = 2 * lines[1] - lines[2]
                if some.stop == n:
                    lines[-1] = 2 * lines[-2] - lines[-3]
        return x, y

    def window(self, origin, shape, margin: float = 2.0) -> tuple[slice, slice] | None:
        """Return the valid rows and columns of the source that may fall into a rectangle of the target; None for none.

        Parameters
        ----------
        origin, shape : (y, x)
            Pixels of the target.
        margin : float
            How far beyond the rectangle a pixel may fall, in pixels of the target, besides its own size.
        """
        at_y, at_x, x, y = self._scaffold
        low, high = np.fmin.reduce, np.fmax.reduce
        cells = [[c[a:b, d:e] for a, b in ((None, -1), (1, None)) for d, e in ((None, -1), (1, None))] for c in (x, y)]
        size, bend = (sum(_largest(np.diff(c, n, axis)) for c in (x, y) for axis in (0, 1)) for n in (1, 2))
        reach = margin + bend + size / min(np.diff(at_y).min(), np.diff(at_x).min())
        with np.errstate(invalid="ignore"):
            near = (
                (low(cells[0]) <= origin[1] + shape[1] - 0.5 + reach) & (high(cells[0]) >= origin[1] - 0.5 - reach)
                & (low(cells[1]) <= origin[0] + shape[0] - 0.5 + reach) & (high(cells[1]) >= origin[0] - 0.5 - reach)
            )  # fmt: skip
        if not near.any():
            return None
        window = []
        for valid, at, there in ((self.rows, at_y, near.any(axis=1)), (self.columns, at_x, near.any(axis=0))):
            some = np.flatnonzero(there)
            start = max(int(np.floor(at[some[0]])), valid.start)
            stop = min(int(np.ceil(at[some[-1] + 1])) + 1, valid.stop)
            window.append(slice(start, stop))
        return tuple(window) if all(w.start < w.stop for w in window) else None

    @functools.cached_property
    def _scaffold(self):
        """Pixels some apart that cover the source, and where they fall: rows, columns, x, y."""
        at = [np.rint(np.linspace(-1, n, -(-(n + 1) // STEP) + 1)) for n in self.shape]
        x, y = self._way(at[1][None, :], at[0][:, None])
        return *at, x, y

    def _made(self) -> tuple[Nodes, Nodes]:
        nodes = tuple(Nodes.around(-1.0, float(n), self.step) for n in self.shape)
        rows, columns = (n.at for n in nodes)
        self._values = np.stack(self._way(columns[None, :], rows[:, None]))
        return nodes

    def _largest_error(self) -> float:
        """Return how far interpolated pixels between the nodes are from where they are."""
        middles = [np.minimum(n.at[1:-2] + 0.5 * self.step, size) for n, size in zip(self._nodes, self.shape)]
        found = interpolated(np, self._values, *self._nodes, *middles, self.order)
        error = np.max(np.abs(found - np.stack(self._way(middles[1][None, :], middles[0][:, None]))))
        return float(error) if np.isfinite(error) else np.inf

    def _exact(self, rows: slice, columns: slice):
        """Return the map of pixels, from blocks of rows that are the same whatever is asked."""
        xp, n = self.xp, self.shape[1]
        out = xp.empty((2, rows.stop - rows.start + 2, columns.stop - columns.start + 2))
        x = xp.arange(-1.0, n + 1)[None, :]
        for first in range(-1 + (rows.start // ROWS) * ROWS, rows.stop + 1, ROWS):
            some = slice(max(first, rows.start - 1), min(first + ROWS, rows.stop + 1))
            if some.start >= some.stop:
                continue
            block = self._way(x, xp.arange(float(first), float(first + ROWS))[:, None])
            for target, values in zip(out, block):
                part = values[some.start - first : some.stop - first, columns.start : columns.stop + 2]
                target[some.start - rows.start + 1 : some.stop - rows.start + 1] = part
        return out[0], out[1]


def _largest(differences) -> float:
    """Return the largest of the sizes that are numbers; 0 for none."""
    return float(np.max(np.nan_to_num(abs(differences.ravel()), nan=0.0))) if differences.size else 0.0


def joined(source: WCS, target: WCS) -> Transform:
    """Return the transform from the pixels of one image to those of another.

    Where both are compiled without falling back to astropy, what is linear on either side of the sky is multiplied out
    beforehand.

    Raises
    ------
    NotImplementedError
        The target has no inverse.
    """
    forward, backward = source.forward, target.backward
    if backward is None:
        raise NotImplementedError("the WCS of the output has no inverse")
    vectors = [ToCartesian() if isinstance(stage, ToDirection) else stage for stage in backward.stages]
    stages = finish(simplify([*forward.stages, *vectors]))
    return Transform(stages, 2, 2, forward.fallbacks + backward.fallbacks)


def _box(source: WCS, shape):
    """Return the bounding box, x first; the whole image where there is none."""
    box = source.bounding_box
    return box if box is not None else tuple((-0.5, n - 0.5) for n in shape[::-1])


def _within(axis: tuple[float, float], n: int) -> slice:
    """Return the pixels whose centres lie within limits."""
    low, high = sorted(axis)
    return slice(max(0, int(low + 0.5)), max(0, min(n - 1, int(np.floor(high + 0.5 - 1e-9)))) + 1)
