"""Weights of the pixels of an exposure among others, and what counts as little weight."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics.sky_level import Values

_SIGMA, _ROUNDS = 3.0, 5
_ROWS = 64


def usual_weight(weight) -> float:
    """Return the mean of those weights that are neither 0 nor infinite nor NaN, after sigma clipping.

    Five rounds at most of 3 standard deviations around the median, as in astropy.

    Parameters
    ----------
    weight : (y, x) float32

    Returns
    -------
    float
        NaN where there are none.
    """
    xp = namespace(weight)
    size = _ROWS if xp is np else max(len(weight), 1)
    parts = [weight[k : k + size] for k in range(0, len(weight), size)]
    values = Values([xp.where(xp.isfinite(p) & (p != 0), p, np.float32(np.inf)) for p in parts])
    found = values.total
    if not found.n:
        return np.nan
    low, high = -np.inf, np.inf
    for _ in range(_ROUNDS):
        middle = float(np.mean(values.middle(low, high), dtype=np.float64))
        spread = _SIGMA * values.spread(found)
        low, high = max(low, middle - spread), min(high, middle + spread)
        before, found = found, values.within(low, high)
        if found.n == before.n:
            break
    return found.first / found.n + float(values.pivot)
