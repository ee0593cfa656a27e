"""Subtract the signal that builds up without light."""

from __future__ import annotations

import math

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import Ramp, Reference, Tensors
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.step import Skip, byproduct, note, step


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    return Cut("rows" if parameters["dark_output"] is None else None, sets=0)


@step(unit="DN", streams=_cut)
def dark_current(
    ramp: Ramp, dark: Reference, *, dark_output: str | None = None, average_dark_current: float | None = None
) -> Ramp:
    """Subtract the dark ramp, averaged over the frames of which each group is the mean.

    Group j of an exposure with n frames a group and g dropped frames between groups is the mean of the frames
    j (n + g) to j (n + g) + n - 1, and so is what is subtracted from it, with the frames d of the dark::

        S'[j] = S[j] - (d[f] + ... + d[f + n - 1]) / n        f = j (n + g)

    A dark that was averaged just as the exposure is subtracted as it stands.

    A dark that ends too early is carried on along the straight line through its last two frames. NaN in the dark
    counts as 0, in each frame.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN. `meta.exposure.nframes` and `groupgap` say how it was averaged.
    dark : Reference
        `data` (frame, y, x), DN, or for MIRI (integration, frame, y, x), of which the last serves all later
        integrations; `meta.exposure.nframes` and `groupgap` say how it was averaged (1 and 0 for single frames).
        `dq` (y, x) or (integration, 1, y, x), flags of `data.flags.PIXEL`.
        `average_dark_current` (y, x), electron / s, where it has one.
    dark_output : str, optional
        Name of the file for the dark as it was subtracted, averaged over the frames of each group: it is left beside
        the result, as `dark_output`, and saved where products go.
    average_dark_current : float, optional
        Mean dark current of the detector, electron / s, whose Poisson noise enters the variance of the slopes.
        Without it: the plane in the reference, else the number in its header, else 0.

    Returns
    -------
    Ramp
        `data` less the dark, `pixeldq` with the flags of the dark (of all its integrations), `average_dark_current`
        (y, x). The zero frame is left alone.

    Raises
    ------
    InputError
        The dark has another shape than the exposure, or is too short and holds fewer than the two frames that
        extending it needs; the exposure does not say how it was averaged.

    Skips when
    ----------
    There is no dark for the exposure. The dark was averaged over more frames, or drops more between groups, than
    the exposure; or it was averaged, and otherwise than the exposure: its groups cannot be taken apart.

    Differs from jwst
    -----------------
    jwst 3.0.0 averages the groups of an averaged dark as if they were frames, which subtracts the wrong dark, and
    then leaves the MIRI dark of later integrations at 0 where the exposure has fewer integrations than the dark.
    The MIRI dark is chosen by the integration's number in the whole exposure (`meta.exposure.integration_start`);
    jwst gives all integrations of a later segment the last one. Where the step skips, `average_dark_current` stays
    unset. A plane `average_dark_current` in the reference is used; jwst 3.0.0 drops it with a warning, because it
    compares its shape with that of a plane that exposures do not have yet.

    The dark of `dark_output` has the groups of the exposure and, for MIRI, all integrations averaged; there, a dark
    that needs no averaging is written whole, and of one that does, the integrations beyond those of the exposure are 0.
    """
    xp = namespace(ramp.data, dark.data)
    shape = ramp.shape[-2:]
    frames = dark.check_shape("data", shape)
    if frames.ndim == 3:
        frames = frames[None]
    plan = _plan(ramp, dark)
    n_given = frames.shape[1]
    n_needed = plan[-1][-1] + 1
    if n_needed > n_given and n_given < 2:
        raise InputError(
            f"dark reference {dark.name} has {n_given} frame where {ramp.name} needs {n_needed}, and one frame gives "
            "no line to extend it along; use a longer dark"
        )
    pixeldq = ramp.own("pixeldq")
    flags = dark.check_shape("dq", shape)
    for plane in flags.reshape(-1, *shape):
        pixeldq |= plane

    data = ramp.own("data")
    start = max(int(ramp.meta.get("exposure.integration_start", 1)), 1) - 1
    means = xp.empty((frames.shape[0], len(plan), *shape), np.float32) if dark_output else None

    def subtract(rows):
        for which, dark_ramp in enumerate(frames):
            served = [i for i in range(data.shape[0]) if min(start + i, frames.shape[0] - 1) == which]
            for group, numbers in enumerate(plan if served or dark_output else ()):
                mean = _mean_frame(xp, dark_ramp[:, rows], numbers)
                if dark_output:
                    means[which, group, rows] = mean
                for integration in served:
                    data[integration, group, rows] -= mean

    over_rows(subtract, data)
    note(dark_frames=n_given, dark_frames_needed=n_needed)
    if dark_output:
        byproduct(dark_output=_averaged(ramp, dark, means, flags, dark_output))
    return ramp.replace(
        data=data, pixeldq=pixeldq, average_dark_current=_average(xp, dark, average_dark_current, shape)
    )


