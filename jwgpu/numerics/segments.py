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
    """

    xp: Any
    gain: Any
    noise: Any
    poisson_rate: Any
    weights: Any
    group_time: float

    def sums(self, values, flags, lone_time):
        """Return sums over segments (slope / read, 1 / read, 1 / poisson, 1 / total), (4, pixel)."""
        xp = self.xp
        sums = xp.zeros((4, self.gain.size))
        for at, start, end in runs(xp, flags):
            slope, poisson, read = self.measure(values, at, start, end, lone_time)
            inverse_poisson = xp.where(poisson > 0, 1 / poisson, 0.0)
            sums[:, at] += xp.stack([slope / read, 1 / read, inverse_poisson, 1 / (poisson + read)])
        return sums

    def measure(self, values, at, start, end: int, lone_time):
        """Return slope, Poisson and read-noise variance of segments of the pixels `at`, as `runs` gives them."""
        xp = self.xp
        values, gain = values[:, at], self.gain[at]
        length = end - start
        time = xp.where(length == 1, lone_time[at], self.group_time)
        last = values[end - 1].astype(xp.float64)
        rise = last - xp.take_along_axis(values, start[None], axis=0)[0]
        slope = xp.where(length == 1, last / time, rise / time)
        if end > 2:
            slope = xp.where(length > 2, self._slope(values, start, end, rise, at), slope)
        poisson = self.poisson_rate[at] / (time * gain * xp.maximum(length - 1, 1))
        noise = self.noise[at] / time
        read = 12.0 * noise * noise / (xp.maximum(length**3 - length, 6) * gain * gain)
        return slope, poisson, read

    def power(self, rise, at):
        """Return the row of the weights, by the signal to noise of the rise (DN) over a segment."""
        xp = self.xp
        variance = self.noise[at] * self.noise[at] + rise * self.gain[at]
        snr = rise * self.gain[at] / xp.sqrt(variance)
        row = len(SNR_LIMITS) - sum((snr < limit).astype(xp.int64) for limit in SNR_LIMITS)
        return xp.where(variance <= 0, 0, row)

    def _slope(self, values, start, end: int, rise, at):
        """Return slopes (DN/s) of segments that all end before group `end`; NaN data count as 0."""
        xp = self.xp
        row = self.power(rise, at)
        above, below = xp.zeros(at.size), xp.zeros(at.size)
        for group in range(end):
            inside = group >= start
            u = xp.where(inside, 2 * (group - start) - (end - start - 1), 0)
            weighted = self.weights[row, xp.abs(u)] * u
            above += weighted * xp.where(inside & ~xp.isnan(values[group]), values[group], xp.float32(0))
            below += weighted * u
        return 2.0 * above / below / self.group_time

    def intercept(self, values, at, start, end: int):
        """Return sigslope, yint and sigyint (electron, DN, electron) of segments, as in `jwgpu.numerics.fitopt`."""
        xp = self.xp
        values, noise, length = values[:, at], self.noise[at], end - start
        first, last = xp.take_along_axis(values, start[None], axis=0)[0].astype(xp.float64), values[end - 1]
        row = self.power(last - first, at)
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
