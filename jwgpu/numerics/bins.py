"""Samples sorted into bins, and robust means of the bins."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace

# Bins treated at a time.
_HOST_BINS = 32


def bin_of(phase, n_bins: int):
    """Return the bin (k / n, (k + 1) / n] that each phase from 0 to below 1 falls in, int16; phase 0 is in none, n."""
    xp = namespace(phase)
    edges = xp.arange(n_bins + 1) / n_bins
    index = xp.ceil(phase * n_bins).astype(np.int64) - 1
    index = xp.clip(index, 0, n_bins - 1)
    # The product may round across an edge.
    index -= phase <= edges[index]
    index += (phase > edges[index + 1]) & (index >= 0)
    return xp.where(index < 0, n_bins, index).astype(np.int16)


class Bins:
    """A table of samples, one row for each bin and one more for samples that are in none.

    Parameters
    ----------
    counts : (bin + 1,) int array
        How many samples each row will receive.
    """

    def __init__(self, counts):
        self.xp = namespace(counts)
        self.table = self.xp.full((counts.size, max(int(counts.max()), 1)), np.float32(np.nan), dtype=np.float32)
        self.filled = self.xp.zeros(counts.size, dtype=np.int64)

    def add(self, values, bins) -> None:
        """Put (n,) `values` into the rows `bins`."""
        xp = self.xp
        order = xp.argsort(bins, kind="stable")
        rows = bins[order]
        counts = xp.bincount(bins, minlength=self.filled.size)
        first = xp.cumsum(counts) - counts
        columns = xp.arange(rows.size) + (self.filled - first)[rows]
        self.table[rows, columns] = values[order]
        self.filled += counts

    def clipped_means(self, sigma: float = 3.0, rounds: int = 5):
        """Return the mean of every bin after rejecting, in each round, what lies beyond `sigma` deviations.

        Deviations are counted from the median, in units of the standard deviation (ddof = 0) of what is left.

        Returns
        -------
        (bin,) float64
            NaN where a bin has no finite sample.
        """
        n_bins = self.filled.size - 1
        parts = [
            _clipped_means(self.table[first : min(first + _HOST_BINS, n_bins)], sigma, rounds)
            for first in range(0, n_bins, _HOST_BINS)
        ]
        return self.xp.concatenate(parts)


def _clipped_means(table, sigma: float, rounds: int):
    """Return the clipped means of the rows of `table`; what is not finite takes no part.

    Sorted, what is left of a row is a run of columns from `low` to below `high`.
    """
    xp = namespace(table)
    known = xp.isfinite(table)
    table = xp.sort(xp.where(known, table, np.float32(np.inf)), axis=1)
    column = xp.arange(table.shape[1])
    low = xp.zeros((table.shape[0], 1), dtype=np.int64)
    high = known.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        inside = (column >= low) & (column < high)
        some = xp.maximum(high - low, 1)
        # float64: limits decide which samples are left
        mean = xp.where(inside, table, 0).sum(axis=1, keepdims=True, dtype=np.float64) / some
        spread = xp.where(inside, table - mean, 0)
        deviation = xp.sqrt((spread * spread).sum(axis=1, keepdims=True) / some)
        middle = [
            xp.take_along_axis(table, xp.maximum(m, 0), axis=1) for m in ((low + high - 1) // 2, (low + high) // 2)
        ]
        middle = [xp.where(high > low, m, 0).astype(np.float64) for m in middle]
        median = (middle[0] + middle[1]) / 2
        below = (inside & (table < median - sigma * deviation)).sum(axis=1, keepdims=True)
        above = (inside & (table > median + sigma * deviation)).sum(axis=1, keepdims=True)
        low, high = low + below, high - above
    inside = (column >= low) & (column < high)
    total = xp.where(inside, table, 0).sum(axis=1, dtype=np.float64)
    count = (high - low)[:, 0]
    return xp.where(count > 0, total / xp.maximum(count, 1), np.nan)


def _column(table, index):
    """Return, as (row, 1) float64, the value of each row at a column of its own; 0 where that is infinite."""
    xp = namespace(table)
    value = xp.take_along_axis(table, xp.clip(index, 0, table.shape[1] - 1), axis=1)
    return xp.where(xp.isfinite(value), value, 0).astype(np.float64)
