"""Snowballs: hits that saturate a core, flag a disk of jumps around it and leave a faint halo around that [1]_.

A blob of jumps is a snowball if pixels that saturate in its group or the next lie within its ellipse. Near the edge of
the detector, where the core may have missed it, any blob is.

References
----------
.. [1] Regan & Bergeron 2023, "Detection and Flagging of Showers and Snowballs in JWST", JWST-STScI-008545
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import integration
from jwgpu.data import GROUP
from jwgpu.numerics import blobs, labels


@dataclass(frozen=True)
class Snowballs:
    """What is a snowball, and how far its flags reach.

    Attributes
    ----------
    min_sat_area, min_jump_area : float
        Pixels: smaller blobs of newly saturated pixels, and of jumps, are no part of a snowball.
    expand_factor : float
        The ellipse of a snowball's jumps grows so much; the major axis by as many pixels as the minor one.
    sat_required_snowball : bool
        Only blobs of jumps that newly saturated pixels lie in are snowballs. If False, all large blobs are.
    min_sat_radius_extend : float
        Saturated cores whose minor axis is longer than this (pixels, the whole axis) grow.
    sat_expand : int
        Pixels that the radius of a core grows by; the grown core is SATURATED from its group on.
    edge_size : int
        Pixels: nearer to the edge, snowballs need no saturated core.
    mask_snowball_core_next_int : bool
        Flag cores in the next integration too, from its second group on.
    snowball_time_masked_next_int : int
        Seconds for which they are flagged there.
    """

    min_sat_area: float = 1.0
    min_jump_area: float = 5.0
    expand_factor: float = 2.0
    sat_required_snowball: bool = True
    min_sat_radius_extend: float = 2.5
    sat_expand: int = 2
    edge_size: int = 25
    mask_snowball_core_next_int: bool = True
    snowball_time_masked_next_int: int = 4000

    def remembered(self, n_groups: int, group_time: float) -> int:
        """Return the number of the group, of `n_groups`, before which cores are flagged in the next integration."""
        if not self.mask_snowball_core_next_int:
            return 0
        return min(int(self.snowball_time_masked_next_int // group_time), n_groups)


def flag(groupdq, rules: Snowballs, widest: float, group_time: float) -> int:
    """Flag snowballs in `groupdq` (integration, group, y, x), in place, and return how many there are.

    No axis of their ellipses grows longer than `widest` (pixels); `group_time` is in seconds.
    """
    found, cores = 0, []
    last = rules.remembered(groupdq.shape[1], group_time)
    for k in range(groupdq.shape[0]):
        seen: list = []
        with integration(groupdq, k, write=True) as flags:
            saturating = None
            for group in range(1, len(flags)):
                n_snowballs, saturating = _flag_group(flags, group, saturating, seen, rules, widest)
                found += n_snowballs
            for place in cores:
                for plane in flags[1:last]:
                    flag_jumps(plane, place)
        cores = seen
    return found


def flag_jumps(plane, place, but: int = 0) -> None:
    """Flag pixels of a group, (y, x), given by their flat places; not those with one of the flags `but`."""
    y, x = namespace(plane).divmod(place, plane.shape[1])
    flags = plane[y, x]
    plane[y, x] = flags | ((flags & np.uint8(but)) == 0) * np.uint8(GROUP.JUMP_DET)


def _flag_group(flags, group: int, cores, seen: list, rules: Snowballs, widest: float):
    """Flag the snowballs of one group; put into `seen` the cores that the next integration will remember.

    Returns
    -------
    int
        Number of snowballs.
    Ellipses or None
        What saturates in the next group, if that is known: the `cores` of the next call.
    """
    shape, later = flags.shape[1:], None
    jumps = blobs.find_at(labels.carriers(flags[group], GROUP.JUMP_DET), shape, rules.min_jump_area)
    if rules.sat_required_snowball:
        cores = _saturating(flags, group, rules) if cores is None else cores
        chosen = _near_edge(jumps, shape[0], rules.edge_size) | blobs.contain(jumps, cores.y, cores.x)
        if group + 1 < len(flags):
            later = _saturating(flags, group + 1, rules)
            chosen |= blobs.contain(jumps, later.y, later.x)
        jumps = jumps[chosen]
        growing = cores[cores.minor > rules.min_sat_radius_extend]
        if len(growing):
            _extend_cores(flags[group:], growing, seen, rules.sat_expand, widest)
            later = None
    flag_jumps(flags[group], inside_grown(jumps, rules.expand_factor, widest, shape), but=GROUP.SATURATED)
    return len(jumps), later


def _saturating(flags, group: int, rules: Snowballs) -> blobs.Ellipses:
    """Return the blobs of pixels that are saturated in a group and were not in the one before."""
    place = labels.carriers(flags[group], GROUP.SATURATED)
    y, x = namespace(flags).divmod(place, flags.shape[-1])
    new = place[(flags[group - 1][y, x] & GROUP.SATURATED) == 0]
    return blobs.find_at(new, flags.shape[1:], rules.min_sat_area)


def _near_edge(ellipses: blobs.Ellipses, n_rows: int, edge: int):
    """Say which centres are near the edge; the number of rows stands for that of columns too."""
    last = max(0, n_rows - edge)
    return (ellipses.x < edge) | (ellipses.y < edge) | (ellipses.x > last) | (ellipses.y > last)


def _extend_cores(flags, cores: blobs.Ellipses, seen: list, pixels: int, widest: float) -> None:
    """Make cores, grown by so many pixels, SATURATED and nothing else in all groups of `flags`."""
    xp, shape = namespace(flags), flags.shape[1:]
    minor, major = (xp.minimum(axis + 2 * pixels, widest) / 2 for axis in (cores.minor, cores.major))
    y, x = xp.divmod(blobs.inside(cores, minor, major, shape), shape[1])
    for plane in flags:
        plane[y, x] = GROUP.SATURATED
    seen.append(blobs.inside(cores, cores.minor / 2, cores.major / 2, shape))


def inside_grown(ellipses: blobs.Ellipses, factor: float, widest: float, shape):
    """Return the flat places inside of ellipses grown on all sides by what `factor` adds to the minor axis.

    No axis grows longer than `widest`.
    """
    xp = namespace(ellipses.y)
    minor = xp.minimum(ellipses.minor * factor, widest)
    major = xp.minimum(ellipses.major + (factor - 1.0) * ellipses.minor, widest)
    return blobs.inside(ellipses, minor / 2, major / 2, shape)
