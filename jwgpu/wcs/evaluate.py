"""Stages over whole arrays: in pieces that stay in the cache of a processor, on all its cores; on a GPU in one go."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import each, namespace
from jwgpu.wcs.stages import run

PIECE = 1 << 15
"""Points of a piece: its columns fill a part of the second-level cache, and calls are rare enough for two threads."""


def evaluate(stages, columns, n_out: int) -> tuple:
    """Return what the stages make of columns that broadcast against each other.

    Parameters
    ----------
    stages : sequence
    columns : sequence of float64 arrays of one device
    n_out : int
        Number of outputs.

    Returns
    -------
    tuple of float64 arrays
        Of the shape that the columns have together.
    """
    xp = namespace(*columns)
    shape = np.broadcast_shapes(*(c.shape for c in columns))
    if xp is not np or not shape or int(np.prod(shape)) <= PIECE:
        made = run(stages, xp, columns)
        # New arrays of the whole shape, also where a stage has handed on a column as it was.
        return tuple(m if m.shape == shape and all(m is not c for c in columns) else xp.broadcast_to(m, shape).copy()
                     for m in made)  # fmt: skip
    out = tuple(np.empty(shape) for _ in range(n_out))
    full = [c.reshape((1,) * (len(shape) - c.ndim) + c.shape) for c in columns]

    def fill(piece):
        parts = run(stages, np, _mesh([_part(c, piece) for c in full]))
        for place, part in zip(out, parts):
            place[piece] = part

    each(fill, _pieces(shape))
    return out


def _pieces(shape: tuple[int, ...]):
    """Yield indices of pieces of about `PIECE` points that cover an array of `shape` once."""
    axis = next(k for k in range(len(shape)) if np.prod(shape[k + 1 :]) <= PIECE)
    length = max(PIECE // int(np.prod(shape[axis + 1 :])), 1)
    for before in np.ndindex(shape[:axis]):
        for first in range(0, shape[axis], length):
            yield (*before, slice(first, first + length))


def _part(column, piece):
    """Return the piece of a column; an axis of length 1 stands for all of it."""
    index = tuple(
        at if length > 1 else (0 if isinstance(at, int) else slice(None)) for at, length in zip(piece, column.shape)
    )
    return column[index]


def _mesh(columns):
    """Return the x of a frame as one row and its y as one column, where two columns are those of a frame's pixels.

    Polynomials of pixel positions cost a third then.
    """
    if len(columns) != 2 or columns[0].ndim != 2 or columns[0].shape != columns[1].shape or 1 in columns[0].shape:
        return columns
    x, y = columns
    if (x[0] == x[1]).all() and (x == x[:1]).all() and (y == y[:, :1]).all():
        return x[:1], y[:, :1]
    return columns
