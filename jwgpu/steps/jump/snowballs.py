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
from jwgpu.numerics import blobs


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


def flag(groupdq, rules: Snowballs, widest: float, group_time: float) -> int:
    """Flag snowballs in `groupdq` (integration, group, y, x), in place, and return how many there are.

    No axis of their ellipses grows longer than `widest` (pixels); `group_time` is in seconds.
    """
    found, core = 0, None
    remembered = int(rules.snowball_time_masked_next_int // group_time) if rules.mask_snowball_core_next_int else 0
    last = min(remembered, groupdq.shape[1])
    for k in range(groupdq.shape[0]):
        with integration(groupdq, k, write=True) as flags:
            seen, saturating = namespace(flags).zeros(flags.shape[1:], dtype=bool), None
            for group in range(1, len(flags)):
                n_snowballs, saturating = _flag_group(flags, group, saturating, seen, rules, widest)
                found += n_snowballs
            if core is not None:
                flags[1:last] |= core * np.uint8(GROUP.JUMP_DET)
        core = seen
    return found


def _flag_group(flags, group: int, cores, seen, rules: Snowballs, widest: float):
    """Flag the snowballs of one group; mark in `seen` the cores that the next integration will remember.

    Returns
    -------
    int
        Number of snowballs.
    Ellipses or None
        What saturates in the next group, if that is known: the `cores` of the next call.
    """
    shape, later = flags.shape[1:], None
    jumps = blobs.find((flags[group] & GROUP.JUMP_DET) != 0, rules.min_jump_area)
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
    drawn = draw_grown(jumps, rules.expand_factor, widest, shape)
    flags[group] |= (drawn & ((flags[group] & GROUP.SATURATED) == 0)) * np.uint8(GROUP.JUMP_DET)
    return len(jumps), later


def _saturating(flags, group: int, rules: Snowballs) -> blobs.Ellipses:
    """Return the blobs of pixels that are saturated in a group and were not in the one before."""
    return blobs.find((flags[group] & ~flags[group - 1] & GROUP.SATURATED) != 0, rules.min_sat_area)


def _near_edge(ellipses: blobs.Ellipses, n_rows: int, edge: int):
    """Say which centres are near the edge; the number of rows stands for that of columns too."""
    last = max(0, n_rows - edge)
    return (ellipses.x < edge) | (ellipses.y < edge) | (ellipses.x > last) | (ellipses.y > last)


def _extend_cores(flags, cores: blobs.Ellipses, seen, pixels: int, widest: float) -> None:
    """Make cores, grown by so many pixels, SATURATED and nothing else in all groups of `flags`."""
    xp = namespace(flags)
    minor, major = (xp.minimum(axis + 2 * pixels, widest) / 2 for axis in (cores.minor, cores.major))
    y, x = xp.nonzero(blobs.draw(cores, minor, major, seen.shape))
    for plane in flags:
        plane[y, x] = GROUP.SATURATED
    seen |= blobs.draw(cores, cores.minor / 2, cores.major / 2, seen.shape)


def draw_grown(ellipses: blobs.Ellipses, factor: float, widest: float, shape):
    """Draw ellipses grown on all sides by what `factor` adds to the minor axis, no axis longer than `widest`."""
    xp = namespace(ellipses.y)
    minor = xp.minimum(ellipses.minor * factor, widest)
    major = xp.minimum(ellipses.major + (factor - 1.0) * ellipses.minor, widest)
    return blobs.draw(ellipses, minor / 2, major / 2, shape)
