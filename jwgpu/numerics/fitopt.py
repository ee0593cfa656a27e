"""What is asked for beside the slopes of least squares, in array code: every segment, and chi square.

Segments are those of `jwgpu.numerics.slopes`. For one of L >= 3 groups x (counted from the first fitted one), counts d
and weights w (1 at its ends), with R the read noise of a group in electrons and all sums over its groups,

    D = sum(w) sum(w x^2) - sum(w x)^2,    yint = (sum(w x^2) sum(w d) - sum(w x) sum(w x d)) / D,
    sigslope = R sqrt(sum(w) / D),    sigyint = R sqrt(sum(w x^2) / D).

These are the official numbers: `sigslope` is in electrons per group and, like `sigyint`, knows no photon noise. Two
groups have sigslope = sigyint = sqrt(2) R, a single one 0. Their variances are the official ones always.
"""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data.flags import GROUP
from jwgpu.numerics.likelihood import Ramps, Times, steps
from jwgpu.numerics.segments import Segments, runs
from jwgpu.numerics.slope_pixels import Sampling, blocks

SEGMENT_ARRAYS = ("slope", "sigslope", "var_poisson", "var_rnoise", "yint", "sigyint", "weights")


def fit_optional(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling: Sampling, slopes, lead: float):
    """Return the arrays of the official optional product, by name, float32.

    Parameters
    ----------
    data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling
        As in `jwgpu.numerics.slopes.fit_slopes`.
    slopes : (integration, y, x) float32, DN / s
        Slopes of the integrations.
    lead : float
        Time of the first group since the reset, in intervals of groups.

    Returns
    -------
    dict
        `slope`, `var_poisson`, `var_rnoise` (DN / s and its square), `sigslope` (electron), `yint` (DN), `sigyint`
        (electron) and `weights` (1 / var_rnoise): (integration, segment, y, x), 0 where a pixel has fewer segments.
        `pedestal` (integration, y, x): count of the first group less `lead` slopes. `crmag` (integration, jump, y, x),
        DN: rise into each group with a jump. Segments and jumps are as many as the pixel with most has.
    """
    xp = backend.namespace(data, groupdq)
    n_integrations, _, *plane = data.shape
    n = pixeldq.size
    ramps = (data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling)
    n_segments, n_jumps = _most(xp, ramps)
    made = {name: xp.zeros((n_integrations, n_segments, n), dtype=xp.float32) for name in SEGMENT_ARRAYS}
    made["pedestal"] = xp.zeros((n_integrations, n), dtype=xp.float32)
    made["crmag"] = xp.zeros((n_integrations, n_jumps, n), dtype=xp.float32)
    slopes = slopes.reshape(n_integrations, n)
    for part, pixels, values, flags, zero in blocks(*ramps):
        with np.errstate(all="ignore"):  # as in the fit itself
            integrations, segments = pixels.prepare(values, flags, zero)
            for i, ramp in enumerate(integrations):
                for name, index, at, found in _segments(segments, ramp, pixels.lone_time(ramp)):
                    made[name][i, index, part.start + at] = found
                first = xp.where(ramp.dead, xp.nan, ramp.values[0].astype(xp.float64))
                pedestal = first - slopes[i, part].astype(xp.float64) * lead
                made["pedestal"][i, part] = xp.where(xp.isnan(pedestal), 0.0, pedestal)
                for index, at, found in _jumps(xp, values[i], flags[i]):
                    made["crmag"][i, index, part.start + at] = found
    return {name: array.reshape(*array.shape[:-1], *plane) for name, array in made.items()}


def _most(xp, ramps) -> tuple[int, int]:
    """Return the largest number of segments and of jumps of an integration of any pixel."""
    n_segments = n_jumps = 0
    for _, pixels, values, flags, zero in blocks(*ramps):
        for ramp, seen in zip(pixels.surveys(values, flags, zero), flags):
            count = xp.zeros(ramp.dead.shape, dtype=xp.int64)
            for at, _, _ in runs(xp, ramp.flags):
                count[at] += 1
            n_segments = max(n_segments, int(xp.where(ramp.dead | ramp.unusable, 0, count).max()))
            n_jumps = max(n_jumps, int(((seen[1:] & GROUP.JUMP_DET) != 0).sum(axis=0).max()))
    return n_segments, n_jumps


