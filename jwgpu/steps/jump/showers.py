"""Showers: faint extended emission in MIRI after a hit, below the noise of a pixel but not of a neighbourhood [1]_.

The size of differences in sigma is averaged over a ring around each pixel. Blobs of large averages are showers; their
ellipses are flagged, grown, in the group and those that follow, where that does not change the slope too much.

References
----------
.. [1] Regan & Bergeron 2023, "Detection and Flagging of Showers and Snowballs in JWST", JWST-STScI-008545
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwgpu.backend import namespace, ndimage
from jwgpu.data import GROUP, PIXEL
from jwgpu.numerics import blobs, clipping
from jwgpu.steps.jump.snowballs import draw_grown

LOST = np.uint8(GROUP.DO_NOT_USE | GROUP.SATURATED | GROUP.JUMP_DET)
FEWEST_DIFFERENCES = 10
CLIP_SIGMA = 5.0


@dataclass(frozen=True)
class Rules:
    """What is a shower and how far its flags reach; names as the step's, times in groups, amplitude in electrons."""

    extend_snr_threshold: float
    extend_min_area: float
    extend_inner_radius: float
    extend_outer_radius: float
    extend_ellipse_expand_ratio: float
    groups_masked: int
    max_shower_amplitude: float
    max_extended_radius: int
    minimum_sigclip_groups: int
    n_frames: int


def flag(data, groupdq, lost, pixeldq, gain, readnoise, rules: Rules) -> int:
    """Flag showers in `groupdq`, in place, and return how many there are.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
    groupdq : (integration, group, y, x) uint8
    lost : (integration, group, y, x) bool
        Groups that were unusable before snowballs were flagged.
    pixeldq : (y, x) uint32
    gain : (y, x) float32, electron / DN
    readnoise : (y, x) float32, DN
        Noise of the difference of two frames.
    rules : Rules
    """
    xp = namespace(data)
    electrons = xp.where(lost, np.float32(np.nan), data * gain)
    outside = pixeldq == PIXEL.REFERENCE_PIXEL
    with np.errstate(invalid="ignore", divide="ignore"):
        typical, sigma = _expected(electrons, groupdq, (readnoise * gain) ** 2, rules)
        ring, found = _ring(xp, rules), 0
        for k, (ramp, flags) in enumerate(zip(electrons, groupdq)):
            if typical.ndim == 3:
                scale = list(zip(typical, sigma))
            else:
                scale = [(typical, sigma)] * (len(flags) - 1)
            showers = []
            for group in range(_first_good(flags, outside) + 1, len(flags)):
                ratio = _ratio(ramp, flags, group, *scale[group - 1])
                ratio[(((flags[group] | pixeldq) & LOST) != 0) | outside] = np.nan
                ellipses = blobs.find(_smooth(ratio, ring) > rules.extend_snr_threshold, rules.extend_min_area)
                if len(ellipses):
                    showers.append((group, ellipses))
                    found += len(ellipses)
            if showers:
                groupdq[k] = _flagged(ramp, flags, showers, outside, rules)
    return found


def _expected(electrons, groupdq, noise2, rules: Rules):
    """Return the typical difference and its scatter, (y, x), or (difference, y, x) from many integrations."""
    xp = namespace(electrons)
    n_integrations, n_groups, n_rows, n_columns = electrons.shape
    many = n_integrations >= rules.minimum_sigclip_groups
    shape = (n_groups - 1, n_rows, n_columns) if many else (n_rows, n_columns)
    typical, sigma = xp.empty(shape, dtype=np.float32), xp.empty(shape, dtype=np.float32)
    for rows in clipping.blocks(electrons.shape):
        part = _without_exact(electrons[:, :, rows], groupdq[:, :, rows])
        difference = xp.diff(part, axis=1)
        if many:
            typical[:, rows], sigma[:, rows] = clipping.statistics(difference, CLIP_SIGMA)
        else:
            middle = clipping.median(difference.reshape(-1, *difference.shape[2:])).astype(np.float32)
            typical[rows], sigma[rows] = middle, xp.sqrt(xp.abs(middle) + noise2[rows] / np.float32(rules.n_frames))
    return typical, sigma


def _without_exact(electrons, groupdq):
    """Return electrons with NaN where a group is a jump or saturated and nothing else, as the official step has it."""
    xp = namespace(electrons)
    return xp.where((groupdq == GROUP.JUMP_DET) | (groupdq == GROUP.SATURATED), np.float32(np.nan), electrons)


def _first_good(flags, outside) -> int:
    """Return the first group that is not DO_NOT_USE in every pixel but those outside, the reference pixels."""
    for group, plane in enumerate(flags):
        if not bool((((plane & GROUP.DO_NOT_USE) != 0) | outside).all()):
            return group
    return 0


def _ratio(ramp, flags, group: int, typical, sigma):
    """Return the size of a group's differences in sigma."""
    now = _without_exact(ramp[group], flags[group])
    before = _without_exact(ramp[group - 1], flags[group - 1])
    return namespace(ramp).abs(now - before - typical) / sigma


def _ring(xp, rules: Rules):
    """Return the kernel: 1 from the inner radius on, over a width that the official step calls the outer radius."""
    outer = rules.extend_inner_radius + rules.extend_outer_radius
    half = int(np.ceil(outer))
    square = xp.arange(-half, half + 1, dtype=np.float64) ** 2
    distance2 = square[:, None] + square
    return ((distance2 >= rules.extend_inner_radius**2) & (distance2 <= outer**2)).astype(np.float64)


def _smooth(ratio, ring):
    """Return the average over the ring around each pixel, of pixels that are not NaN; outside of the image it is 0."""
    xp = namespace(ratio)
    good = xp.isfinite(ratio)
    total = ndimage(ratio).convolve(xp.where(good, ratio, 0).astype(np.float64), ring, mode="constant", cval=0.0)
    weight = ndimage(ratio).convolve(good.astype(np.float64), ring, mode="constant", cval=1.0)
    return xp.where(good & (weight > 0.5), total / weight, np.nan)


def _flagged(ramp, flags, showers, outside, rules: Rules):
    """Return the flags of an integration with its showers, but for pixels whose slope they would change too much."""
    xp = namespace(ramp)
    after = flags.copy()
    for group, ellipses in showers:
        drawn = draw_grown(ellipses, rules.extend_ellipse_expand_ratio, 2 * rules.max_extended_radius, flags.shape[1:])
        for plane in after[group : group + rules.groups_masked + 1]:
            drawn &= (plane & GROUP.SATURATED) == 0
            plane |= drawn * np.uint8(GROUP.JUMP_DET)
    y, x = xp.nonzero((after != flags).any(axis=0))
    change = xp.abs(_slope(ramp[:, y, x], flags[:, y, x]) - _slope(ramp[:, y, x], after[:, y, x]))
    back = ~(change <= rules.max_shower_amplitude) | outside[y, x]
    y, x = y[back], x[back]
    after[:, y, x] = flags[:, y, x]
    return after


def _slope(electrons, flags):
    """Return the mean difference of groups that follow each other and are both good, (pixel,)."""
    xp = namespace(electrons)
    difference = xp.diff(xp.where((flags & LOST) != 0, np.float32(np.nan), electrons), axis=0)
    good = ~xp.isnan(difference)
    return xp.where(good, difference, np.float32(0)).sum(axis=0) / xp.count_nonzero(good, axis=0).astype(np.float32)
