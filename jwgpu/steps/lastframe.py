"""Leave out the last group of MIRI integrations, which is read while the rows beside it are reset."""

from __future__ import annotations

from jwgpu.cut import Cut
from jwgpu.data import GROUP, Ramp
from jwgpu.step import Skip, step


@step(unit="DN", streams=Cut("rows", sets=GROUP.DO_NOT_USE))
def lastframe(ramp: Ramp) -> Ramp:
    """Flag the last group of each MIRI integration DO_NOT_USE.

    Rows are reset in pairs right after their last read, and the reset of one pair pulls at the reads of the next.

    In every integration::

        groupdq[last group] = groupdq[last group] | DO_NOT_USE

    Parameters
    ----------
    ramp : Ramp
        `groupdq` (integration, group, y, x).

    Returns
    -------
    Ramp
        `groupdq` with the flags.

    Skips when
    ----------
    The exposure is not of MIRI, or has two groups or fewer.

    References
    ----------
    Ressler, M. E., et al. 2015, PASP 127, 675, doi:10.1086/682258 (what MIRI's detectors do).
    """
    if not str(ramp.meta.get("instrument.detector", "")).upper().startswith("MIR"):
        raise Skip("only the detectors of MIRI have this effect")
    if ramp.n_groups <= 2:
        raise Skip(f"{ramp.n_groups} groups; more than 2 are needed to do without one")
    groupdq = ramp.own("groupdq")
    groupdq[:, -1] |= GROUP.DO_NOT_USE
    return ramp.replace(groupdq=groupdq)
