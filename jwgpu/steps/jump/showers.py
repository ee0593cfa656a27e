"""Showers: faint extended emission in MIRI after a hit, below the noise of a pixel but not of a neighbourhood [1]_.

The size of differences in sigma is averaged over a ring around each pixel. Blobs of large averages are showers; their
ellipses are flagged, grown, in the group and those that follow, where that does not change the slope too much.

References
----------
.. [1] Regan & Bergeron 2023, "Detection and Flagging of Showers and Snowballs in JWST", JWST-STScI-008545
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jwgpu.backend import files, namespace
from jwgpu.cut import here, integration
from jwgpu.data import GROUP, PIXEL, Ramp
from jwgpu.numerics import blobs, clipping, ring
from jwgpu.numerics.blocks import over_planes, over_rows
from jwgpu.step import progress
from jwgpu.steps.jump.snowballs import inside_grown

UNUSABLE = np.uint8(GROUP.DO_NOT_USE | GROUP.SATURATED)
LOST = np.uint8(GROUP.DO_NOT_USE | GROUP.SATURATED | GROUP.JUMP_DET)
FEWEST_DIFFERENCES = 10
CLIP_SIGMA = 5.0

VALUES = 1 << 21
"""Groups of pixels whose slopes are looked at together: ten arrays of them are held at a time."""

SEARCH = 0.8
"""The search's part of the time that an integration with showers takes."""


@dataclass(frozen=True)
class Showers:
    """What is a shower, and how far its flags reach.

    Attributes
    ----------
    max_shower_amplitude : float
        Electron / s (the official step calls it DN / s, and compares it with electrons): where flagging showers would
        change the slope more than this, they are not flagged.
    extend_snr_threshold : float
        Sigma, averaged over a ring: pixels above it belong to a shower.
    extend_min_area : int
        Pixels: smaller blobs are no showers.
    extend_inner_radius, extend_outer_radius : float
        Pixels: inner radius of the ring, and, whatever its name says, its width.
    extend_ellipse_expand_ratio : float
        The ellipse of a shower grows so much.
    time_masked_after_shower : float
        Seconds for which a shower is flagged after its group.
    """

    max_shower_amplitude: float = 4.0
    extend_snr_threshold: float = 1.2
    extend_min_area: int = 90
    extend_inner_radius: float = 1.0
    extend_outer_radius: float = 2.6
    extend_ellipse_expand_ratio: float = 1.1
    time_masked_after_shower: float = 15.0


@dataclass(frozen=True)
class Readout:
    """What showers need to know of the exposure, and of the search for single hits.

    Attributes
    ----------
    group_time : float
        Seconds.
    n_frames : int
        Frames averaged into a group.
    many : bool
        Integrations are so many that differences are clipped over them.
    """

    group_time: float
    n_frames: int
    many: bool

    @classmethod
    def of(cls, ramp: Ramp, many: bool) -> Readout:
        """Return what the metadata of an exposure say."""
        values = (ramp.meta.require(f"exposure.{name}", "jump") for name in ("group_time", "nframes"))
        return cls(*values, many)


@dataclass(frozen=True, eq=False)
class _Electrons:
    """Groups of an integration in electrons, NaN where they are lost; made of DN when they are asked for.

    Attributes
    ----------
    data : array (integration, group, y, x) float32, DN
        Wherever it lies.
    gain : (y, x) float32, electron / DN
    lost : (group, y, x)
        Not zero, in the bits `mask`, where a group is unusable.
    mask : uint8
    number : int
        Which integration it is.
    """

    data: Any
    gain: Any
    lost: Any
    mask: np.uint8
    number: int

    def group(self, group: int):
        """Return a group, (y, x)."""
        return self._known(here(self.data[self.number, group]) * self.gain, self.lost[group])

    def ramps(self, rows: slice, y, x):
        """Return all groups, (group, pixel), of some pixels of these rows, whose first is row 0 of `y`."""
        data = here(files.read(self.data, slice(self.number, self.number + 1), rows))[0]
        return self._known(data[:, y, x] * self.gain[rows][y, x], self.lost[:, rows][:, y, x])

    def _known(self, values, lost):
        return namespace(lost).where((lost & self.mask) != 0, np.float32(np.nan), values)


def flag(data, groupdq, lost, pixeldq, gain, expected, rules: Showers, widest: float, readout: Readout) -> int:
    """Flag showers in `groupdq`, in place, and return how many there are.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
    groupdq : (integration, group, y, x) uint8
    lost : (integration, group, y, x) bool, or None
        Groups that were unusable before snowballs were flagged; None if none were flagged.
    pixeldq : (y, x) uint32
    gain : (y, x) float32, electron / DN
    expected : (array, array)
        What `expected` returns.
    rules : Showers
    widest : float
        Pixels: no axis of their ellipses grows longer.
    readout : Readout
    """
    outside = pixeldq == PIXEL.REFERENCE_PIXEL
    typical, sigma = expected
    found, n_integrations = 0, groupdq.shape[0]
    for k in range(n_integrations):
        with np.errstate(invalid="ignore", divide="ignore"), integration(groupdq, k, write=True) as flags:
            unusable = (flags, UNUSABLE) if lost is None else (lost[k], np.uint8(1))
            electrons = _Electrons(data, gain, *unusable, k)

            def ratio(group, flags=flags, electrons=electrons):
                scale = (typical[group - 1], sigma[group - 1]) if readout.many else (typical, sigma)
                size = _ratio(electrons, flags, group, *scale)
                size[(((flags[group] | pixeldq) & LOST) != 0) | outside] = np.nan
                return size

            def searched(part, before=k / n_integrations):
                progress(before + SEARCH * part / n_integrations)

            showers = _find(ratio, flags, _first_good(flags, outside) + 1, rules, searched)
            found += sum(map(len, showers.values()))
            if showers:
                _flag_integration(electrons, flags, showers, outside, rules, widest, readout.group_time)
        progress((k + 1) / n_integrations)
    return found


