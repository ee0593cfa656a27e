"""Flag groups in which a bright pixel has begun to share its charge with its neighbours (brighter-fatter effect)."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, Ramp
from jwgpu.step import Skip, count, step


@step(unit="DN", streams=Cut("rows", halo=1, sets=GROUP.CHARGELOSS | GROUP.DO_NOT_USE))
def charge_migration(ramp: Ramp, *, signal_threshold: float = 25000.0) -> Ramp:
    """Flag a pixel and its four neighbours from the group on in which its signal exceeds a threshold.

    The fuller a well, the weaker the field that draws new charge into it, and the more of that charge ends up next
    door: the image of a star grows while it is exposed. Groups from there on are CHARGELOSS and DO_NOT_USE, so that
    slopes come from the part of the ramp before.

    Of a pixel and those at its four sides::

        flagged from the first group with S > signal_threshold on

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN, corrected for non-linearity; `groupdq`. A group whose only flag is
        DO_NOT_USE starts nothing.
    signal_threshold : float
        Signal in DN above which charge migrates.

    Returns
    -------
    Ramp
        `groupdq` with CHARGELOSS and DO_NOT_USE added; everything else unchanged.

    Skips when
    ----------
    An integration has fewer than three groups.

    References
    ----------
    .. [1] Plazas, A. A., et al. 2018, PASP 130, 065004, doi:10.1088/1538-3873/aab820.
    .. [2] Goudfrooij, P., et al. 2024, PASP 136, 014503, doi:10.1088/1538-3873/ad11d9.
    """
    if ramp.n_groups < 3:
        raise Skip(f"{ramp.n_groups} groups in an integration are fewer than the three it needs")
    xp = namespace(ramp.data)
    flag = GROUP.CHARGELOSS | GROUP.DO_NOT_USE
    groupdq = ramp.own("groupdq")
    flagged = xp.zeros(ramp.shape[-2], dtype=np.int64)
    for data, flags in zip(ramp.data, groupdq):
        reached = xp.zeros(data.shape[1:], dtype=bool)
        for plane, dq in zip(data, flags):
            # A neighbour's new flag adds CHARGELOSS, so what came in as DO_NOT_USE alone must be seen before that.
            reached |= _with_neighbours((plane > signal_threshold) & (dq != GROUP.DO_NOT_USE))
            dq |= reached.astype(np.uint8) * flag
        flagged += reached.sum(axis=1)
    count(flagged_pixels=flagged)
    return ramp.replace(groupdq=groupdq)


def _with_neighbours(mask):
    """Return `mask` (y, x) with the pixels above, below, left and right of each true one."""
    cross = mask.copy()
    cross[1:] |= mask[:-1]
    cross[:-1] |= mask[1:]
    cross[:, 1:] |= mask[:, :-1]
    cross[:, :-1] |= mask[:, 1:]
    return cross
