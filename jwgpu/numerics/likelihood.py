"""Slopes of ramps by maximum likelihood, with the jumps found by chi square.

`fit_likelihood` runs the compiled kernel `ramp_likelihood`; `fit_likelihood_reference` is the same in array code:
specification, test oracle and fallback. Both give the same bits.

The rates d_i between neighbouring groups have a covariance C with diagonal alpha_i and off-diagonal beta_i [1]_,

    alpha_i = (a / g) (tau_i + tau_(i+1) - 2 t_i) / dt_i^2 + R^2 (1 / N_i + 1 / N_(i+1)) / dt_i^2,
    beta_i  = (a / g) (t_(i+1) - tau_(i+1)) / (dt_i dt_(i+1)) - R^2 / (N_(i+1) dt_i dt_(i+1)),

with a a first estimate of the slope, g the gain, R the read noise of a frame, N_i the frames averaged into a group,
t_i their mean time and tau_i their variance-weighted one. With x = C^-1 1, the slope is x'd / x'1, its variance
1 / x'1, and chi square what is left. C is tridiagonal: a sweep forward eliminates, one backward solves, and gives the
elements of C^-1 on and beside the diagonal on its way. Leaving out difference i, or i and i + 1, lowers chi square by
r' S^-1 r, with r = C^-1 (d - slope) and S = C^-1 - x x' / x'1, both at those differences [2]_: as long as that
exceeds a limit, the best is left out. A pair is tried where frames are averaged: a jump within a group spoils the
differences on both of its sides.

References
----------
.. [1] Brandt 2024, PASP 136, 045004, doi:10.1088/1538-3873/ad38d9
.. [2] Brandt 2024, PASP 136, 045005, doi:10.1088/1538-3873/ad38da
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jwgpu import backend, kernels
from jwgpu.data.flags import GROUP, PIXEL
from jwgpu.kernels.build import group_size
from jwgpu.numerics.slope_pixels import CHUNK, Slopes
from jwgpu.numerics.slopes import checked

LIMIT_ONE, LIMIT_TWO = 20.25, 23.8
"""Least improvement of chi square for which one difference, or two neighbours, are left out: 4.5 sigma."""

_UNUSABLE = GROUP.DO_NOT_USE | GROUP.SATURATED


class Likelihood(NamedTuple):
    """What a fit gives: exposure (pixel), integrations (integration, pixel), and chi square of both, float32.

    `freedom`: degrees of freedom of `chisq_integrations`, float32: differences in use less one.
    """

    exposure: Slopes
    integrations: Slopes
    chisq: Any
    chisq_integrations: Any
    freedom: Any


@dataclass(frozen=True)
class Times:
    """When the frames of each group were read.

    Attributes
    ----------
    table : (6, difference) float64
        1 / interval (1 / s), photon and read-noise factors of alpha (1 / s and 1 / s^2), of beta, and 1 where the group
        between a difference and the next averages several frames.
    n_frames : int
        Frames in the first group.
    zeroframe : bool
        The first frame is taken out of the first group, and stands before it.
    """

    table: np.ndarray
    n_frames: int
    zeroframe: bool

    @classmethod
    def of(cls, reads: list, zeroframe: bool) -> Times:
        """Return the times of groups whose frames were read at `reads`, in seconds, one array per group."""
        reads = [np.atleast_1d(np.asarray(r, np.float64)) for r in reads]
        n_frames = len(reads[0])
        if zeroframe:
            reads = [reads[0][:1], reads[0][1:], *reads[1:]]
        frames = np.array([len(r) for r in reads])
        mean = np.array([r.mean() for r in reads])
        tau = np.array([((2 * len(r) - 1 - 2 * np.arange(len(r))) * r).sum() / len(r) ** 2 for r in reads])
        interval = np.diff(mean)
        table = np.zeros((6, len(interval)))
        both = interval[1:] * interval[:-1]
        table[0] = 1 / interval
        table[1] = (tau[:-1] + tau[1:] - 2 * mean[:-1]) / interval**2
        table[2] = (1 / frames[:-1] + 1 / frames[1:]) / interval**2
        table[3, :-1] = (mean[1:-1] - tau[1:-1]) / both
        table[4, :-1] = -1 / (frames[1:-1] * both)
        table[5, :-1] = frames[1:-1] > 1
        return cls(table, n_frames, zeroframe)


def even_reads(n_groups: int, n_frames: int, group_gap: int, frame_time: float) -> list[np.ndarray]:
    """Return the read times of groups that follow each other evenly."""
    first = np.arange(1, n_frames + 1)
    return [(first + group * (n_frames + group_gap)) * frame_time for group in range(n_groups)]


def fit_likelihood(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, times: Times) -> Likelihood:
    """Fit every pixel's ramps, with the compiled kernel where there is one that holds so many groups.

    Parameters
    ----------
    data, groupdq, pixeldq, gain, readnoise, dark, zeroframe
        As in `jwgpu.numerics.slopes.fit_slopes`; `dark` adds to the first estimate of the slope. The zero frame, if
        `times` has one, is the first frame of each integration; otherwise it is not looked at.
    times : Times
        Of at least three differences.

    Returns
    -------
    Likelihood
        (y, x), and (integration, y, x). NaN where nothing can be fitted: no pair of neighbouring groups is good, a
        count is not finite, or gain and read noise give no covariance.

    Raises
    ------
    ValueError
        Where the shapes do not agree.
    """
    zeroframe = zeroframe if times.zeroframe else None
    xp = backend.namespace(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe)
    arrays = checked(xp, data, groupdq, pixeldq, gain, readnoise, dark, zeroframe)
    n_integrations, n_groups, *plane = data.shape
    size = group_size(n_groups)
    if size is None or not kernels.available(data):
        return fit_likelihood_reference(*arrays, times)
    planes = [xp.empty((n_integrations, *plane), dtype=xp.float32) for _ in range(6)]
    dq = xp.empty((n_integrations, *plane), dtype=xp.uint32)
    table = backend.to(times.table, "gpu" if backend.is_device_array(data) else "cpu")
    kernels.launch(
        "ramp_likelihood", size, pixeldq.size, *arrays, table, *planes[:4], dq, *planes[4:], np.int32(n_integrations),
        np.int32(n_groups), np.int32(times.table.shape[1]), np.int32(times.n_frames), np.float64(LIMIT_ONE),
        np.float64(LIMIT_TWO),
    )  # fmt: skip
    return _combined(xp, Slopes(*planes[:4], dq), *planes[4:])


def fit_likelihood_reference(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, times: Times) -> Likelihood:
    """Fit every pixel's ramps in array code; arguments and result as in `fit_likelihood`."""
    xp = backend.namespace(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe)
    n_integrations, n_groups, *plane = data.shape
    n = pixeldq.size
    planes = [xp.empty((n_integrations, n), dtype=xp.float32) for _ in range(6)]
    dq = xp.empty((n_integrations, n), dtype=xp.uint32)
    data, groupdq = (a.reshape(n_integrations, n_groups, n) for a in (data, groupdq))
    zeroframe = zeroframe.reshape(n_integrations, n) if times.zeroframe else None
    dark = xp.zeros_like(gain) if dark is None else dark
    for k in range(n_integrations):
        for first in range(0, n, CHUNK):
            part = slice(first, first + CHUNK)
            flags, zero = groupdq[k, :, part], None if zeroframe is None else zeroframe[k, part]
            # Divisions by zero, overflow and NaN are meant: they end in infinity or NaN.
            with np.errstate(all="ignore"):
                made = steps(xp, data[k, :, part], zero, times)
                noise, one_gain = (a.reshape(-1)[part].astype(xp.float64) for a in (readnoise, gain))
                ramps = Ramps(xp, times.table, one_gain, noise * noise / 2.0)
                fit, jumped = ramps.fit(made, _used(xp, flags, times.zeroframe), dark.reshape(-1)[part])
                for plane_, values in zip(planes, fit):
                    plane_[k, part] = xp.where(xp.isnan(values), xp.nan, values)  # all alike, whatever their sign was
            dq[k, part] = pixeldq.reshape(-1)[part] | _integration_dq(xp, flags, jumped)
    planes, dq = [a.reshape(n_integrations, *plane) for a in planes], dq.reshape(n_integrations, *plane)
    return _combined(xp, Slopes(*planes[:4], dq), *planes[4:])