def _find(ratio, flags, first: int, rules: Showers, searched) -> dict[int, blobs.Ellipses]:
    """Return the ellipses of the showers of each group, in order, of those that have some.

    Parameters
    ----------
    ratio : function of a group
        Returns the size of its differences in sigma, (y, x), NaN where it is to be left out.
    flags : (group, y, x) uint8
    first : int
        The first group to look at.
    rules : Showers
    searched : function of a number
        Told what part of the groups has been looked at.
    """
    # The official step takes its outer radius for the width of the ring.
    radii = rules.extend_inner_radius, rules.extend_inner_radius + rules.extend_outer_radius
    found: dict[int, blobs.Ellipses] = {}

    def look(group):
        if group < first:
            return
        size = ratio(group)
        found[group] = blobs.find(ring.average(size, *radii) > rules.extend_snr_threshold, rules.extend_min_area)
        searched(len(found) / len(flags))

    over_planes(look, flags)
    return {group: found[group] for group in sorted(found) if len(found[group])}


def expected(data, groupdq, lost, gain, readnoise, readout: Readout):
    """Return the typical difference and its scatter, (y, x), or (difference, y, x) from many integrations.

    `readnoise` is (y, x) float32, DN, of the difference of two frames; the other arguments are those of `flag`.
    """
    xp = namespace(groupdq)
    noise2 = (readnoise * gain) ** 2
    _, n_groups, n_rows, n_columns = groupdq.shape
    shape = (n_groups - 1, n_rows, n_columns) if readout.many else (n_rows, n_columns)
    typical, sigma = xp.empty(shape, dtype=np.float32), xp.empty(shape, dtype=np.float32)

    def measure(rows):
        flags = groupdq[:, :, rows]
        unusable = (flags & UNUSABLE) != 0 if lost is None else lost[:, :, rows]
        electrons = xp.where(unusable, np.float32(np.nan), data[:, :, rows] * gain[rows])
        difference = xp.diff(_without_exact(electrons, flags), axis=1)
        if readout.many:
            typical[:, rows], sigma[:, rows] = clipping.statistics(difference, CLIP_SIGMA)
            return
        middle = clipping.median(difference.reshape(-1, *difference.shape[2:])).astype(np.float32)
        typical[rows], sigma[rows] = middle, xp.sqrt(xp.abs(middle) + noise2[rows] / np.float32(readout.n_frames))

    some = clipping.rows_of_block(groupdq.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        over_rows(measure, groupdq, rows=some, device_rows=some)
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


def _ratio(electrons: _Electrons, flags, group: int, typical, sigma):
    """Return the size of a group's differences in sigma."""
    now, before = (_without_exact(electrons.group(g), flags[g]) for g in (group, group - 1))
    return namespace(flags).abs(now - before - typical) / sigma


def _flag_integration(electrons: _Electrons, flags, showers, outside, rules: Showers, widest, group_time) -> None:
    """Flag the showers of an integration, but for pixels whose slope they would change too much."""
    xp, after = namespace(flags), flags.copy()
    drawn = xp.zeros(flags.shape[1:], dtype=bool)
    n_groups = 1 + int(rules.time_masked_after_shower // group_time)
    for group, ellipses in showers.items():
        place = inside_grown(ellipses, rules.extend_ellipse_expand_ratio, widest, flags.shape[1:])
        for plane in after[group : group + n_groups]:
            y, x = xp.divmod(place, flags.shape[2])
            place = place[(plane[y, x] & GROUP.SATURATED) == 0]
            y, x = xp.divmod(place, flags.shape[2])
            plane[y, x] |= np.uint8(GROUP.JUMP_DET)
            drawn[y, x] = True

    def decide(rows):
        y, x = xp.nonzero(drawn[rows])
        if not len(y):
            return
        ramps, before, then = electrons.ramps(rows, y, x), flags[:, rows][:, y, x], after[:, rows][:, y, x]
        change = xp.abs(_slope(ramps, before) - _slope(ramps, then))
        kept = (change <= rules.max_shower_amplitude * group_time) & ~outside[rows][y, x]
        flags[:, rows][:, y[kept], x[kept]] = then[:, kept]

    some = max(1, VALUES // (len(flags) * flags.shape[2]))
    over_rows(decide, flags, rows=some, device_rows=some)


def _slope(electrons, flags):
    """Return the mean difference of groups that follow each other and are both good, (pixel,)."""
    xp = namespace(electrons)
    difference = xp.diff(xp.where((flags & LOST) != 0, np.float32(np.nan), electrons), axis=0)
    good = ~xp.isnan(difference)
    return xp.where(good, difference, np.float32(0)).sum(axis=0) / xp.count_nonzero(good, axis=0).astype(np.float32)
