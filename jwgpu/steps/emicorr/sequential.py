"""The disturbance found in what is left after ramps are taken off.

Each integration loses a straight line and a fixed pattern per pixel. What is left, averaged over the outputs, is
folded with the period into bins, whose clipped means are the wave as the data have it. It is subtracted itself, or
gives phase and amplitude to a reference wave.
"""

from __future__ import annotations

import math

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import integration
from jwgpu.numerics.bins import Bins, bin_of
from jwgpu.numerics.blocks import over_planes, over_rows, row_blocks
from jwgpu.steps.emicorr.cases import OUTPUTS, Clock, Line

MOST_BINS = 501

_ROWS = 16
_LATE = 3 + 2.0**32  # ticks by which the last reference pixel of a row is read late, as the official package has it


def phased_integrations(clock: Clock, line: Line, nints_to_phase: int | None, use_n_cycles: int | None) -> int:
    """Return how many integrations are folded: as asked for, or as many as hold `use_n_cycles` periods."""
    if nints_to_phase is not None:
        return nints_to_phase
    if use_n_cycles is None:
        return clock.shape[0]
    return math.ceil(use_n_cycles * line.period / (clock.frameclocks * clock.shape[1]))


def correct(xp, data, clock: Clock, line: Line, n_phased: int, nbins: int | None, scale: bool) -> None:
    """Subtract one line from `data` in place.

    Parameters
    ----------
    xp : module
        Library of the arrays that are worked on.
    data : (integration, group, y, x) float32, DN
        Four groups or more.
    n_phased : int
        Integrations, from the first, that are folded.
    nbins : int, optional
        Bins of a period; half as many as it has ticks where not given, at most 501 (500, where more were asked for).
    scale : bool
        Give the reference wave the amplitude found.
    """
    nbins = int(line.period / 2.0) if nbins is None else nbins
    nbins = 500 if nbins > MOST_BINS else max(nbins, 1)
    ticks = clock.ticks(xp)
    if clock.late:
        ticks[:, -1] += _LATE
    table = _table(xp, _folded(xp, data, clock, ticks, line.period, n_phased, nbins), line, scale)
    for i in range(data.shape[0]):
        with integration(data, i, write=True) as groups:

            def subtract(j, i=i, groups=groups):
                group = groups[j]
                for rows in row_blocks(group, rows=_ROWS * 2):
                    phase = _phase(xp, ticks[rows] + clock.start(i, j), line.period)
                    place = xp.minimum((phase * line.period).astype(np.int64), table.size - 1)
                    group[rows] -= xp.repeat(table[place], OUTPUTS, axis=1)

            over_planes(subtract, groups)


def _phase(xp, ticks, period: float):
    phase = ticks / period
    return phase - xp.floor(phase)


def _folded(xp, data, clock: Clock, ticks, period: float, n_phased: int, nbins: int):
    """Return the clipped mean of every bin: (bin,) float64, DN, median 0; NaN where a bin is empty."""
    places = [(i, j) for i in range(min(n_phased, data.shape[0])) for j in range(data.shape[1])]

    def bins(i, j):
        return bin_of(_phase(xp, ticks + clock.start(i, j), period), nbins).ravel()

    bag = Bins(sum(xp.bincount(bins(*place), minlength=nbins + 1) for place in places))
    for i, j in places:
        if j == 0:
            with integration(data, i) as groups:
                clean = _residual(groups)
        bag.add(clean[j].ravel(), bins(i, j))
    wave = bag.clipped_means()
    return wave - xp.median(wave)


def _residual(groups):
    """Return what is left of (group, y, x) after line and fixed pattern: (group, y, x / 4) float32, DN.

    First and last group do not take part in line and pattern. Pixels with a value that is not finite are NaN.
    """
    xp = namespace(groups)
    n_groups, n_rows, n_columns = groups.shape
    inner = n_groups - 2
    s_t, s_tt = inner * (inner - 1) / 2, inner * (inner - 1) * (2 * inner - 1) / 6
    clean = xp.empty((n_groups, n_rows, n_columns // OUTPUTS), dtype=np.float32)

    def subtract_line(rows):
        block = groups[:, rows]
        with np.errstate(invalid="ignore", over="ignore"):
            # float64: the slope is a difference of large sums
            s_y = block[1:-1].sum(axis=0, dtype=np.float64)
            s_ty = sum(block[1 + t] * np.float64(t) for t in range(inner))
            slope = (inner * s_ty - s_t * s_y) / (inner * s_tt - s_t**2)
            left = xp.empty(block.shape, dtype=np.float32)
            for j in range(n_groups):
                left[j] = block[j] - slope * np.float64(j)
            ordered = xp.sort(left[1:-1], axis=0)  # several times faster than a median
            left -= (ordered[(inner - 1) // 2] + ordered[inner // 2]) / np.float32(2) if inner > 2 else ordered[0]
            some = left.reshape(n_groups, -1, n_columns // OUTPUTS, OUTPUTS)
            clean[:, rows] = (some[..., 0] + some[..., 1] + some[..., 2] + some[..., 3]) / np.float32(OUTPUTS)

    over_rows(subtract_line, groups, rows=_ROWS, device_rows=_ROWS * 16)
    if clean.shape[2] > 3:  # columns of bad reference pixels
        clean[:, :, 1] = clean[:, :, 2] = (clean[:, :, 0] + clean[:, :, 3]) / 2
    for group in clean:
        known = xp.isfinite(group)
        finite = group if bool(known.all()) else group[known]
        if finite.size:
            group -= xp.median(finite)
    return clean


def _table(xp, wave, line: Line, scale: bool):
    """Return the wave to subtract at each tick of a period: float32, DN; 0 where it is not known."""
    found = _resampled(xp, wave, line.period)
    if line.wave is not None:
        n = line.wave.size
        shifts = (xp.arange(n) - xp.arange(n)[:, None]) % n
        same = _resampled(xp, wave, n)
        likeness = line.wave[shifts] @ (same - same.mean())
        best = xp.where(xp.isfinite(likeness), likeness, -np.inf).argmax()
        reference = _resampled(xp, line.wave[(xp.arange(n) - best) % n], line.period)
        x, y = reference - reference.mean(), found - found.mean()
        power = (x * x).sum()
        ratio = (x * y).sum() / xp.where(power > 0, power, np.nan)
        factor = ratio if scale else xp.where(xp.isfinite(ratio), 1.0, np.nan)
        found = reference * factor
    return xp.where(xp.isfinite(found), found, 0).astype(np.float32)


def _resampled(xp, wave, length: float):
    """Return `wave` stretched to `length` samples, a fraction counted as one more; each takes the one at or before."""
    step = wave.size / length
    place = (xp.arange(math.ceil(wave.size / step)) * step).astype(np.int64)
    return wave[xp.minimum(place, wave.size - 1)]
