"""Leave out the groups of MIRI integrations in which charge left by the last reset still decays (RSCD)."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.step import Skip, count, note, step

_SHORT = 5  # groups up to which only the first is flagged, whatever the reference says
_SPARED = 3  # groups never flagged: two for a slope, and the last, which `lastframe` takes
_RENAMED = {"SUBPRISM": "SLITLESSPRISM"}


def _meta(ramp: Ramp, notes: dict) -> dict:
    return {f"rscd.{name}": int(value) for name, value in notes.items()}


@step(unit="DN", streams=Cut("rows", sets=GROUP.DO_NOT_USE), finish=_meta)
def rscd(ramp: Ramp, rscd: Reference) -> Ramp:
    """Flag the first groups of each MIRI integration DO_NOT_USE; how many, the reference says.

    The switch-off of the reset leaves charge that decays exponentially. In the first integration it follows the idle
    detector, in later ones the light of the integration before, so that there is one number for the first and one
    for all others, by read pattern and subarray::

        groupdq[j] = groupdq[j] | DO_NOT_USE        j < n

    At least three groups are always spared; of five groups or fewer,
    at most the first is flagged.

    A pixel that saturates within two groups of the last one flagged would have no slope left. There one group fewer
    is flagged for each saturated one, until none is, and the pixel is flagged FLUX_ESTIMATED. Nothing helps a pixel
    whose first group is saturated: it is treated like all others.

    Parameters
    ----------
    ramp : Ramp
        `groupdq` (integration, group, y, x), `pixeldq` (y, x). `meta.exposure.nints` and `integration_start` say
        which integrations of the exposure these are.
    rscd : Reference
        `rscd_group_skip_table` with the columns `subarray`, `readpatt`, `group_skip` (groups to flag from the second
        integration on) and `group_skip1` (in the first; 1 where the column is missing or negative).

    Returns
    -------
    Ramp
        `groupdq` and `pixeldq` with the flags. `meta.rscd` says how many groups were flagged
        (`ngroups_skip_int1`, `ngroups_skip_int2p`), for how many pixels fewer (`keep_groups_saturation_...`), and
        for how many none (`keep_bright_firstgroup_...`).

    Raises
    ------
    InputError
        The table of the reference lacks a column.

    Skips when
    ----------
    The exposure is not of MIRI, has fewer than three groups, or there is no reference, or no line in it, for its
    read pattern and subarray.

    Differs from jwst
    -----------------
    Where nothing is to be flagged in any pixel (three groups), no pixel counts as one for which none was flagged;
    jwst then counts all, if any is saturated. A pixel whose saturated groups are not all in one run, which no
    exposure has, is treated by itself; in jwst it depends on the other pixels.

    References
    ----------
    Ressler, M. E., et al. 2015, PASP 127, 675, doi:10.1086/682258 (what MIRI's detectors do).
    """
    if not str(ramp.meta.get("instrument.detector", "")).upper().startswith("MIR"):
        raise Skip("only the detectors of MIRI have this effect")
    first, later = _listed(ramp, rscd)
    if ramp.n_groups < _SPARED:
        raise Skip(f"{ramp.n_groups} groups; at least {_SPARED} are needed")
    start = max(int(ramp.meta.get("exposure.integration_start", 1)), 1)
    parts = {"int1": (slice(0, 1), first)} if start == 1 else {}
    if int(ramp.meta.get("exposure.nints", ramp.n_integrations)) > 1:
        parts["int2p"] = slice(1 if start == 1 else 0, ramp.n_integrations), later

    groupdq, pixeldq = ramp.own("groupdq"), ramp.own("pixeldq")
    for name, (integrations, listed) in parts.items():
        n_groups = min(1 if ramp.n_groups <= _SHORT else listed, ramp.n_groups - _SPARED)
        fewer, none = _flag(groupdq[integrations], pixeldq, max(n_groups, 0))
        note(**{f"ngroups_skip_{name}": max(n_groups, 0)})
        count(**{f"keep_groups_saturation_{name}": fewer, f"keep_bright_firstgroup_{name}": none})
    return ramp.replace(groupdq=groupdq, pixeldq=pixeldq)


def _listed(ramp: Ramp, rscd: Reference) -> tuple[int, int]:
    """Return how many groups the reference wants flagged in the first integration and in later ones."""
    table = rscd.rscd_group_skip_table
    lacking = [name for name in ("subarray", "readpatt", "group_skip") if name not in table.dtype.names]
    if lacking:
        raise InputError(
            f"rscd reference {rscd.name}: its table RSCD_GROUP_SKIP has no column {lacking[0]} (it has "
            f"{', '.join(table.dtype.names)}); give an rscd file in the standard form"
        )
    pattern, subarray = ramp.meta.exposure.readpatt, str(ramp.meta.get("subarray.name", ""))
    subarray = _RENAMED.get(subarray.upper(), subarray)
    for line in table:
        if (line["subarray"], line["readpatt"]) == (subarray, pattern):
            first = int(line["group_skip1"]) if "group_skip1" in table.dtype.names else -1
            return (1 if first < 0 else first), int(line["group_skip"])
    raise Skip(f"the reference {rscd.name} has no line for the subarray {subarray} read with {pattern}")


def _flag(groupdq, pixeldq, n_groups: int):
    """Flag the first `n_groups` groups in place, fewer where saturation asks for it.

    Parameters
    ----------
    groupdq : uint8 array (integration, group, y, x)
    pixeldq : uint32 array (y, x)

    Returns
    -------
    fewer, none : (y, x) bool
        Pixels of which fewer groups, and of which none, were flagged in some integration.
    """
    xp = namespace(groupdq)
    fewer, none = (xp.zeros(pixeldq.shape, bool) for _ in range(2))
    for flags in groupdq:
        near_end, at_start = ((plane & GROUP.SATURATED) != 0 for plane in (flags[n_groups + 1], flags[0]))
        pressed = near_end & ~at_start
        if n_groups == 0 or not bool(pressed.any()):
            flags[:n_groups] |= GROUP.DO_NOT_USE
            continue
        saturated = sum(((plane & GROUP.SATURATED) != 0).astype(np.int16) for plane in flags[1 : n_groups + 2])
        left = xp.where(pressed, xp.maximum(np.int16(n_groups) - saturated, 0), np.int16(n_groups))
        for group in range(n_groups):
            flags[group] |= xp.where(left > group, GROUP.DO_NOT_USE, np.uint8(0))
        fewer |= pressed
        none |= left == 0
    pixeldq |= xp.where(fewer, PIXEL.FLUX_ESTIMATED, np.uint32(0))
    return fewer, none
