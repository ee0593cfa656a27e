"""Segments of ramps in array code: where they are, their slopes and variances. Formulas: `jwgpu.numerics.slopes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jwgpu.data.flags import GROUP

SNR_LIMITS = (5.0, 10.0, 20.0, 50.0, 100.0)
POWERS = (0.0, 0.4, 1.0, 3.0, 6.0, 10.0)


def weight_table(n_groups: int) -> np.ndarray:
    """Return |u|^p, scaled to 1 at the largest u, for the powers p (rows) and u = 0 .. n_groups - 1 (columns).

    float64: the smallest weights are (1 / n_groups)^10. A table rather than a power function, because that differs
    in its last bit between devices.
    """
    u = np.arange(n_groups, dtype=np.float64) / max(n_groups - 1, 1)
    return np.stack([u**power for power in POWERS])


def whole_ramp(weights: np.ndarray) -> np.ndarray:
    """Return w u for the groups of a ramp without a flag, and behind them sum(w u^2): (power, group + 1)."""
    n_groups = weights.shape[1]
    u = 2 * np.arange(n_groups) - (n_groups - 1)
    line = np.zeros((len(weights), n_groups + 1))
    for group in range(n_groups):  # in the order of the kernel
        line[:, group] = weights[:, abs(u[group])] * u[group]
        line[:, n_groups] += line[:, group] * u[group]
    return line


def variance_forms(weights: np.ndarray, group_time: float, frame_time: float, n_frames: int) -> np.ndarray:
    """Return the true variance of the slope of a segment, (power, length, 2), for lengths 0 .. n_groups.

    The slope is sum(a_j d_j), a_j = 2 w_j u_j / (t sum(w u^2)). Read noise of variance 1 in each group gives it the
    variance sum(a^2). Photons at the rate of 1 in all groups after them, of which b_k = a_k + a_(k+1) + ... is made,
    give t sum(b^2), less sum(a^2) (N^2 - 1) / (6 N) frame times where a group is the mean of N frames.
    """
    forms = np.zeros((*weights.shape[:1], weights.shape[1] + 1, 2))
    for length in range(2, weights.shape[1] + 1):
        u = 2 * np.arange(length) - (length - 1)
        weighted = weights[:, np.abs(u)] * u
        a = 2 * weighted / (weighted * u).sum(axis=1, keepdims=True) / group_time
        b = a[:, ::-1].cumsum(axis=1)[:, :-1]
        forms[:, length, 0] = (a**2).sum(axis=1)
        averaged = forms[:, length, 0] * frame_time * (n_frames**2 - 1) / (6 * n_frames)
        forms[:, length, 1] = group_time * (b**2).sum(axis=1) - averaged
    return forms


def runs(xp, flags):
    """Give the segments in order, as (pixels, their first groups, one group behind their last).

    A segment is a run of groups without a flag, PERSISTENCE apart, with the jump it begins with. Single groups count
    only where there is nothing longer, and then only the first of them.

    Parameters
    ----------
    flags : (group, pixel) uint8
    """
    n_groups, n = flags.shape
    start, longer, before = xp.full(n, -1), xp.zeros(n, dtype=bool), xp.zeros_like(flags[0])
    lone = start.copy()
    for group in range(n_groups + 1):
        now = flags[group] & ~GROUP.PERSISTENCE if group < n_groups else xp.full_like(before, GROUP.DO_NOT_USE)
        ends = (now != 0) & (start >= 0)
        lone = xp.where(ends & (group - start == 1) & (lone < 0), start, lone)
        long = ends & (group - start > 1)
        longer |= long
        at = xp.flatnonzero(long)
        if at.size:
            yield at, start[at], group
        start = xp.where(ends, -1, start)
        begins = (now == 0) & (start < 0)
        start = xp.where(begins, group - (before == GROUP.JUMP_DET), start)
        before = now
    for group in range(n_groups):
        at = xp.flatnonzero(~longer & (lone == group))
        if at.size:
            yield at, lone[at], group + 1


@dataclass(frozen=True)
class Segments:
    """What the segments of some pixels share. All sums are float64, as in the kernel.

    Attributes
    ----------
    xp : module
    gain, noise, poisson_rate : (pixel) float64, electron / DN, electron, DN / s
        `noise` is the read noise of one group; `poisson_rate` the rate, median and dark, whose photon noise counts.
    weights : (power, |u|) float64
        `weight_table`.
    group_time : float, seconds
    forms : (power, length, 2) float64 or None
        `variance_forms`: the weights go by the slope, and `sums` has the variances of the slope as it is.
    """

    xp: Any
    gain: Any
    noise: Any
    poisson_rate: Any
    weights: Any
    group_time: float
    forms: Any

    def sums(self, values, flags, lone_time):
        """Return sums over segments, (6, pixel).

        Sums of slope / read, 1 / read, 1 / poisson, 1 / total, and, with `forms`, the variances of the first of them:
        from read noise, and from photons at a rate of 1 electron / s.
        """
        xp = self.xp
        sums = xp.zeros((6, self.gain.size))
        for at, start, end in runs(xp, flags):
            slope, poisson, read, row = self.measure(values, at, start, end, lone_time)
            inverse_poisson = xp.where(poisson > 0, 1 / poisson, 0.0)
            sums[:4, at] += xp.stack([slope / read, 1 / read, inverse_poisson, 1 / (poisson + read)])
            if self.forms is not None:
                sums[4:, at] += self._spread(at, end - start, row, 1 / read, lone_time[at])
        return sums

    def _spread(self, at, length, row, weight, lone_time):
        xp = self.xp
        noise, form = self.noise[at] / self.gain[at], self.forms[row, length]
        read = xp.where(length == 1, 2.0 / (lone_time * lone_time), form[:, 0])
        poisson = xp.where(length == 1, 1.0 / lone_time, form[:, 1])
        return xp.stack([weight * weight * (noise * noise) * read, weight * weight * poisson])

    def measure(self, values, at, start, end: int, lone_time):
        """Return slope, Poisson and read-noise variance, and row of the weights, of segments as `runs` gives them."""
        xp = self.xp
        values, gain = values[:, at], self.gain[at]
        length = end - start
        time = xp.where(length == 1, lone_time[at], self.group_time)
        last = values[end - 1].astype(xp.float64)
        rise = last - xp.take_along_axis(values, start[None], axis=0)[0]
        slope = xp.where(length == 1, last / time, rise / time)
        row = xp.zeros(at.shape, dtype=xp.int64)
        if end > 2:
            row = xp.where(length > 2, self.power(rise, at), 0)
            fitted = self._slope(values, start, end, row)
            if self.forms is not None:  # again, by what is all but uncorrelated with the choice
                row = xp.where(length > 2, self.power(fitted * (length - 1) * self.group_time, at), 0)
                fitted = self._slope(values, start, end, row)
            slope = xp.where(length > 2, fitted, slope)
        poisson = self.poisson_rate[at] / (time * gain * xp.maximum(length - 1, 1))
        noise = self.noise[at] / time
        read = 12.0 * noise * noise / (xp.maximum(length**3 - length, 6) * gain * gain)
        return slope, poisson, read, row

    def power(self, rise, at):
        """Return the row of the weights, by the signal to noise of the rise (DN) over a segment."""
        xp = self.xp
        variance = self.noise[at] * self.noise[at] + rise * self.gain[at]
        snr = rise * self.gain[at] / xp.sqrt(variance)
        row = len(SNR_LIMITS) - sum((snr < limit).astype(xp.int64) for limit in SNR_LIMITS)
        return xp.where(variance <= 0, 0, row)

    def _slope(self, values, start, end: int, row):
        """Return slopes (DN/s) of segments that all end before group `end`; NaN data count as 0."""
        xp = self.xp
        above, below = xp.zeros(row.size), xp.zeros(row.size)
        for group in range(end):
            inside = group >= start
            u = xp.where(inside, 2 * (group - start) - (end - start - 1), 0)
            weighted = self.weights[row, xp.abs(u)] * u
            above += weighted * xp.where(inside & ~xp.isnan(values[group]), values[group], xp.float32(0))
            below += weighted * u
        return 2.0 * above / below / self.group_time

    def intercept(self, values, at, start, end: int, row):
        """Return sigslope, yint and sigyint (electron, DN, electron) of segments, as in `jwgpu.numerics.fitopt`."""
        xp = self.xp
        values, noise, length = values[:, at], self.noise[at], end - start
        first, last = xp.take_along_axis(values, start[None], axis=0)[0].astype(xp.float64), values[end - 1]
        w, x, xx, y, xy = xp.zeros((5, at.size))
        for group in range(end):
            inside = (group >= start) & (length > 2)
            u = xp.where(inside, 2 * (group - start) - (length - 1), 0)
            weight = xp.where(inside, self.weights[row, xp.abs(u)] / self.weights[row, length - 1], 0.0)
            value = xp.where(inside & ~xp.isnan(values[group]), values[group], xp.float32(0))
            w, x, xx = w + weight, x + group * weight, xx + group * group * weight
            y, xy = y + value * weight, xy + group * value * weight
        below = w * xx - x * x
        pair = length == 2
        two = np.sqrt(2.0) * noise
        alone = xp.where(pair, last * (-start) + first * (start + 1.0), 0.0)
        return (
            xp.where(length > 2, noise * xp.sqrt(w / below), xp.where(pair, two, 0.0)),
            xp.where(length > 2, (xx * y - x * xy) / below, alone),
            xp.where(length > 2, noise * xp.sqrt(xx / below), xp.where(pair, two, 0.0)),
        )
