"""A level that repeats every so many rows, told apart from whatever else varies along the rows."""

from __future__ import annotations

import math

import numpy as np

from jwgpu.backend import namespace

_PASSES = 3
_LIMIT = 3.0
_EVIDENCE = 10.0


def cycle(profile, period: int):
    """Return the part of a profile that repeats every `period` rows.

    Fitted together, by least squares in float64: a level for each of the `period` phases, a slope and a curvature
    along the rows. Rows further than three standard deviations from the fit take no part in the next one. The mean
    of the levels over one period is taken off, since it is no pattern.

    Parameters
    ----------
    profile : (rows,) array
        NaN where a row is not known.
    period : int
        Rows after which the pattern begins again; at least 2.

    Returns
    -------
    pattern : (rows,) float64
        0 in phases of which no row is known.
    """
    xp = namespace(profile)
    n_rows = profile.shape[0]
    row = xp.arange(n_rows)
    phase = (row[:, None] % period == xp.arange(period)).astype(np.float64)
    along = (2.0 * row - (n_rows - 1)) / n_rows
    smooth = xp.stack([along, along**2], axis=1)
    known = xp.isfinite(profile)
    value = xp.where(known, profile, 0).astype(np.float64)
    model = xp.concatenate([phase, smooth], axis=1)
    for _ in range(_PASSES):
        levels, left = _fit(xp, model, value, known)
        taking_part = known
        spread = xp.sqrt((xp.where(known, left, 0) ** 2).sum() / xp.maximum(known.sum(), 1))
        known = known & (xp.abs(left) <= _LIMIT * spread)
    pattern = levels[:period]
    seen = (phase * taking_part[:, None]).sum(axis=0) > 0
    mean = xp.where(seen, pattern, 0).sum() / xp.maximum(seen.sum(), 1)
    pattern = xp.where(seen, pattern - mean, 0)
    return pattern[row % period]


def find_period(profile) -> int | None:
    """Return the number of rows after which a profile repeats itself, or None where it does not.

    Of all periods from 2 rows to a quarter of the profile, the one is taken that lowers the Bayesian information
    criterion (BIC) the most, n ln(sum of squares) + k ln n with k levels, if that is by more than 10. Multiples of
    the true period fit as well with more levels, and lose.

    Parameters
    ----------
    profile : (rows,) array
        NaN where a row is not known.

    References
    ----------
    .. [1] Schwarz, G. 1978, Ann. Statist. 6, 461, doi:10.1214/aos/1176344136.
    """
    xp = namespace(profile)
    n_rows = profile.shape[0]
    flat, known = _flattened(xp, profile)
    least = np.finfo(np.float64).tiny
    total = xp.maximum((flat**2).sum(), least)
    periods = range(2, n_rows // 4 + 1)
    gains = [np.float64(_EVIDENCE) + xp.zeros(())]
    for period in periods:
        n_cycles = -(-n_rows // period)
        folded, count = xp.zeros((2, n_cycles * period))
        folded[:n_rows], count[:n_rows] = flat, known
        sums, count = (part.reshape(n_cycles, period).sum(axis=0) for part in (folded, count))
        # What phase means explain: the sum over phases of n mean**2. A profile that is nothing else leaves roundings.
        left = xp.maximum(total - (sums**2 / xp.maximum(count, 1)).sum(), 1e-15 * total + least)
        gains.append(n_rows * xp.log(total / left) - (period - 1) * math.log(n_rows))
    best = int(xp.argmax(xp.stack(gains)))
    return periods[best - 1] if best else None


def _flattened(xp, profile):
    """Return a profile less its smooth part, 0 in rows that are not known or stand out; and which rows are left."""
    n_rows = profile.shape[0]
    along = (2.0 * xp.arange(n_rows) - (n_rows - 1)) / n_rows
    model = xp.stack([xp.ones(n_rows), along, along**2], axis=1)
    known = xp.isfinite(profile)
    value = xp.where(known, profile, 0).astype(np.float64)
    for _ in range(_PASSES):
        _, left = _fit(xp, model, value, known)
        taking_part = known
        spread = xp.sqrt((xp.where(known, left, 0) ** 2).sum() / xp.maximum(known.sum(), 1))
        known = known & (xp.abs(left) <= _LIMIT * spread)
    return xp.where(taking_part, left, 0), taking_part


def _fit(xp, model, value, known):
    """Return the coefficients of the columns of `model` that fit the known values best, and what is left."""
    weighted = model * known[:, None]
    normal = weighted.T @ model
    # A column that no known row sees would make the equations singular; so it gets the coefficient 0.
    unseen = xp.diagonal(normal) == 0
    normal = normal + xp.diag(unseen.astype(np.float64))
    coefficients = xp.linalg.solve(normal, weighted.T @ value)
    return coefficients, value - model @ coefficients
