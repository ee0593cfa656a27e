"""What returns every so many samples, told apart from chance."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace

_EVIDENCE = 10.0


def repeating(values, period: int):
    """Return by how much samples of the same phase differ from the mean over the phases, where they do beyond doubt.

    Sample i has the phase i modulo `period`. One mean for each phase is compared with one mean for all by the Bayesian
    information criterion [1]_, over all columns together: for n samples, of which q phases of the columns are seen,
    k = q less the number of columns,

        (n - q) ln(sum of squares before / after) - k ln n > 10.

    The first factor is n in the criterion; the degrees of freedom that are left make it hold for few samples too.

    Parameters
    ----------
    values : (sample, column) array
        NaN where not known.
    period : int

    Returns
    -------
    pattern : (period, column) float64
        0 in phases of which no sample is known, and everywhere if the evidence is not enough.

    References
    ----------
    .. [1] Schwarz, G. 1978, Ann. Statist. 6, 461, doi:10.1214/aos/1176344136.
    """
    xp = namespace(values)
    known = xp.isfinite(values)
    value = xp.where(known, values, 0).astype(np.float64)
    n_cycles = -(-value.shape[0] // period)
    # float64: differences of sums decide
    whole = xp.zeros((2, n_cycles * period, value.shape[1]))
    whole[0, : value.shape[0]], whole[1, : value.shape[0]] = value, known
    sums, counts = whole.reshape(2, n_cycles, period, -1).sum(axis=1)
    phase_means = sums / xp.maximum(counts, 1)
    all_counts = counts.sum(axis=0)
    means = sums.sum(axis=0) / xp.maximum(all_counts, 1)
    before = (xp.where(known, value - means, 0) ** 2).sum()
    # What phase means explain: the sum over phases of n (mean - mean of all)**2.
    after = before - (counts * (phase_means - means) ** 2).sum()
    least = np.finfo(np.float64).tiny
    after = xp.maximum(after, 1e-15 * before + least)  # a pattern without noise leaves roundings
    n, seen, columns = all_counts.sum(), (counts > 0).sum(), (all_counts > 0).sum()
    gain = (n - seen) * xp.log(xp.maximum(before, least) / after) - (seen - columns) * xp.log(xp.maximum(n, 1))
    centre = phase_means.sum(axis=0) / xp.maximum((counts > 0).sum(axis=0), 1)
    return xp.where((counts > 0) & (gain > _EVIDENCE), phase_means - centre, 0)
