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
        """Return sums over segments (slope / read, 1 / read, 1 / poisson, 1 / total), (4, pixel).

        Single groups count only where there is nothing longer, and then only the first of them.
        """
        xp = self.xp
        n_groups = len(values)
        sums = xp.zeros((4, self.gain.size))
        start = xp.full(self.gain.size, -1)
        lone = start.copy()
        longer = xp.zeros(self.gain.size, dtype=bool)
        before = xp.zeros_like(flags[0])
        for group in range(n_groups + 1):
            now = flags[group] & ~GROUP.PERSISTENCE if group < n_groups else xp.full_like(before, GROUP.DO_NOT_USE)
            ends = (now != 0) & (start >= 0)
            lone = xp.where(ends & (group - start == 1) & (lone < 0), start, lone)
            long = ends & (group - start > 1)
            longer |= long
            self._add(sums, values, xp.flatnonzero(long), start, group, lone_time)
            start = xp.where(ends, -1, start)
            begins = (now == 0) & (start < 0)
            start = xp.where(begins, group - (before == GROUP.JUMP_DET), start)
            before = now
        for group in range(n_groups):
            alone = xp.flatnonzero(~longer & (lone == group))
            self._add(sums, values, alone, lone, group + 1, lone_time)
        return sums

    def _add(self, sums, values, at, start, end: int, lone_time):
        """Add to `sums` the segments of pixels `at` that begin at group `start` and end before group `end`."""
        xp = self.xp
        if at.size == 0:
            return
        values, start, gain = values[:, at], start[at], self.gain[at]
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
        inverse_poisson = xp.where(poisson > 0, 1 / poisson, 0.0)
        sums[:, at] += xp.stack([slope / read, 1 / read, inverse_poisson, 1 / (poisson + read)])

    def _slope(self, values, start, end: int, rise, at):
        """Return slopes (DN/s) of segments that all end before group `end`; NaN data count as 0."""
        xp = self.xp
        variance = self.noise[at] * self.noise[at] + rise * self.gain[at]
        snr = rise * self.gain[at] / xp.sqrt(variance)
        row = len(SNR_LIMITS) - sum((snr < limit).astype(xp.int64) for limit in SNR_LIMITS)
        row = xp.where(variance <= 0, 0, row)
        above, below = xp.zeros(at.size), xp.zeros(at.size)
        for group in range(end):
            inside = group >= start
            u = xp.where(inside, 2 * (group - start) - (end - start - 1), 0)
            weighted = self.weights[row, xp.abs(u)] * u
            above += weighted * xp.where(inside & ~xp.isnan(values[group]), values[group], xp.float32(0))
            below += weighted * u
        return 2.0 * above / below / self.group_time
