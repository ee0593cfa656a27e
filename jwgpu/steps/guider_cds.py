"""Turn the raw reads of the guider into count rates by correlated double sampling: a late read minus an early one."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import Image, Ramp, Reference
from jwgpu.step import Skip, step

MODES = ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")
_FINE_GROUPS = 4


@step(unit="DN")
def guider_cds(ramp: Ramp, gain: Reference, readnoise: Reference) -> Image:
    """Make count rates of a guider exposure.

    With t the group time, g the gain and r the read noise::

        rate = D / t        err = sqrt(2 (r / t)^2 + max(D / (g t), 0))

    The difference D is, by exposure type:

    * ACQ1, ACQ2, TRACK: second group minus first, in every integration;
    * FINEGUIDE: mean of the last four groups minus mean of the first four, in every integration;
    * ID-STACK, ID-IMAGE: the lesser of the differences (second group minus first) of the first two integrations,
      which leaves cosmic rays out; one plane.

    Parameters
    ----------
    ramp : Ramp
        Guider reads, (integration, group, y, x), DN; its `pixeldq` and `tables` pass through.
    gain : Reference
        `data` (y, x), electron / DN.
    readnoise : Reference
        `data` (y, x), DN. For ID-STACK, gain or read noise of another shape than the stack enter by their mean.

    Returns
    -------
    Image
        `data` and `err` (integration, y, x), or (1, y, x) for identification, DN / s; `dq` (y, x).

    Raises
    ------
    ValueError
        Too few groups or integrations for the mode, no group time, or a reference of the wrong shape.

    Skips when
    ----------
    The exposure is not one of the guider modes, or there is no gain or readnoise reference.

    Differs from jwst
    -----------------
    Not in the numbers; too few integrations or groups are named in an error. The formula of the error is the official
    one, kept for parity, although propagation of D / t would divide the Poisson term by t twice.
    """
    mode = ramp.meta.require("exposure.type", "guider_cds")
    if mode not in MODES:
        raise Skip(f"EXP_TYPE {mode} is not a guider mode ({', '.join(MODES)})")
    time = ramp.meta.require("exposure.group_time", "guider_cds")
    if not time > 0:
        raise ValueError(f"{ramp.name}: guider_cds divides by the group time, which is {time} s; correct TGROUP")
    difference = _difference(ramp, mode)
    gain_values, noise = _values(gain, ramp, mode), _values(readnoise, ramp, mode)
    xp = namespace(ramp.data, gain_values, noise)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        poisson = difference / (gain_values * np.float32(time))
        poisson = xp.where(poisson < 0, np.float32(0), poisson)
        err = xp.sqrt(2 * (noise / np.float32(time)) ** 2 + poisson)
    return Image(
        data=difference / np.float32(time), err=err, dq=ramp.pixeldq, unit="DN/s",
        meta=ramp.meta, history=ramp.history, tables=ramp.tables,
    )  # fmt: skip


def _difference(ramp: Ramp, mode: str):
    """Return late minus early reads, (integration, y, x), or (1, y, x) for identification, DN."""
    if ramp.n_groups < 2:
        raise ValueError(f"{ramp.name}: guider_cds needs 2 groups in {mode} exposures, but there is {ramp.n_groups}")
    if mode == "FGS_FINEGUIDE":
        return ramp.data[:, -_FINE_GROUPS:].mean(axis=1) - ramp.data[:, :_FINE_GROUPS].mean(axis=1)
    if not mode.startswith("FGS_ID"):
        return ramp.data[:, 1] - ramp.data[:, 0]
    if ramp.n_integrations < 2:
        raise ValueError(f"{ramp.name}: guider_cds needs 2 integrations in {mode} exposures, but there is 1")
    xp = namespace(ramp.data)
    first, second = ramp.data[0, 1] - ramp.data[0, 0], ramp.data[1, 1] - ramp.data[1, 0]
    return xp.minimum(second, first)[None]


def _values(reference: Reference, ramp: Ramp, mode: str):
    """Return the values of `reference` for every pixel; for a stack of another shape, their mean as a 0-d array."""
    shape = ramp.shape[-2:]
    if mode == "FGS_ID-STACK" and tuple(reference.data.shape) != shape:
        return reference.data.mean()
    return reference.check_shape("data", shape)
