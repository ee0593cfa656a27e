"""Take out what the reset of a MIRI detector leaves in the groups that follow it."""

from __future__ import annotations

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.step import Skip, note, step


@step(unit="DN", streams=Cut("rows", sets=0))
def reset(ramp: Ramp, reset: Reference) -> Ramp:
    """Subtract the reset anomaly, integration by integration, from as many groups as the reference has.

    After a reset the signal starts off its ramp and comes back within some ten groups. How far it is off depends on
    the integration; the last one of the reference serves all that follow. NaN in the reference counts as 0.

    Of group j of integration i, with the anomaly r of the reference::

        S'[i, j] = S[i, j] - r[min(i, last of r), j]

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN. `meta.exposure.integration_start` says which integration of the
        exposure is the first here.
    reset : Reference
        `data` (integration, group, y, x), DN, read with the pattern and subarray of the exposure; `dq` (y, x).
        `meta.exposure.nints` and `ngroups`, where they are said, limit what is used of it.

    Returns
    -------
    Ramp
        `data` less the anomaly; `pixeldq` with the flags of the reference.

    Raises
    ------
    InputError
        The reference has another shape than the exposure, or holds no integration or no group.

    Skips when
    ----------
    The exposure is not of MIRI, or there is no reset reference for it.

    References
    ----------
    Ressler, M. E., et al. 2015, PASP 127, 675, doi:10.1086/682258 (what MIRI's detectors do).
    """
    if not str(ramp.meta.get("instrument.detector", "")).upper().startswith("MIR"):
        raise Skip("only the detectors of MIRI have this effect")
    xp = namespace(ramp.data, reset.data)
    shape = ramp.shape[-2:]
    anomaly = reset.check_shape("data", shape)
    if anomaly.ndim != 4 or 0 in anomaly.shape:
        raise InputError(
            f"reset reference {reset.name}: data has shape {tuple(anomaly.shape)} where (integration, group, y, x) is "
            "needed; use a reset reference of the exposure's read pattern and subarray"
        )
    n_known = min(int(reset.meta.get("exposure.nints", anomaly.shape[0])), anomaly.shape[0])
    n_groups = min(int(reset.meta.get("exposure.ngroups", anomaly.shape[1])), anomaly.shape[1], ramp.n_groups)
    pixeldq = ramp.own("pixeldq")
    for plane in reset.check_shape("dq", shape).reshape(-1, *shape):
        pixeldq |= plane

    data = ramp.own("data")
    start = max(int(ramp.meta.get("exposure.integration_start", 1)), 1) - 1

    def subtract(rows):
        for integration, groups in enumerate(data):
            known = anomaly[min(start + integration, n_known - 1)]
            for group in range(n_groups):
                plane = known[group, rows]
                groups[group, rows] -= xp.where(xp.isnan(plane), plane.dtype.type(0), plane)

    over_rows(subtract, data)
    note(groups=n_groups, integrations_known=n_known)
    return ramp.replace(data=data, pixeldq=pixeldq)