def _segments(segments: Segments, ramp, lone_time):
    """Give (name, index of the segment, pixels, values) for all segments of an integration."""
    xp = segments.xp
    found = xp.zeros(ramp.dead.shape, dtype=xp.int64)
    wanted = ~(ramp.dead | ramp.unusable)
    for at, start, end in runs(xp, ramp.flags):
        keep = wanted[at]
        at, start = at[keep], start[keep]
        slope, poisson, read, row = segments.measure(ramp.values, at, start, end, lone_time)
        sigslope, yint, sigyint = segments.intercept(ramp.values, at, start, end, row)
        index = found[at]
        for name, values in zip(SEGMENT_ARRAYS, (slope, sigslope, poisson, read, yint, sigyint, 1 / read)):
            yield name, index, at, values
        found[at] += 1


def _jumps(xp, data, groupdq):
    """Give (index of the jump, pixels, rise in DN) for all jumps of an integration."""
    found = xp.zeros(data.shape[1:], dtype=xp.int64)
    before = xp.where((groupdq[0] & GROUP.SATURATED) != 0, xp.float32(xp.nan), data[0])
    for value, flags in zip(data[1:], groupdq[1:]):
        value = xp.where((flags & GROUP.SATURATED) != 0, xp.float32(xp.nan), value)
        at = xp.flatnonzero((flags & GROUP.JUMP_DET) != 0)
        yield found[at], at, value[at] - before[at]
        found[at] += 1
        before = value


def chi_square(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling: Sampling, slopes):
    """Return chi square of the differences of groups about the fitted slopes, and its degrees of freedom.

    chi^2 = e' C^-1 e, with e the rates between neighbouring groups of a segment less the slope of the integration, and
    C their covariance from photon and read noise and averaged frames as in `jwgpu.numerics.likelihood`, for photons at
    the rate of that slope (0 where it is negative) and the dark current. A difference with a NaN is left out.

    Parameters
    ----------
    data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling
        As in `jwgpu.numerics.slopes.fit_slopes`.
    slopes : (integration, y, x) float32, DN / s

    Returns
    -------
    chisq, freedom : (integration, y, x) float32
        Degrees of freedom: differences less one. NaN and 0 where there is no slope or no difference.
    """
    xp = backend.namespace(data, groupdq)
    n_integrations, n = len(data), pixeldq.size
    chisq, freedom = (xp.full((n_integrations, n), np.nan, dtype=xp.float32), xp.zeros((n_integrations, n), xp.float32))
    frames = np.arange(1, sampling.n_frames + 1) * sampling.frame_time
    times = Times.of([frames + group * sampling.group_time for group in range(sampling.n_groups)], False)
    intervals = backend.to(times.table[0], "gpu" if backend.is_device_array(data) else "cpu")
    noise = (readnoise.astype(xp.float64) ** 2 / 2.0).reshape(-1)
    dark = xp.zeros_like(gain) if dark is None else dark
    rates = xp.where(slopes > 0, slopes, xp.float32(0)) + dark
    slopes, rates = (a.reshape(n_integrations, n).astype(xp.float64) for a in (slopes, rates))
    for part, pixels, values, flags, zero in blocks(data, groupdq, pixeldq, gain, readnoise, dark, zeroframe, sampling):
        with np.errstate(all="ignore"):
            for i, ramp in enumerate(pixels.surveys(values, flags, zero) if sampling.n_groups > 1 else ()):
                seen = ramp.flags & ~GROUP.PERSISTENCE
                rises = steps(xp, ramp.values, None, times)
                used = (seen[1:] == 0) & ((seen[:-1] == 0) | (seen[:-1] == GROUP.JUMP_DET)) & ~xp.isnan(rises)
                ramps = Ramps(xp, times.table, pixels.gain, noise[part])
                rises = rises * intervals[:, None]
                sweep = ramps.forward(rises, used, rates[i, part] / pixels.gain, slopes[i, part])
                found = sweep.square / sweep.unit
                none = xp.isnan(sweep.one) | xp.isnan(found)
                chisq[i, part] = xp.where(none, xp.nan, found)
                freedom[i, part] = xp.where(none, 0, used.sum(axis=0) - 1)
    return tuple(a.reshape(n_integrations, *pixeldq.shape) for a in (chisq, freedom))
