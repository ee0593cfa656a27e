"""Straighten the response: a detector counts fewer electrons the fuller its wells are."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.polynomial import evaluate, is_usable, or_identity
from jwgpu.step import count, note, step

# Rows treated at a time where every frame of a group needs float64 planes of its own.
_FRAME_ROWS = 16
_FRAME_DEVICE_ROWS = 512


@step(unit="DN", streams=Cut("rows", sets=0))
def linearity(ramp: Ramp, linearity: Reference) -> Ramp:
    """Correct each group by the polynomial of its pixel.

    With the reading F, and the coefficients c of the pixel, the corrected value is::

        F' = c_0 + c_1 F + ... + c_n F**n

    Groups flagged SATURATED stay as they are,
    and so do pixels without a usable polynomial: flagged NO_LIN_CORR in the reference, with a NaN among their
    coefficients, or with a linear term of 0.

    Where the reference also has the inverse polynomials and a group is the mean of several frames, the polynomial of
    the mean is not the mean of the polynomials. Then the frames are reconstructed first: a straight line through the
    corrected first and last good group gives each frame's true signal, the inverse polynomial its reading; the
    readings are shifted to have the mean that was measured, corrected one by one, and averaged again.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN, bias subtracted; `zeroframe` (integration, y, x), DN.
    linearity : Reference
        `coeffs` (term, y, x), from the constant up; `dq` (y, x); `inv_coeffs` (term, y, x), where it has them.

    Returns
    -------
    Ramp
        `data` and `zeroframe` corrected (0 in the zero frame means no value and stays); `pixeldq` with the flags of
        the reference, and NO_LIN_CORR where the polynomial is not usable.

    Raises
    ------
    InputError
        The reference has fewer than two coefficients, or another shape than the exposure.

    Skips when
    ----------
    There is no linearity reference for the exposure.

    Differs from jwst
    -----------------
    With inverse polynomials and a single group, jwst 3.0.0 ends in an IndexError; here the plain polynomial serves,
    since one group gives no line. "Good" groups are, as there, counted and not located: all unsaturated ones but one.
    Of references that are cut to stripes, jwst 3.0.0 loses the inverse polynomials; here they serve as elsewhere.

    References
    ----------
    The polynomial: https://jwst-pipeline.readthedocs.io/en/stable/jwst/linearity/description.html
    """
    xp = namespace(ramp.data, linearity.coeffs)
    shape = ramp.shape[-2:]
    coeffs = linearity.check_shape("coeffs", shape)
    flags = linearity.check_shape("dq", shape)
    if coeffs.ndim != 3 or coeffs.shape[0] < 2:
        raise InputError(
            f"linearity reference {linearity.name}: coeffs has shape {tuple(coeffs.shape)} where (term, y, x) with at "
            f"least two terms is needed; use a linearity reference of {ramp.meta.instrument.detector}"
        )
    given = (flags & PIXEL.NO_LIN_CORR) == 0
    usable = is_usable(coeffs, xp) & given
    invertible = None
    if _by_frames(ramp, linearity):
        invertible = is_usable(linearity.check_shape("inv_coeffs", shape), xp) & given

    pixeldq = ramp.own("pixeldq")
    pixeldq |= flags
    unusable = ~usable if invertible is None else ~(usable & invertible)
    pixeldq |= xp.where(unusable, PIXEL.NO_LIN_CORR, np.uint32(0))
    count(uncorrected_pixels=~usable)
    note(by_frames=invertible is not None)
    data = ramp.own("data")
    zeroframe = None if ramp.zeroframe is None else ramp.own("zeroframe")
    with np.errstate(over="ignore", invalid="ignore"):
        if invertible is None:
            _correct_groups(xp, data, ramp.groupdq, coeffs, usable)
        else:
            n_frames = int(ramp.meta.exposure.nframes)
            _correct_frames(xp, data, ramp.groupdq, coeffs, usable, linearity.inv_coeffs, invertible, n_frames)
        if zeroframe is not None:
            _correct_zero_frame(xp, zeroframe, coeffs, usable)
    return ramp.replace(data=data, pixeldq=pixeldq, zeroframe=zeroframe)


def _by_frames(ramp, linearity) -> bool:
    """Say whether the frames of a group are to be reconstructed."""
    meta = ramp.meta.exposure
    has_inverse = "inv_coeffs" in linearity and linearity.inv_coeffs is not None
    return has_inverse and meta.get("nframes", 1) > 1 and not meta.get("read_times") and ramp.n_groups > 1


def _correct_groups(xp, data, groupdq, coeffs, usable):
    """Correct `data` in place, group by group."""

    def correct(rows):
        terms, block = coeffs[:, rows], usable[rows]
        for integration, flags in zip(data, groupdq):
            for group, dq in zip(integration, flags):
                here = block & ((dq[rows] & GROUP.SATURATED) == 0)
                xp.copyto(group[rows], evaluate(terms, group[rows]), where=here)

    over_rows(correct, data)


def _correct_zero_frame(xp, zeroframe, coeffs, usable):
    """Correct the zero frame in place where it has a value."""

    def correct(rows):
        for frame in zeroframe:
            here = usable[rows] & (frame[rows] != 0)
            xp.copyto(frame[rows], evaluate(coeffs[:, rows], frame[rows]), where=here)

    over_rows(correct, zeroframe)


def _correct_frames(xp, data, groupdq, coeffs, usable, inverse, invertible, n_frames):
    """Correct `data` in place, frame by reconstructed frame.

    The line and the frames are float64: the shift that restores the measured mean is a small difference of two large
    numbers.
    """

    def correct(rows):
        forward = or_identity(coeffs[:, rows], usable[rows], xp)
        forward64 = forward.astype(np.float64)
        inverse64 = or_identity(inverse[:, rows], invertible[rows], xp).astype(np.float64)
        for integration, flags in zip(data, groupdq):
            planes, saturated = integration[:, rows], (flags[:, rows] & GROUP.SATURATED) != 0
            start, rate = _line(xp, planes, saturated, forward, n_frames)
            for group, plane in enumerate(planes):
                since = np.arange(n_frames) + group * n_frames - (n_frames - 1) / 2
                readings = [evaluate(inverse64, start + rate * float(t)) for t in since]
                shift = plane - sum(readings) / n_frames
                corrected = xp.zeros_like(shift)
                for reading in readings:
                    reading += shift
                    corrected += evaluate(forward64, reading)
                corrected /= n_frames
                xp.copyto(plane, corrected.astype(plane.dtype), where=~saturated[group])

    over_rows(correct, data, rows=_FRAME_ROWS, device_rows=_FRAME_DEVICE_ROWS)


def _line(xp, planes, saturated, forward, n_frames):
    """Return the corrected first group, and the slope per frame from there to the last good group.

    Parameters
    ----------
    planes : float array (group, y, x)
    saturated : bool array (group, y, x)
    forward : float array (term, y, x)

    Returns
    -------
    start, rate : float arrays (y, x), DN and DN / frame
    """
    # The last unsaturated group may be touched by saturation, so the one before it ends the line.
    last = xp.maximum((~saturated).sum(axis=0) - 2, 1)
    end = xp.take_along_axis(planes, last[None], axis=0)[0]
    kept = xp.take_along_axis(saturated, last[None], axis=0)[0]
    end = xp.where(kept, end, evaluate(forward, end))
    start = xp.where(saturated[0], planes[0], evaluate(forward, planes[0]))
    return start, (end - start) / (last * n_frames).astype(np.float64)
