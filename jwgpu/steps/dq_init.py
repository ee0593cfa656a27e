"""Give the exposure the flags of the bad pixel mask."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.step import note, step


@step(unit="DN", streams="integration")
def dq_init(ramp: Ramp, mask: Reference) -> Ramp:
    """Add the flags of the bad pixel mask to the exposure.

    All flags reach `pixeldq`. DO_NOT_USE reaches every group of `groupdq` as well, so that no ramp is fitted to a
    pixel the mask rejects.

    Parameters
    ----------
    ramp : Ramp
        `pixeldq` (y, x) and `groupdq` (integration, group, y, x).
    mask : Reference
        `dq` (y, x), flags of `data.flags.PIXEL`.

    Returns
    -------
    Ramp
        With `pixeldq` and `groupdq` completed; flags that were there stay.

    Raises
    ------
    InputError
        The mask has another shape than the exposure.

    Skips when
    ----------
    There is no mask for the exposure.

    Differs from jwst
    -----------------
    The parameter `user_supplied_dq`, a file name, does not exist, because steps read no files. Give the step a mask
    that holds your flags, or set them in the exposure: `ramp.replace(pixeldq=ramp.pixeldq | mine)`.
    """
    xp = namespace(ramp.data, mask.dq)
    flags = mask.check_shape("dq", ramp.shape[-2:])
    pixeldq = ramp.own("pixeldq")
    groupdq = ramp.own("groupdq")
    pixeldq |= flags
    unusable = (flags & PIXEL.DO_NOT_USE).astype(np.uint8)
    # DO_NOT_USE has the same value in both kinds of array.
    groupdq |= unusable & GROUP.DO_NOT_USE
    note(do_not_use_pixels=int(xp.count_nonzero(unusable)))
    return ramp.replace(pixeldq=pixeldq, groupdq=groupdq)