def steps(xp, data, zeroframe, times: Times):
    """Return the differences of neighbouring groups, (difference, pixel) float32, DN."""
    if zeroframe is not None:
        n = xp.float32(times.n_frames)
        rest = (data[0] * n - zeroframe) / (n - xp.float32(1))
        data = xp.concatenate([zeroframe[None], rest[None], data[1:]])
    return data[1:] - data[:-1]


def _used(xp, groupdq, zeroframe: bool):
    """Return which differences lie between two groups without a flag; a zero frame has those of the first group."""
    flags = xp.concatenate([groupdq[:1], groupdq]) if zeroframe else groupdq
    return (flags[1:] | flags[:-1]) == 0


def _integration_dq(xp, groupdq, jumped):
    zero = xp.uint32(0)
    dq = xp.where(((groupdq & GROUP.SATURATED) != 0).any(axis=0), PIXEL.SATURATED, zero)
    dq |= xp.where(jumped | ((groupdq & GROUP.JUMP_DET) != 0).any(axis=0), PIXEL.JUMP_DET, zero)
    return dq | xp.where(((groupdq & _UNUSABLE) != 0).all(axis=0), PIXEL.DO_NOT_USE, zero)


class _Sweep(NamedTuple):
    """Result of the forward sweep, in units in which C is near 1: sums of C^-1 (pixel), halves of x and y."""

    unit: Any
    one: Any
    cross: Any
    square: Any
    inverse: Any
    ones: Any
    rest: Any
    beta: Any


