"""Slopes of some pixels in array code: specification, test oracle and fallback of the kernel `ramp_slopes`.

The formulas are in `jwgpu.numerics.slopes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jwgpu import backend
from jwgpu.data.flags import GROUP, PIXEL
from jwgpu.numerics.segments import Segments, variance_forms, weight_table

CHUNK = 1 << 16
"""Pixels that array code works on at a time."""

VARIANCE_LIMIT = 1.0e6
"""A variance this large stands for "nothing measured" and is written as 0."""

_UNUSABLE = GROUP.DO_NOT_USE | GROUP.SATURATED


class Slopes(NamedTuple):
    """Planes (pixel) of an exposure, or (integration, pixel): float32 in DN/s and its square, uint32 flags."""

    slope: Any
    error: Any
    var_poisson: Any
    var_rnoise: Any
    dq: Any


@dataclass(frozen=True)
class Sampling:
    """How a ramp was sampled and which of its groups are fitted.

    Attributes
    ----------
    group_time, frame_time : float
        Seconds between groups and between frames.
    n_frames : int
        Frames averaged into a group.
    first_group, n_groups : int
        First fitted group and number of fitted groups. Where leading groups are left out, a jump into the first
        fitted one is no jump.
    suppress_one_group : bool
        Give no slope to an integration with only one good group.
    unbiased : bool
        Choose weights by the slope, not by the rise, and give the variances of that slope.
    """

    group_time: float
    frame_time: float
    n_frames: int
    first_group: int
    n_groups: int
    suppress_one_group: bool
    unbiased: bool = False

    @property
    def first_time(self) -> float:
        """Mean time at which the frames of the first group were read, in seconds."""
        return (self.n_frames + 1.0) * self.frame_time / 2.0

    def forms(self, weights):
        """Return the variances of slopes per unit of noise, of photons and read-out, where they are wanted."""
        if not self.unbiased:
            return None
        return variance_forms(weights, self.group_time, self.frame_time, self.n_frames)


@dataclass
class Integration:
    """One integration of some pixels. values, flags: (group, pixel); the rest (pixel)."""

    values: Any
    flags: Any
    any_flags: Any
    suppressed: Any  # only one group is good, and that is not wanted
    first_only: Any  # only the first group is good: its time is that of its frames
    from_zero: Any  # no group is good: the zero frame stands in for the first
    unusable: Any  # every group saturated or not to be used
    n_saturated: Any

    @property
    def dead(self):
        """Where the first group is saturated."""
        return (self.flags[0] & GROUP.SATURATED) != 0


def blocks(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling: Sampling):
    """Give (slice, pixels, data, groupdq, zeroframe) of some pixels at a time, and of the fitted groups.

    Arguments as in `jwgpu.numerics.slopes.fit_slopes`. Data come as (integration, group, pixel).
    """
    xp = backend.namespace(data, groupdq)
    n_integrations, n = len(data), pixeldq.size
    groups = slice(sampling.first_group, sampling.first_group + sampling.n_groups)
    data, groupdq = (a[:, groups].reshape(n_integrations, sampling.n_groups, n) for a in (data, groupdq))
    zeroframe = None if zeroframe is None else zeroframe.reshape(n_integrations, n)
    planes = [a.reshape(-1) for a in (pixeldq, gain, readnoise, xp.zeros_like(gain) if dark is None else dark)]
    table = weight_table(sampling.n_groups)
    weights, forms = (
        a if a is None else backend.to(a, "gpu" if backend.is_device_array(data) else "cpu")
        for a in (table, sampling.forms(table))
    )
    for first in range(0, n, CHUNK):
        part = slice(first, min(first + CHUNK, n))
        pixels = Pixels(xp, *(a[part] for a in planes), weights, forms, sampling)
        yield part, pixels, data[..., part], groupdq[..., part], None if zeroframe is None else zeroframe[:, part]


class Pixels:
    """Some pixels, and what their fit shares. All sums are float64, as in the kernel."""

    def __init__(self, xp, pixeldq, gain, readnoise, dark, weights, forms, sampling: Sampling):
        self.xp, self.weights, self.forms, self.sampling = xp, weights, forms, sampling
        self.dark = dark.astype(xp.float64)
        bad_gain = ~(gain > 0)
        self.gain = xp.where(bad_gain, xp.nan, gain.astype(xp.float64))
        noise = readnoise * (self.gain / np.sqrt(2.0 * sampling.n_frames))
        self.noise = noise.astype(xp.float32).astype(xp.float64)
        self.dq = pixeldq | xp.where(bad_gain, PIXEL.DO_NOT_USE | PIXEL.NO_GAIN_VALUE, xp.uint32(0))

    def surveys(self, data, groupdq, zeroframe) -> list[Integration]:
        """Say what the flags of each integration amount to."""
        n = len(data)
        return [self._survey(data[i], groupdq[i], None if zeroframe is None else zeroframe[i]) for i in range(n)]

    def prepare(self, data, groupdq, zeroframe) -> tuple[list[Integration], Segments]:
        """Return the surveys of ramps (integration, group, pixel), and what their segments share."""
        xp = self.xp
        integrations = self.surveys(data, groupdq, zeroframe)
        rate = sum(self._median_rate(i) for i in integrations) / len(data)
        poisson_rate = xp.where(rate > 0, rate + self.dark, self.dark)
        time = self.sampling.group_time
        return integrations, Segments(xp, self.gain, self.noise, poisson_rate, self.weights, time, self.forms)

    def fit(self, data, groupdq, zeroframe) -> tuple[Slopes, Slopes]:
        """Fit ramps (integration, group, pixel); zeroframe (integration, pixel) or None."""
        xp = self.xp
        integrations, segments = self.prepare(data, groupdq, zeroframe)
        total = xp.zeros((6, self.dq.size))
        inverse_read = xp.zeros(self.dq.size)
        chargeloss = xp.zeros(self.dq.size, dtype=bool)
        fits = []
        for i, integration in enumerate(integrations):
            slope, error, poisson, read, dq = self._fit_integration(integration, segments, total)
            lost = (integration.any_flags & GROUP.CHARGELOSS) != 0
            inverse = xp.where(lost, self._chargeloss_inverse(integration, segments, data[i], groupdq[i]), 0.0)
            read = xp.where(lost, _variance(xp, inverse), read)
            inverse_read += xp.where(lost, inverse, xp.where(read > 0, 1 / read, 0.0))
            chargeloss |= lost
            fits.append(Slopes(slope, error, poisson, read, dq))
        each = Slopes(*(xp.stack(planes) for planes in zip(*fits)))
        return self._fit_exposure(integrations, each, total, chargeloss, inverse_read), each

    def _survey(self, data, groupdq, zeroframe) -> Integration:
        """Count flags, decide how the integration is measured, and put a zero frame in its place."""
        xp = self.xp
        n_groups = len(data)
        n_alone = ((groupdq & ~GROUP.PERSISTENCE) == 0).sum(axis=0)
        flags, values = groupdq, data
        if self.sampling.first_group > 0:
            flags = groupdq.copy()
            flags[0] &= ~GROUP.JUMP_DET
        any_flags = xp.zeros_like(flags[0])
        for group in flags:
            any_flags |= group
        n_good = (flags == 0).sum(axis=0)
        n_saturated = ((flags & GROUP.SATURATED) != 0).sum(axis=0)
        n_unusable = ((flags & _UNUSABLE) != 0).sum(axis=0)
        suppressed = first_only = from_zero = xp.zeros(n_good.shape, dtype=bool)
        if self.sampling.suppress_one_group:
            suppressed = n_alone == 1
            n_unusable = xp.where(suppressed, n_groups, n_unusable)
        else:
            first_only = (n_good == 1) & (flags[0] == 0)
            if zeroframe is not None:
                from_zero = (n_good == 0) & (zeroframe != 0)
                flags, values = flags.copy(), data.copy()
                flags[0] = xp.where(from_zero, xp.uint8(0), flags[0])
                values[0] = xp.where(from_zero, zeroframe, values[0])
                n_unusable = n_unusable - from_zero
                n_saturated = n_saturated - (from_zero & (n_saturated == n_groups))
        return Integration(
            values, flags, any_flags, suppressed, first_only, from_zero, n_unusable == n_groups, n_saturated
        )

    def _median_rate(self, ramp: Integration):
        """Return the median difference of neighbouring usable groups, DN/s; 0 where there is none."""
        xp, sampling = self.xp, self.sampling
        first = ramp.values[0].astype(xp.float64)
        if len(ramp.values) == 1:  # here even a group not to be used counts, and a NaN stays one
            return xp.where((ramp.flags[0] & GROUP.SATURATED) != 0, xp.nan, first / sampling.first_time)
        values = xp.where((ramp.flags & _UNUSABLE) != 0, xp.float32(xp.nan), ramp.values)
        differences = values[1:] - values[:-1]
        differences = xp.where((ramp.flags[1:] & GROUP.JUMP_DET) != 0, xp.float32(xp.nan), differences)
        n = (~xp.isnan(differences)).sum(axis=0)
        ordered = xp.sort(differences, axis=0)
        upper, lower = (
            xp.take_along_axis(ordered, xp.maximum(middle, 0)[None], axis=0)[0].astype(xp.float64)
            for middle in (n // 2, n // 2 - 1)
        )
        median = xp.where(n % 2 == 1, upper, (upper + lower) / 2.0)
        rate = xp.where(n > 0, median, values[0]) / sampling.group_time
        rate = xp.where(ramp.first_only, first / sampling.first_time, rate)
        rate = xp.where(ramp.from_zero, first / sampling.frame_time, rate)
        return xp.where(ramp.suppressed | xp.isnan(rate), 0.0, rate)

    def lone_time(self, ramp: Integration):
        """Return the time in which a single group collected its counts, in seconds."""
        time = self.xp.where(ramp.first_only, self.sampling.first_time, self.sampling.group_time)
        return self.xp.where(ramp.from_zero, self.sampling.frame_time, time)

    def _fit_integration(self, ramp: Integration, segments: Segments, total) -> Slopes:
        """Fit one integration; add its sums (slope, read, poisson) to `total`."""
        xp = self.xp
        dead = ramp.dead
        dq = self.dq | (ramp.any_flags & (GROUP.JUMP_DET | GROUP.PERSISTENCE))
        dq |= xp.where(dead, PIXEL.DO_NOT_USE | PIXEL.SATURATED, xp.uint32(0))
        dq |= xp.where(ramp.unusable, PIXEL.DO_NOT_USE, xp.uint32(0))
        dq |= xp.where(ramp.unusable & (ramp.n_saturated == len(ramp.flags)), PIXEL.SATURATED, xp.uint32(0))
        sums = segments.sums(ramp.values, ramp.flags, self.lone_time(ramp))
        sums = xp.where(dead | ramp.unusable, 0.0, sums)
        total += sums
        invalid = (dq & (PIXEL.DO_NOT_USE | PIXEL.SATURATED)) != 0
        measured = (sums[1] != 0) & ~invalid
        if self.forms is not None:
            return Slopes(*self._unbiased(sums, invalid, measured), dq)
        poisson = xp.where(measured, _variance(xp, sums[2]), 0.0)
        read = xp.where(measured, _variance(xp, sums[1]), 0.0)
        variance = 1 / sums[3]
        error = xp.where(measured & ~(variance > VARIANCE_LIMIT), xp.sqrt(variance), 0.0)
        slope = xp.where(invalid, xp.nan, xp.where(measured, sums[0] * read, 0.0))
        return Slopes(slope, error, poisson, read, dq)

    def _unbiased(self, sums, invalid, measured):
        """Return slope, error and the variances that the slope really has at its own rate."""
        xp = self.xp
        square = sums[1] * sums[1]
        slope = sums[0] * _variance(xp, sums[1])
        rate = xp.where(slope > 0, slope, 0.0) + self.dark / self.gain
        read, poisson = sums[4] / square, rate / self.gain * (sums[5] / square)
        known = measured & (read < VARIANCE_LIMIT) & (poisson < VARIANCE_LIMIT)
        poisson, read = xp.where(known, poisson, 0.0), xp.where(known, read, 0.0)
        slope = xp.where(invalid, xp.nan, xp.where(measured, slope, 0.0))
        return slope, xp.where(known, xp.sqrt(poisson + read), 0.0), poisson, read

    def _chargeloss_inverse(self, ramp: Integration, segments: Segments, data, groupdq):
        """Return 1 / read where groups lost to charge migration, left out of the slope, count again."""
        xp = self.xp
        lost = (groupdq & GROUP.CHARGELOSS) != 0
        if not bool(lost.any()):
            return xp.zeros(self.dq.size)
        flags = xp.where(lost, groupdq ^ (GROUP.CHARGELOSS | GROUP.DO_NOT_USE), groupdq)
        inverse = segments.sums(data, flags, self.lone_time(ramp))[1]
        return xp.where(inverse > 0, inverse, 0.0)

    def _fit_exposure(self, integrations, each: Slopes, total, chargeloss, inverse_read) -> Slopes:
        """Combine the sums over all segments; finish the flags of the integrations in `each`."""
        xp = self.xp
        dq = self.dq.copy()
        for integration in integrations:
            dq |= integration.any_flags & (GROUP.JUMP_DET | GROUP.PERSISTENCE)
        for flag in (PIXEL.DO_NOT_USE, PIXEL.SATURATED):
            dq |= xp.where(((each.dq & flag) != 0).all(axis=0), flag, xp.uint32(0))
        invalid = (dq & (PIXEL.DO_NOT_USE | PIXEL.SATURATED)) != 0
        poisson = xp.where(invalid, 0.0, _variance(xp, total[2]))
        read = xp.where(invalid, 0.0, _variance(xp, total[1]))
        slope = xp.where(invalid, xp.nan, total[0] * read)
        error = xp.sqrt(poisson + read)
        if self.forms is not None:
            slope, error, poisson, read = self._unbiased(total, invalid, (total[1] != 0) & ~invalid)
        read = xp.where(chargeloss & (inverse_read > 0), _variance(xp, inverse_read), read)
        for i, integration in enumerate(integrations):
            some = xp.where(integration.n_saturated > 0, PIXEL.SATURATED, xp.uint32(0))
            each.dq[i] |= some
            dq |= some
        return Slopes(slope, error, poisson, read, dq)


def _variance(xp, inverse):
    variance = 1 / inverse
    return xp.where(variance >= VARIANCE_LIMIT, 0.0, variance)
