"""Subtract the bias: what a detector reads right after its reset."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import Ramp, Reference
from jwgpu.step import step


@step(unit="DN", streams="integration")
def superbias(ramp: Ramp, superbias: Reference) -> Ramp:
    """Subtract the superbias from every group and from the zero frame.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x) and `zeroframe` (integration, y, x), DN.
    superbias : Reference
        `data` (y, x), DN; NaN counts as 0. `dq` (y, x), flags of `data.flags.PIXEL`, of which UNRELIABLE_BIAS
        says that the value is not to be trusted.

    Returns
    -------
    Ramp
        `data` and `zeroframe` less the bias, `pixeldq` with the flags of the reference. A zero frame value of 0
        means that there is none, and stays 0.

    Raises
    ------
    InputError
        The superbias has another shape than the exposure.

    Skips when
    ----------
    There is no superbias for the exposure (mid-infrared detectors have none).
    """
    xp = namespace(ramp.data, superbias.data)
    bias = superbias.check_shape("data", ramp.shape[-2:])
    bias = xp.where(xp.isnan(bias), np.float32(0), bias)
    pixeldq = ramp.own("pixeldq")
    pixeldq |= superbias.check_shape("dq", ramp.shape[-2:])
    data = ramp.own("data")
    for integration in data:
        for group in integration:
            group -= bias
    zeroframe = None
    if ramp.zeroframe is not None:
        zeroframe = ramp.own("zeroframe")
        for frame in zeroframe:
            frame -= xp.where(frame == 0, np.float32(0), bias)
    return ramp.replace(data=data, pixeldq=pixeldq, zeroframe=zeroframe)
