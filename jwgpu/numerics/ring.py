"""The average over a ring around each pixel of an image.

Offsets of a ring come in pairs, left and right, above and below. Sums of such pairs are shared by its rows, so that a
ring of 36 pixels takes 14 additions. They are done in one order wherever they are done, and so round alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics.blocks import over_rows


def average(values, inner: float, outer: float):
    """Return the average over the ring around each pixel, of pixels that are not NaN.

    Parameters
    ----------
    values : (y, x) float32
        NaN where there is none; outside of the image they are 0, and count.
    inner, outer : float
        Pixels: distances from a pixel between which others are in its ring, both included.

    Returns
    -------
    (y, x) float64
        NaN where a pixel has no value, or none in its ring.
    """
    xp = namespace(values)
    half = int(np.ceil(outer))
    square = np.arange(half + 1) ** 2
    reach = [tuple(np.flatnonzero((d + square >= inner**2) & (d + square <= outer**2)).tolist()) for d in square]
    good = xp.isfinite(values)
    known = xp.pad(xp.where(good, values, np.float32(0)).astype(np.float64), half)
    counted = xp.pad(good.astype(np.uint16), half, constant_values=1)
    found = xp.empty(values.shape, dtype=np.float64)

    def work(rows):
        some = slice(rows.start, rows.stop + 2 * half)
        total, n = (_sum(a[some], reach) for a in (known, counted))
        found[rows] = xp.where(good[rows] & (n > 0), total / xp.maximum(n, np.uint16(1)), np.nan)

    over_rows(work, values)
    return found


def _sum(padded, reach: list[tuple[int, ...]]):
    """Return the sums over rings; `reach` has, for each distance in y, the distances in x that are in the ring."""
    half = len(reach) - 1
    n_rows, n_columns = (n - 2 * half for n in padded.shape)
    sums: dict[tuple[int, ...], Any] = {}
    total = None
    for distance, offsets in enumerate(reach):
        if not offsets:
            continue
        row = _along(padded, offsets, slice(half, half + n_columns), sums)
        above, below = (row[half + d : half + d + n_rows] for d in (distance, -distance))
        both = above + below if distance else above
        total = both if total is None else total + both
    return padded[half : half + n_rows, half : half + n_columns] * 0 if total is None else total


def _along(padded, offsets: tuple[int, ...], own: slice, sums: dict):
    """Return the sum over some distances to the left and to the right; `sums` has those that are known already."""
    if offsets not in sums:
        last = offsets[-1]
        right, left = (padded[:, own.start + d : own.stop + d] for d in (last, -last))
        pair = right + left if last else right
        sums[offsets] = _along(padded, offsets[:-1], own, sums) + pair if len(offsets) > 1 else pair
    return sums[offsets]
