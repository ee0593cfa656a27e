"""Leave out the first group of MIRI integrations, which the reset disturbs."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp
from jwgpu.step import Skip, count, step


@step(unit="DN", streams=Cut("rows", sets=GROUP.DO_NOT_USE))
def firstframe(ramp: Ramp, *, bright_use_group1: bool = True) -> Ramp:
    """Flag the first group of each MIRI integration DO_NOT_USE.

    It does not lie on the ramp that the others follow. The `rscd` step flags it too, so that pipelines leave this
    step out unless it is asked for.

    In every integration::

        groupdq[1st group] = groupdq[1st group] | DO_NOT_USE

    Parameters
    ----------
    ramp : Ramp
        `groupdq` (integration, group, y, x), `pixeldq` (y, x).
    bright_use_group1 : bool
        Keep the first group where the third is SATURATED: only two groups are left there, and the disturbance is
        small beside so steep a ramp.

    Returns
    -------
    Ramp
        `groupdq` with the flags; `pixeldq` with FLUX_ESTIMATED where the first group was kept in any integration.

    Skips when
    ----------
    The exposure is not of MIRI, or has three groups or fewer.

    References
    ----------
    Ressler, M. E., et al. 2015, PASP 127, 675, doi:10.1086/682258 (what MIRI's detectors do).
    """
    if not str(ramp.meta.get("instrument.detector", "")).upper().startswith("MIR"):
        raise Skip("only the detectors of MIRI have this effect")
    if ramp.n_groups <= 3:
        raise Skip(f"{ramp.n_groups} groups; more than 3 are needed to do without one")
    xp = namespace(ramp.groupdq)
    groupdq = ramp.own("groupdq")
    if not bright_use_group1:
        groupdq[:, 0] |= GROUP.DO_NOT_USE
        return ramp.replace(groupdq=groupdq)
    kept = (groupdq[:, 2] & GROUP.SATURATED) != 0
    groupdq[:, 0] |= xp.where(kept, np.uint8(0), GROUP.DO_NOT_USE)
    kept = kept.any(axis=0)
    pixeldq = ramp.own("pixeldq")
    pixeldq |= xp.where(kept, PIXEL.FLUX_ESTIMATED, np.uint32(0))
    count(pixels_kept=kept)
    return ramp.replace(groupdq=groupdq, pixeldq=pixeldq)
