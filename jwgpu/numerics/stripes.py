"""Offsets common to a row or a column, from samples some of which are bad."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace


def clipped_mean(values, limit: float):
    """Return the mean over the last axis after repeatedly rejecting what lies beyond `limit` standard deviations.

    A rejected sample never comes back. Samples that are not finite take no part.

    Parameters
    ----------
    values : (..., n) array
    limit : float
        Rejection limit in standard deviations (of the population, ddof = 0).

    Returns
    -------
    (...) float64
        NaN where no sample is left.
    """
    xp = namespace(values)
    keep = xp.isfinite(values)
    # float64: the sums decide which samples lie at the limit
    values = xp.where(keep, values, 0).astype(xp.float64)
    while True:
        count = keep.sum(axis=-1, keepdims=True)
        some = xp.maximum(count, 1)
        mean = xp.where(keep, values, 0).sum(axis=-1, keepdims=True) / some
        square = (xp.where(keep, values - mean, 0) ** 2).sum(axis=-1, keepdims=True) / some
        reach = limit * xp.sqrt(square)
        inside = keep & (values >= mean - reach) & (values <= mean + reach)
        if bool((inside == keep).all()):
            return xp.where(count > 0, mean, xp.nan)[..., 0]
        keep = inside


def single_clipped_mean(values, limit: float):
    """Return the `clipped_mean` of (n,) float32 `values` with all sums in float32, 0-dimensional.

    Its last digits depend on the order of the sums, which is that of the array library.
    """
    xp = namespace(values)
    values = values[xp.isfinite(values)]
    while values.size:
        mean, reach = values.mean(), values.std() * np.float32(limit)
        inside = (values >= mean - reach) & (values <= mean + reach)
        if bool(inside.all()):
            return mean
        values = values[inside]
    return xp.full((), xp.nan, dtype=np.float32)


def running_median(values, length: int, *, reflect_start: bool = True, reflect_end: bool = True):
    """Return, for every row, the median of all finite values in the `length` rows about it.

    Parameters
    ----------
    values : (rows, n) array
        NaN where a value is not to be used.
    length : int
        Rows of the box; an even box reaches one row further back than ahead.
    reflect_start, reflect_end : bool
        Continue the rows beyond that end by reflection about the first or last row; otherwise nothing is there.

    Returns
    -------
    (rows,) float64
        NaN where the box holds no finite value.
    """
    xp = namespace(values)
    rows = values.shape[0]
    index = xp.arange(rows)[:, None] + xp.arange(length) - length // 2
    if reflect_start:
        index = xp.where(index < 0, -index, index)
    if reflect_end:
        index = xp.where(index >= rows, 2 * (rows - 1) - index, index)
    there = (index >= 0) & (index < rows)
    box = xp.where(there[..., None], values[xp.where(there, index, 0)], xp.nan).reshape(rows, -1)
    return masked_median(box, xp.isfinite(box))


def masked_median(values, good):
    """Return the median over the last axis of those values where `good` is True, float64; NaN where there is none."""
    xp = namespace(values)
    count = good.sum(axis=-1, keepdims=True)
    ordered = xp.sort(xp.where(good, values, values.dtype.type(np.inf)), axis=-1)
    low = xp.take_along_axis(ordered, xp.maximum(count - 1, 0) // 2, axis=-1).astype(np.float64)
    high = xp.take_along_axis(ordered, xp.where(count > 0, count // 2, 0), axis=-1)
    return xp.where(count > 0, 0.5 * (low + high), xp.nan)[..., 0]


def clipped_about_median(values, limit: float, iterations: int = 5):
    """Return mean and standard deviation over the last axis, without what lies far from the median.

    Parameters
    ----------
    values : (..., n) array
        Values that are not finite take no part.
    limit : float
        Rejection limit in standard deviations (of the population, ddof = 0).
    iterations : int
        How often median and limits are taken anew, at most.

    Returns
    -------
    mean, deviation : (..., 1) float64
        NaN where no value is left.
    """
    xp = namespace(values)
    keep = xp.isfinite(values)
    values = xp.where(keep, values, 0).astype(xp.float64)
    for left in range(iterations, -1, -1):
        count = keep.sum(axis=-1, keepdims=True)
        some = xp.where(count > 0, count, xp.nan)
        mean = xp.where(keep, values, 0).sum(axis=-1, keepdims=True) / some
        deviation = xp.sqrt((xp.where(keep, values - mean, 0) ** 2).sum(axis=-1, keepdims=True) / some)
        if left:
            keep = keep & (xp.abs(values - masked_median(values, keep)[..., None]) <= limit * deviation)
    return mean, deviation


def mean_of_known(a, b):
    """Return the mean of two arrays element by element, or the one that is not NaN; NaN where both are."""
    xp = namespace(a, b)
    return xp.where(xp.isnan(a), b, xp.where(xp.isnan(b), a, 0.5 * (a + b)))
