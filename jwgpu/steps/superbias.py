"""Subtract the bias: what a detector reads right after its reset."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.data.detector import Readout
from jwgpu.data.multistripe import Stripes
from jwgpu.numerics.cycles import repeating
from jwgpu.numerics.masks import grow
from jwgpu.numerics.stripes import clipped_mean
from jwgpu.step import ParameterError, note, step

_DETECTOR_ROWS = 2048
_RESET_ROWS = {1: ((8, 16), (16, 64), (64, 256), (256, 512)), 4: ((255, 512),)}
"""Rows of NIRCam that one fast reset covers, by number of outputs: (for subarrays of up to so many rows, rows)."""

# The measurement of a cyclic pattern: groups used at most, limit of sources and outliers in standard deviations,
# pixels that the halo of a source reaches.
_GROUPS = 10
_LIMIT = 3.0
_HALO = 2


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    return Cut(None if parameters["cyclic_bias"] else "rows", sets=0)


@step(unit="DN", streams=_cut, superstripes=True)
def superbias(ramp: Ramp, superbias: Reference, *, cyclic_bias: bool = False, cyclic_period: int | None = None) -> Ramp:
    """Subtract the superbias from every group and from the zero frame.

    With the superbias b, where it is known::

        S'[j, y, x] = S[j, y, x] - b[y, x]

    Before each integration of a small NIRCam subarray, a fast reset covers part of the detector's 2048 rows: the next
    512 (256, 64, 16) of them, from the first again after the last. What rows read depends on whether their turn was
    just then, so that the bias of a time series changes from integration to integration with a period of 4 (8, 32,
    128), which no superbias holds [1]_. `cyclic_bias` measures this pattern in the exposure itself and subtracts it.
    The mean level of the first groups of an integration, without flagged pixels and without sources (slopes above the
    median by three standard deviations, and two pixels about them), is taken for the rows that are reset together and
    for each row apart. Where integrations of the same phase agree beyond doubt (see `numerics.cycles`), what the phase
    differs from the mean over all phases is the pattern: one level for the rows that are reset together, and more
    than that only where rows differ beyond doubt too. It is the same in all groups of an integration, so slopes, and
    with them photometry, do not depend on it; what it spoils is the first groups, short ramps, the correction of
    non-linearity and comparisons from integration to integration.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x) and `zeroframe` (integration, y, x), DN.
    superbias : Reference
        `data` (y, x), DN; NaN counts as 0. `dq` (y, x), flags of `data.flags.PIXEL`, of which UNRELIABLE_BIAS
        says that the value is not to be trusted. Superstripes have a plane each.
    cyclic_bias : bool
        Measure and subtract the pattern that returns with the fast resets of a subarray. Only several of their cycles
        tell it from chance (in simulations three for a step of 12 DN, five of 5 DN, ten of 3 DN); otherwise, and in
        full frames, which have none, and readouts in stripes nothing is subtracted.
    cyclic_period : int, optional
        Rows that are reset at a time. No keyword of the exposure tells it; without it, the number is that of NIRCam
        subarrays [2]_, by their rows and outputs, and where that is all rows, or for other instruments, nothing is
        subtracted.

    Returns
    -------
    Ramp
        `data` and `zeroframe` less the bias, `pixeldq` with the flags of the reference. A zero frame value of 0
        means that there is none, and stays 0.

    Raises
    ------
    InputError
        The superbias has another shape than the exposure.
    ParameterError
        `cyclic_period` is below 1 or above 1024, half the rows of the detector.

    Skips when
    ----------
    There is no superbias for the exposure (mid-infrared detectors have none).

    Differs from jwst
    -----------------
    `cyclic_bias` and `cyclic_period` are not there.

    References
    ----------
    .. [1] Cycling bias for cycling fast-frame resets, https://github.com/spacetelescope/jwst/issues/7163 (JP-2601).
    .. [2] Leisenring, J., `nff` in detops.py of https://github.com/JarronL/hxrg_ref_pixels; for 128 rows read through
       four outputs it agrees with [1]_.
    """
    xp = namespace(ramp.data, superbias.data)
    bias = superbias.check_shape("data", ramp.pixeldq.shape)
    bias = xp.where(xp.isnan(bias), np.float32(0), bias)
    pixeldq = ramp.own("pixeldq")
    pixeldq |= superbias.check_shape("dq", ramp.pixeldq.shape)
    data = ramp.own("data")
    for number, integration in enumerate(data):
        for group in integration:
            group -= ramp.plane(bias, number)
    zeroframe = None
    if ramp.zeroframe is not None:
        zeroframe = ramp.own("zeroframe")
        for number, frame in enumerate(zeroframe):
            frame -= xp.where(frame == 0, np.float32(0), ramp.plane(bias, number))
    if cyclic_bias and ramp.meta.get("subarray.name") != "FULL" and Stripes.of(ramp.meta, ramp.shape) is None:
        _subtract_cycles(xp, ramp, data, zeroframe, pixeldq, cyclic_period)
    return ramp.replace(data=data, pixeldq=pixeldq, zeroframe=zeroframe)


def _reset_rows(ramp: Ramp, readout: Readout) -> int:
    """Return how many rows of the detector a fast reset covers."""
    if ramp.meta.get("instrument.name") != "NIRCAM":
        return _DETECTOR_ROWS
    outputs = int(ramp.meta.get("exposure.noutputs", 4 if readout.columns == _DETECTOR_ROWS else 1))
    return next((n for most, n in _RESET_ROWS.get(outputs, ()) if readout.rows <= most), _DETECTOR_ROWS)


def _subtract_cycles(xp, ramp: Ramp, data, zeroframe, pixeldq, given: int | None) -> None:
    """Subtract from each integration, in place, the pattern that returns with the fast resets."""
    if given is not None and not 1 <= given <= _DETECTOR_ROWS // 2:
        raise ParameterError(f"superbias.cyclic_period = {given}: expected 1 to {_DETECTOR_ROWS // 2} rows")
    readout = Readout.of(ramp.meta, ramp.shape)
    rows = given or _reset_rows(ramp, readout)
    period = -(-_DETECTOR_ROWS // rows)
    rms = 0.0
    if 1 < period < len(data):
        bad = (pixeldq & (PIXEL.DO_NOT_USE | PIXEL.REFERENCE_PIXEL | PIXEL.UNRELIABLE_BIAS)) != 0
        pattern = _pattern(xp, _profiles(xp, readout, data, ramp.groupdq, bad), readout.row, rows, period)
        rms = float(xp.sqrt((pattern**2).mean()))
    note(cyclic_rows=rows, cyclic_integrations=period, cyclic_rms=rms)
    if not rms:
        return
    for number, integration in enumerate(data):
        along_y, along_x = readout.along_axes(pattern[number % period], xp.zeros(readout.columns))
        # float32, as the bias it is part of
        plane = (along_y[:, None] + along_x).astype(np.float32)
        integration -= plane
        if zeroframe is not None:
            zeroframe[number] -= xp.where(zeroframe[number] == 0, np.float32(0), plane)


def _pattern(xp, profiles, first_row: int, rows: int, period: int):
    """Return the pattern of every phase of the cycle, (period, row) float64, DN."""
    pattern = xp.zeros((period, profiles.shape[1]))
    apart = xp.empty_like(profiles)
    start = 0
    while start < profiles.shape[1]:
        together = slice(start, start + rows - (first_row + start) % rows)
        levels = _mean(xp, profiles[:, together])
        apart[:, together] = profiles[:, together] - levels
        pattern[:, together] = repeating(levels, period)
        start = together.stop
    return pattern + repeating(apart, period)


def _mean(xp, profiles):
    """Return the mean over the known rows, (integration, 1); NaN where none is known."""
    known = xp.isfinite(profiles)
    count = known.sum(axis=1, keepdims=True)
    return xp.where(count > 0, xp.where(known, profiles, 0).sum(axis=1, keepdims=True) / xp.maximum(count, 1), xp.nan)


def _profiles(xp, readout: Readout, data, groupdq, bad):
    """Return the level of each detector row in each integration: (integration, row) float64, DN; NaN if unknown.

    What light adds to the mean of the first groups is the same in all integrations.
    """
    n_groups = min(data.shape[1], _GROUPS)
    apart = np.arange(n_groups) - (n_groups - 1) / 2
    profiles = []
    for integration, flags in zip(data, groupdq):
        # float64: sums over several groups
        mean, slope = xp.zeros(bad.shape), xp.zeros(bad.shape)
        unusable = bad.copy()
        for plane, dq, time in zip(integration, flags, apart):
            mean += plane
            slope += plane * np.float64(time)
            unusable |= (dq & (GROUP.DO_NOT_USE | GROUP.SATURATED)) != 0
        signal = slope if n_groups > 1 else mean
        unusable |= ~xp.isfinite(signal)
        bright = _sources(xp, signal, unusable)
        profiles.append(clipped_mean(readout.view(xp.where(unusable | bright, xp.nan, mean / n_groups)), _LIMIT))
    return xp.stack(profiles)


def _sources(xp, signal, unusable):
    """Return the pixels whose signal stands out, and those about them."""
    known = signal[~unusable]
    if known.size == 0:
        return unusable
    centre = xp.median(known)
    spread = 1.4826 * xp.median(xp.abs(known - centre))
    return grow((signal > centre + _LIMIT * spread) & ~unusable, _HALO)