class Ramps:
    """One integration of some pixels: everything (difference, pixel) or (pixel), float64 except what is kept."""

    def __init__(self, xp, table, gain, read):
        self.xp, self.table = xp, table
        self.per_interval, self.alpha_photon, self.alpha_read, self.beta_photon, self.beta_read, self.pairs = table
        self.gain, self.read = gain, read  # electron / DN; variance of one frame (DN^2)

    def fit(self, steps, used, dark):
        """Return (slope, error, poisson, read, chisq, freedom) and which pixels have a jump that was found here."""
        xp = self.xp
        rates = steps.astype(xp.float64) * xp.asarray(self.per_interval)[:, None]
        ordered = xp.sort(rates.astype(xp.float32), axis=0)
        n = len(rates)
        upper, lower = ordered[n // 2].astype(xp.float64), ordered[n // 2 - 1].astype(xp.float64)
        median = upper if n % 2 else (upper + lower) / 2.0
        median = xp.where(xp.isfinite(steps).all(axis=0), median, xp.nan)
        rate, used, jumped = self.jumps(rates, used, median)
        return self.slopes(rates, used, xp.where(rate > 0, rate, rate * 0.0) + dark), jumped

    def part(self, index) -> Ramps:
        """Return some of the pixels."""
        return Ramps(self.xp, self.table, self.gain[index], self.read[index])

    def forward(self, rates, used, photon, centre) -> _Sweep:
        """Eliminate C, row by row; `photon` is the rate of photons (DN / s) over the gain."""
        xp = self.xp
        unit = photon * self.alpha_photon[0] + self.read * self.alpha_read[0]
        photon, read = photon / unit, self.read / unit
        one, cross, square, beta, inverse, c, e = (xp.zeros(unit.shape) for _ in range(7))
        valid = (unit > 0) & xp.isfinite(unit) & used.any(axis=0)
        kept, betas = [], []
        for i, (rate, good) in enumerate(zip(rates, used)):
            factor = beta * inverse
            pivot = photon * self.alpha_photon[i] + read * self.alpha_read[i] - beta * factor
            valid &= ~good | (pivot > 0)
            inverse = xp.where(good, 1.0 / pivot, 0.0)
            c = xp.where(good, 1.0 - factor * c, 0.0)
            e = xp.where(good, rate - centre - factor * e, 0.0)
            ones, rest = c * inverse, e * inverse
            one = one + xp.where(good, c * ones, 0.0)
            cross = cross + xp.where(good, c * rest, 0.0)
            square = square + xp.where(good, e * rest, 0.0)
            beta = photon * self.beta_photon[i] + read * self.beta_read[i]
            kept.append([a.astype(xp.float32).astype(xp.float64) for a in (inverse, ones, rest)])
            betas.append(beta)
        return _Sweep(unit, xp.where(valid, one, xp.nan), cross, square, *zip(*kept), betas)

    def jumps(self, rates, used, median):
        """Leave out jumps; return the rate that gives the photon noise, the differences left, and where jumps are."""
        xp = self.xp
        used = used.copy()
        centre = xp.where(median > 0, median, median * 0.0)
        photon = centre / self.gain
        rate, jumped = xp.zeros(median.shape), xp.zeros(median.shape, dtype=bool)
        todo = xp.arange(median.size)
        while todo.size > 0:  # at least one difference is left out each time
            some, now = used[:, todo], self.part(todo)
            sweep = now.forward(rates[:, todo], some, photon[todo], centre[todo])
            rate[todo] = centre[todo] + sweep.cross / sweep.one
            drop = now.search(sweep, some) & ~(jumped[todo] & (some.sum(axis=0) <= 3))
            hit = drop.any(axis=0)
            used[:, todo] = some & ~drop
            todo = todo[hit]
            jumped[todo] = True
        return rate, used, jumped

    def search(self, sweep: _Sweep, used):
        """Return which differences are best left out, (difference, pixel)."""
        xp = self.xp
        per_one = 1.0 / sweep.one
        n, mean = len(used), sweep.cross * per_one
        # Nothing can improve chi square by more than all of it. The margin is for rounding.
        possible = sweep.square - sweep.cross * mean > 0.999 * LIMIT_ONE * sweep.unit
        count = xp.where(possible, used.sum(axis=0), 0)
        x1, r1, v1, s1, best_one, best_two = (xp.zeros(mean.shape) for _ in range(6))
        one, two = xp.full(mean.shape, -1), xp.full(mean.shape, -1)
        unit_one, unit_two = LIMIT_ONE * sweep.unit, LIMIT_TWO * sweep.unit
        for i in range(n - 1, -1, -1):
            inverse, ones, rest = sweep.inverse[i], sweep.ones[i], sweep.rest[i]
            factor = sweep.beta[i] * inverse
            x = ones - factor * x1
            r = rest - mean * ones - factor * r1
            v = inverse + factor * factor * v1
            share = x * per_one
            s0 = v - share * x
            gain = r * r / s0
            better = used[i] & (count >= 2) & (s0 > 0) & (r * r > unit_one * s0) & (gain > best_one)
            best_one, one = xp.where(better, gain, best_one), xp.where(better, i, one)
            if self.pairs[i] > 0:
                s01 = -factor * v1 - share * x1
                determinant = s0 * s1 - s01 * s01
                above = r * (r * s1 - r1 * s01) + r1 * (r1 * s0 - r * s01)
                better = used[i] & (count >= 3) & (v1 > 0) & (determinant > 0) & (above > unit_two * determinant)
                better &= above / determinant > best_two
                best_two, two = xp.where(better, above / determinant, best_two), xp.where(better, i, two)
            x1, r1, v1, s1 = (xp.where(used[i], a, 0.0) for a in (x, r, v, s0))
        single = (one >= 0) & ((two < 0) | (best_one - unit_one > best_two - unit_two))
        first = xp.where(single, one, two)
        last = xp.where(single, one, xp.where(two >= 0, two + 1, -1))
        index = xp.arange(n)[:, None]
        return (index >= first) & (index <= last)

    def slopes(self, rates, used, rate):
        """Fit the differences in use, with photon noise as at `rate`."""
        xp = self.xp
        photon = rate / self.gain
        sweep = self.forward(rates, used, photon, rate)
        poisson, readout, x1 = (xp.zeros(rate.shape) for _ in range(3))
        for i in range(len(used) - 1, -1, -1):
            x = xp.where(used[i], sweep.ones[i] - sweep.beta[i] * sweep.inverse[i] * x1, 0.0)
            poisson = poisson + x * (x * self.alpha_photon[i] + 2.0 * x1 * self.beta_photon[i])
            readout = readout + x * (x * self.alpha_read[i] + 2.0 * x1 * self.beta_read[i])
            x1 = x
        weight = sweep.one * sweep.one
        chisq = (sweep.square - sweep.cross * sweep.cross / sweep.one) / sweep.unit
        slope, error = rate + sweep.cross / sweep.one, xp.sqrt(sweep.unit / sweep.one)
        freedom = xp.where(xp.isnan(chisq), 0, used.sum(axis=0) - 1)
        return slope, error, photon * (poisson / weight), self.read * (readout / weight), chisq, freedom


def _combined(xp, each: Slopes, chisq, freedom) -> Likelihood:
    """Average the integrations, weighted by variances whose photon noise is that of the average."""
    if len(each.slope) == 1:
        return Likelihood(Slopes(*(a[0] for a in each)), each, chisq[0], chisq, freedom)
    n, *plane = each.slope.shape
    planes = [a.reshape(n, -1) for a in (each.slope, each.var_poisson, each.var_rnoise, chisq)]
    made = [xp.empty(planes[0].shape[1:], dtype=xp.float32) for _ in range(5)]
    for first in range(0, made[0].size, CHUNK):
        part = slice(first, first + CHUNK)
        with np.errstate(all="ignore"):
            values = _average(xp, *(a[:, part] for a in planes))
        for plane_, value in zip(made, values):
            plane_[part] = value
    *made, total = (a.reshape(plane) for a in made)
    any_dq, all_dq = each.dq[0], each.dq[0]
    for dq in each.dq[1:]:
        any_dq, all_dq = any_dq | dq, all_dq & dq
    dq = (any_dq & ~PIXEL.DO_NOT_USE) | (all_dq & PIXEL.DO_NOT_USE)
    return Likelihood(Slopes(*made, dq), each, total, chisq, freedom)


def _average(xp, slopes, poissons, reads, chisq):
    """Return slope, error, poisson, read and chisq of some pixels (integration, pixel), all in float32 as in jwst."""
    n = (~xp.isnan(slopes)).sum(axis=0)
    ordered = xp.sort(slopes, axis=0)
    upper, lower = (
        xp.take_along_axis(ordered, xp.maximum(k, 0)[None], axis=0)[0] for k in (n // 2, xp.maximum(n // 2 - 1, 0))
    )
    slope = xp.where(n % 2 == 1, upper, (upper + lower) / xp.float32(2))
    for _ in range(2):
        scale = slope / slopes
        scale = xp.where(xp.isfinite(scale) & (scale >= 0), scale, xp.float32(0))
        poisson = poissons * scale
        weight = 1 / (poisson + reads)
        weight = weight / _total(xp, weight)
        slope = _total(xp, slopes * weight)
    poisson, read = _total(xp, poisson * weight**2), _total(xp, reads * weight**2)
    total = chisq[0]
    for value in chisq[1:]:
        total = total + value
    return slope, xp.sqrt(poisson + read), poisson, read, total


def _total(xp, values):
    """Return the sum over integrations without NaN, in their order; NaN where all are."""
    total = xp.zeros_like(values[0])
    for value in values:
        total = total + xp.where(xp.isnan(value), xp.float32(0), value)
    return xp.where(xp.isnan(values).all(axis=0), xp.float32(xp.nan), total)
