"""Give the exposure the flags of the bad pixel mask."""

from __future__ import annotations

import numpy as np

from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.step import count, step


@step(unit="DN", streams=Cut("rows", sets=GROUP.DO_NOT_USE), superstripes=True)
def dq_init(ramp: Ramp, mask: Reference, user_supplied_dq: Reference | None = None) -> Ramp:
    """Add the flags of the bad pixel mask, and those of your own, to the exposure.

    All flags reach `pixeldq`. DO_NOT_USE reaches every group of `groupdq` as well, so that no ramp is fitted to a
    pixel the mask rejects.

    With m the mask and u the flags of your own::

        pixeldq' = pixeldq | m | u        groupdq' = groupdq | (DO_NOT_USE of pixeldq')

    Flags of your own come from a FITS file (`--set dq_init.user_supplied_dq=FILE`, or as an override of
    `jw.references`), the first image in which is taken, or from an array::

        mine = jw.Reference("user_supplied_dq", "my flags", {"dq": hot * jw.PIXEL.HOT})
        ramp = steps.dq_init(ramp, refs.mask, mine)

    Parameters
    ----------
    ramp : Ramp
        `pixeldq` (y, x) and `groupdq` (integration, group, y, x).
    mask : Reference
        `dq` (y, x), flags of `data.flags.PIXEL`. Superstripes have a plane each, here as in `pixeldq`.
    user_supplied_dq : Reference, optional
        `dq` (y, x), flags of `data.flags.PIXEL`, which join those of the mask. CRDS has none: only you can give it.

    Returns
    -------
    Ramp
        With `pixeldq` and `groupdq` completed; flags that were there stay.

    Raises
    ------
    InputError
        The mask or your flags have another shape than the exposure.

    Skips when
    ----------
    There is no mask for the exposure.

    Differs from jwst
    -----------------
    A file of your own flags may cover the full frame where the exposure is a subarray or in superstripes; there, it
    must have the shape of the exposure as it was read. If it has a table DQ_DEF, as masks have, its bits are what that
    table says; there, the table is not read.
    """
    flags = mask.check_shape("dq", ramp.pixeldq.shape)
    if user_supplied_dq is not None:
        flags = flags | user_supplied_dq.check_shape("dq", ramp.pixeldq.shape).astype(np.uint32)
    pixeldq = ramp.own("pixeldq")
    groupdq = ramp.own("groupdq")
    pixeldq |= flags
    unusable = (flags & PIXEL.DO_NOT_USE).astype(np.uint8)
    # DO_NOT_USE has the same value in both kinds of array.
    for integration, flagged in enumerate(groupdq):
        flagged |= ramp.plane(unusable, integration) & GROUP.DO_NOT_USE
    count(do_not_use_pixels=unusable != 0)
    return ramp.replace(pixeldq=pixeldq, groupdq=groupdq)
