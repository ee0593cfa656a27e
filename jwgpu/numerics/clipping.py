"""Sigma clipping along an axis: what lies far from the median is left out until nothing more does.

Rounds of median m and standard deviation s of what is left; values outside of m - k s .. m + k s go. Five rounds at
most unless said otherwise, as in astropy. Sums are float64.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace

ROUNDS = 5

BLOCK = 1 << 20
"""Values in a block of rows."""

TOGETHER = 1 << 17
"""Values that are sorted and summed together."""


def rows_of_block(shape) -> int:
    """Return how many rows of an array (..., y, x) together keep temporaries small."""
    return max(1, BLOCK // max(1, int(np.prod(shape)) // shape[-2]))


def median(values):
    """Return the median along the first axis of what is not NaN; NaN where all is. float64."""
    xp = namespace(values)
    values = xp.sort(values, axis=0)  # NaN go last
    count = xp.count_nonzero(~xp.isnan(values), axis=0)[None]
    low = xp.take_along_axis(values, xp.maximum(count - 1, 0) // 2, axis=0)[0]
    high = xp.take_along_axis(values, count // 2, axis=0)[0]
    return (low.astype(np.float64) + high) / 2


def bounds(values, sigma: float):
    """Return the last round's lower and upper bound along the first axis, float64; NaN where nothing is finite.

    Parameters
    ----------
    values : (n, ...) float32
    sigma : float
        Half width of what is kept, in standard deviations.
    """
    lower, upper, *_ = clip(values, sigma)
    return lower, upper


def statistics(values, sigma: float):
    """Return median and standard deviation along the first axis of what clipping leaves, float64."""
    *_, middle, spread = clip(values, sigma)
    return middle, spread


def clipped_mean(values, sigma: float, rounds: int | None = None):
    """Return the mean along the first axis of what clipping leaves, and which values those are.

    Parameters
    ----------
    values : (n, ...) float64
        NaN and infinities are left out from the start.
    sigma : float
        Half width of what is kept, in standard deviations.
    rounds : int, optional
        Most rounds; as many as change something unless given.

    Returns
    -------
    mean : (...) float64
        NaN where nothing is left.
    kept : (n, ...) bool
    """
    xp = namespace(values)
    kept = xp.isfinite(values)
    if rounds != 0:
        lower, upper, *_ = clip(values, sigma, len(values) if rounds is None else rounds)
        kept &= (values >= lower) & (values <= upper)
    n = xp.count_nonzero(kept, axis=0)
    total = xp.where(kept, values, 0).sum(axis=0)
    return xp.where(n > 0, total / xp.maximum(n, 1), np.nan), kept


def clip(values, sigma: float, rounds: int = ROUNDS):
    """Return what `bounds` and `statistics` do, from one clipping."""
    xp = namespace(values)
    n, shape = len(values), values.shape[1:]
    values = values.reshape(n, -1)
    found = xp.empty((4, values.shape[1]), dtype=np.float64)
    step = max(1, TOGETHER // n)
    for k in range(0, values.shape[1], step):
        found[:, k : k + step] = xp.stack(_clip_some(values[:, k : k + step], sigma, rounds))
    return tuple(a.reshape(shape) for a in found)


def _clip_some(values, sigma: float, rounds: int):
    """Do what `clip` does with values (n, pixel) that fit into the cache.

    In order of size, what is left is a range. Sums are taken one value after the other, as the kernel does.
    """
    xp = namespace(values)
    values = xp.where(xp.isfinite(values), values, np.float32(np.nan))
    ordered = xp.sort(values, axis=0)  # NaN go last
    first = xp.zeros(values.shape[1], dtype=np.int64)
    last = xp.count_nonzero(~xp.isnan(values), axis=0)
    found = xp.full((2, values.shape[1]), np.nan)
    left = xp.arange(values.shape[1])
    for _ in range(rounds):
        if not left.size:
            break
        middle, spread = _moments(values[:, left], ordered[:, left], first[left], last[left])
        lower, upper = found[:, left] = xp.stack([middle - sigma * spread, middle + sigma * spread])
        low = xp.maximum(xp.count_nonzero(ordered[:, left] < lower, axis=0), first[left])
        over = xp.count_nonzero(ordered[:, left] > upper, axis=0)
        high = xp.minimum(xp.count_nonzero(~xp.isnan(ordered[:, left]), axis=0) - over, last[left])
        changed = (low > first[left]) | (high < last[left])
        first[left], last[left] = low, high
        left = left[changed]
    return (*found, *_moments(values, ordered, first, last))


def _moments(values, ordered, first, last):
    """Return median and standard deviation of the values ordered `first` up to `last`, (pixel,); NaN of none."""
    xp = namespace(values)
    some, n = last > first, xp.maximum(last - first, 1)
    low, high, least, most = (
        xp.take_along_axis(ordered, xp.where(some, k, 0)[None], axis=0)[0]
        for k in ((first + last - 1) // 2, (first + last) // 2, first, last - 1)
    )
    middle = (low.astype(np.float64) + high) / 2
    kept = (values >= least) & (values <= most)
    offset = xp.where(kept, values - middle, 0)
    mean, square = (xp.cumsum(v, axis=0)[-1] / n for v in (offset, offset * offset))
    spread = xp.sqrt(xp.maximum(square - mean * mean, 0))
    return xp.where(some, middle, np.nan), xp.where(some, spread, np.nan)
