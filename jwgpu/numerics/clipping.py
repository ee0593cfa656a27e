"""Sigma clipping along an axis: what lies far from the median is left out until nothing more does.

Rounds of median m and standard deviation s of what is left; values outside of m - k s .. m + k s go. Five rounds at
most, as in astropy. Sums are float64.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace

ROUNDS = 5

BLOCK = 1 << 22
"""Values that are worked on together."""


def blocks(shape) -> list[slice]:
    """Return slices of rows of an array (..., y, x) that keep temporaries small."""
    rows = max(1, BLOCK // max(1, int(np.prod(shape)) // shape[-2]))
    return [slice(first, first + rows) for first in range(0, shape[-2], rows)]


def median(values):
    """Return the median along the first axis of what is not NaN; NaN where all is. float64."""
    xp = namespace(values)
    values = xp.sort(values, axis=0)  # NaN go last
    count = xp.count_nonzero(~xp.isnan(values), axis=0)[None]
    low = xp.take_along_axis(values, xp.maximum(count - 1, 0) // 2, axis=0)[0]
    high = xp.take_along_axis(values, count // 2, axis=0)[0] if len(values) > 1 else low
    return (low.astype(np.float64) + high) / 2


def bounds(values, sigma: float):
    """Return the last round's lower and upper bound along the first axis, float64; NaN where nothing is finite.

    Parameters
    ----------
    values : (n, ...) float32
    sigma : float
        Half width of what is kept, in standard deviations.
    """
    xp = namespace(values)
    shape = values.shape[1:]
    kept = values.reshape(len(values), -1).astype(np.float64)
    kept[~xp.isfinite(kept)] = np.nan
    lower, upper = xp.full(kept.shape[1], np.nan), xp.full(kept.shape[1], np.nan)
    left = xp.arange(kept.shape[1])
    for _ in range(ROUNDS):
        if not left.size:
            break
        middle, spread = _moments(kept)
        lower[left], upper[left] = middle - sigma * spread, middle + sigma * spread
        out = (kept < lower[left]) | (kept > upper[left])
        changed = out.any(axis=0)
        left = left[changed]
        kept = xp.where(out, np.nan, kept)[:, changed]
    return lower.reshape(shape), upper.reshape(shape)


def statistics(values, sigma: float):
    """Return median and standard deviation along the first axis of what clipping leaves, float64."""
    xp = namespace(values)
    lower, upper = bounds(values, sigma)
    kept = xp.where((values >= lower) & (values <= upper), values, np.nan).astype(np.float64)
    return _moments(kept)


def _moments(values):
    """Return median and standard deviation along the first axis of what is not NaN."""
    xp = namespace(values)
    good = ~xp.isnan(values)
    count = xp.maximum(xp.count_nonzero(good, axis=0), 1)
    mean = xp.where(good, values, 0).sum(axis=0) / count
    square = (xp.where(good, values - mean, 0) ** 2).sum(axis=0)
    middle = median(values)
    return middle, xp.where(xp.isnan(middle), np.nan, xp.sqrt(square / count))