def _plan(ramp, dark) -> list[range]:
    """Return, for each group of the exposure, the planes of the dark to average."""
    n_frames = int(ramp.meta.require("exposure.nframes", "dark_current"))
    gap = int(ramp.meta.require("exposure.groupgap", "dark_current"))
    dark_frames = int(dark.meta.get("exposure.nframes", 1))
    dark_gap = int(dark.meta.get("exposure.groupgap", 0))
    if (dark_frames, dark_gap) == (n_frames, gap):
        return [range(group, group + 1) for group in range(ramp.n_groups)]
    if dark_frames > n_frames or dark_gap > gap or dark_frames > 1 or dark_gap > 0:
        raise Skip(
            f"the dark {dark.name} averages {dark_frames} frames a group and drops {dark_gap} between groups, the "
            f"exposure {n_frames} and {gap}: a dark of single frames is needed"
        )
    firsts = [group * (n_frames + gap) for group in range(ramp.n_groups)]
    return [range(first, first + n_frames) for first in firsts]


def _mean_frame(xp, frames, numbers):
    """Return the mean of the planes `numbers` of `frames` (frame, y, x), NaN as 0, carried on where they end."""
    n_given = frames.shape[0]
    total = None
    for number in numbers:
        if number < n_given:
            frame = frames[number]
        else:
            # float64: the line may run far beyond the two frames that give it.
            frame = (frames[-1] - frames[-2]).astype(np.float64) * (number - n_given + 1) + frames[-1]
        frame = xp.where(xp.isnan(frame), frame.dtype.type(0), frame)
        total = frame if total is None else total + frame
    return (total / total.dtype.type(len(numbers))).astype(np.float32)


def _averaged(ramp, dark, means, flags, name: str) -> Tensors:
    """Return the dark as it was subtracted, in the form of a dark reference."""
    exposure = {"nframes": ramp.meta.exposure.nframes, "groupgap": ramp.meta.exposure.groupgap}
    meta = {f"exposure.{key}": value for key, value in (exposure | {"ngroups": ramp.n_groups}).items()}
    integrations = dark.data.ndim == 4
    planes = (-1, 1, *ramp.shape[-2:]) if integrations else ramp.shape[-2:]
    content = {"data": means if integrations else means[0], "dq": flags.reshape(planes).copy()}
    schema = "darkMIRI" if integrations else "dark"
    return Tensors(schema=schema, content=content, meta=dark.meta.set(meta | {"jwgpu.output": name}))


def _average(xp, dark, given: float | None, shape):
    """Return the average dark current (y, x), electron / s: the parameter, the dark's plane, or the dark's header."""
    if given is None:
        given = float(dark.meta.get("exposure.average_dark_current", 0.0))
        if "average_dark_current" in dark and dark.average_dark_current is not None:
            plane = dark.check_shape("average_dark_current", shape)
            # A plane of zeros stands for none; rows of zeros do not.
            if bool(plane.any()) or (given != 0 and bool(dark.whole.average_dark_current.any())):
                return plane.astype(np.float32, copy=True)
    if not math.isfinite(given):
        raise InputError(f"dark_current.average_dark_current = {given}: expected a finite number of electrons / s")
    return xp.full(shape, given, dtype=np.float32)
