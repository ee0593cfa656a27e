"""Snowballs by their shape: what is left of a group's jumps once everything thinner than a disk is taken away.

Holes in the jumps (saturated cores) are filled. Opening by a disk [1]_ leaves compact blobs. Each grows by its own
size, for the halo around it is the wider the larger it is; a ring around its saturated pixels is flagged for some
groups. That is the method of the package snowblind [2]_, which flags the same pixels where `opening_radius`, its
`min_radius`, is its 4 (but for the corner of the image, where it flags some in groups without saturated pixels).
Beyond it, what a snowball saturates is remembered in the next integration, as with the method "ellipses".

References
----------
.. [1] Serra 1982, Image Analysis and Mathematical Morphology, ISBN 978-0-12-637240-3
.. [2] Davies 2023, snowblind, https://github.com/mpi-astronomy/snowblind
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import integration
from jwgpu.data import GROUP
from jwgpu.numerics import blobs, masks
from jwgpu.numerics.labels import label
from jwgpu.steps.jump.snowballs import flag_jumps


@dataclass(frozen=True)
class Morphology:
    """What is a snowball to the method "morphology", and how far its flags reach.

    Attributes
    ----------
    opening_radius : int
        Pixels: jumps in which no disk of this radius fits are no snowball. 4 suits long-wavelength detectors of NIRCam.
    largest_hole : int
        Pixels: larger holes in the jumps are not filled.
    growth_factor : float
        A snowball grows on all sides by so many times the radius of a circle of its area.
    ring_width : int
        Pixels around saturated pixels of a snowball that are flagged.
    after_jumps : int
        Groups after that of the snowball in which they are flagged too.
    """

    opening_radius: int = 2
    largest_hole: int = 200
    growth_factor: float = 2.0
    ring_width: int = 2
    after_jumps: int = 2


def flag(groupdq, rules: Morphology, remembered: int = 0) -> int:
    """Flag snowballs as JUMP_DET in `groupdq` (integration, group, y, x), in place; return how many there are.

    What they saturate is flagged in the next integration too, in the groups before number `remembered` but the first.
    """
    found, before = 0, []
    for k in range(groupdq.shape[0]):
        saturating: list = []
        with integration(groupdq, k, write=True) as flags:
            found += _flag_integration(flags, rules, saturating)
            for place in before:
                for plane in flags[1:remembered]:
                    flag_jumps(plane, place, but=GROUP.SATURATED | GROUP.DO_NOT_USE)
        before = saturating
    return found


def _flag_integration(flags, rules: Morphology, saturating: list) -> int:
    """Flag the snowballs of an integration; put the places that they saturate into `saturating`."""
    xp, found, cores = namespace(flags), 0, []
    for group in range(1, len(flags)):
        usable = (flags[group] & (GROUP.SATURATED | GROUP.DO_NOT_USE)) == 0
        grown, n_snowballs = _grown((flags[group] & GROUP.JUMP_DET) != 0, rules)
        found += n_snowballs
        cores = cores[-rules.after_jumps :] if rules.after_jumps else []
        cores.append(xp.flatnonzero(grown & ((flags[group] & GROUP.SATURATED) != 0)) if n_snowballs else None)
        if n_snowballs:
            saturating.append(xp.flatnonzero(grown & ((flags[group] & ~flags[group - 1] & GROUP.SATURATED) != 0)))
        if places := [place for place in cores if place is not None]:
            place = xp.concatenate(places)
            grown |= masks.around(place, xp.full(len(place), float(rules.ring_width)), usable.shape)
        flags[group] |= (grown & usable) * np.uint8(GROUP.JUMP_DET)
    return found


def _grown(jumps, rules: Morphology):
    """Return the snowballs among the jumps of a group, (y, x), grown, and how many there are."""
    xp = namespace(jumps)
    compact = masks.opened(blobs.fill(jumps, rules.largest_hole), rules.opening_radius)
    place = xp.flatnonzero(compact)
    blob, n_blobs = label(place, compact.shape)
    if not n_blobs:
        return compact, 0
    radius = xp.ceil(rules.growth_factor * xp.sqrt(xp.bincount(blob, minlength=n_blobs) / np.pi))
    return masks.around(place, radius[blob], jumps.shape), n_blobs
