"""Subtract the bias: what a detector reads right after its reset."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.data.detector import Readout
from jwgpu.numerics.cycles import cycle, find_period
from jwgpu.numerics.masks import grow
from jwgpu.numerics.stripes import clipped_mean
from jwgpu.step import ParameterError, note, step

# The measurement of a cyclic pattern: groups used at most, limit of sources and outliers in standard deviations,
# pixels that the halo of a source reaches.
_GROUPS = 10
_LIMIT = 3.0
_HALO = 2


@step(unit="DN", streams="integration")
def superbias(ramp: Ramp, superbias: Reference, *, cyclic_bias: bool = False, cyclic_period: int | None = None) -> Ramp:
    """Subtract the superbias from every group and from the zero frame.

    Subarrays that are reset a few rows at a time keep a bias pattern which repeats along the slow axis with that
    number of rows and changes from reset to reset, so that no superbias holds it. `cyclic_bias` measures it in each
    integration and subtracts it too. The level of each pixel at the reset is the straight line through its first
    groups, carried back to time 0: there sky and sources have no signal yet. Its clipped mean along each row, without
    flagged pixels and without sources (slopes above the median by three standard deviations, and two pixels about
    them), is fitted by one level for each row of the cycle and a parabola along the rows. The pattern is the same in
    all groups of an integration, so slopes, and with them photometry, do not depend on it; what it spoils is the
    first groups, short ramps and the correction of non-linearity.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x) and `zeroframe` (integration, y, x), DN.
    superbias : Reference
        `data` (y, x), DN; NaN counts as 0. `dq` (y, x), flags of `data.flags.PIXEL`, of which UNRELIABLE_BIAS
        says that the value is not to be trusted.
    cyclic_bias : bool
        Measure and subtract a cyclic pattern of the rows of a subarray. Full frames have none and are left alone.
    cyclic_period : int, optional
        Rows of one cycle: those that are reset at a time. No keyword of the exposure tells it; without it, the period
        is looked for in each integration, from 2 rows to a quarter of the subarray, and where nothing repeats beyond
        doubt nothing is subtracted. In subarrays of few rows a divisor of the true period can win: give it if known.

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
        `cyclic_period` is below 2 or above half the rows of the subarray.

    Skips when
    ----------
    There is no superbias for the exposure (mid-infrared detectors have none).

    Differs from jwst
    -----------------
    `cyclic_bias` and `cyclic_period` are not there.
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
    if cyclic_bias and ramp.meta.get("subarray.name") != "FULL":
        _subtract_cycles(xp, ramp, data, zeroframe, pixeldq, cyclic_period)
    return ramp.replace(data=data, pixeldq=pixeldq, zeroframe=zeroframe)


def _subtract_cycles(xp, ramp: Ramp, data, zeroframe, pixeldq, given: int | None) -> None:
    """Subtract from each integration, in place, the pattern that repeats along its rows."""
    readout = Readout.of(ramp.meta, ramp.shape)
    if given is not None and not 2 <= given <= readout.rows // 2:
        raise ParameterError(
            f"superbias.cyclic_period = {given}: expected 2 to {readout.rows // 2}, half the rows of {ramp.name}"
        )
    bad = (pixeldq & (PIXEL.DO_NOT_USE | PIXEL.REFERENCE_PIXEL | PIXEL.UNRELIABLE_BIAS)) != 0
    times = _times(ramp)
    found, scatters = [], []
    for number, (integration, flags) in enumerate(zip(data, ramp.groupdq)):
        profile = _profile(xp, readout, integration, flags, bad, times)
        period = given or find_period(profile)
        found.append(period or 0)
        if period is None:
            continue
        pattern = cycle(profile, period)
        scatters.append((pattern**2).mean())
        along_y, along_x = readout.along_axes(pattern, xp.zeros(readout.columns))
        # float32, as the bias it is part of
        plane = (along_y[:, None] + along_x).astype(np.float32)
        integration -= plane
        if zeroframe is not None:
            zeroframe[number] -= xp.where(zeroframe[number] == 0, np.float32(0), plane)
    rms = float(xp.sqrt(xp.stack(scatters).mean())) if scatters else 0.0
    note(cyclic_periods=sorted(set(found)), cyclic_rms=rms)


def _times(ramp: Ramp) -> np.ndarray:
    """Return the mean times of the first groups after the reset, in frames."""
    n_frames, gap = (int(ramp.meta.get(f"exposure.{name}", least)) for name, least in (("nframes", 1), ("groupgap", 0)))
    return np.arange(min(ramp.n_groups, _GROUPS)) * (n_frames + gap) + (n_frames + 1) / 2


def _profile(xp, readout: Readout, integration, flags, bad, times):
    """Return the level of each detector row at the reset: (row,) float64, DN; NaN where no pixel tells it."""
    apart = times - times.mean()
    square = max(float((apart**2).sum()), 1.0)
    # float64: the line is carried back over several groups
    mean, slope = xp.zeros(bad.shape), xp.zeros(bad.shape)
    unusable = bad.copy()
    for plane, dq, time in zip(integration, flags, apart):
        mean += plane
        slope += plane * np.float64(time)
        unusable |= (dq & (GROUP.DO_NOT_USE | GROUP.SATURATED)) != 0
    mean /= len(times)
    slope /= square
    level = mean - slope * float(times.mean())
    signal = slope if len(times) > 1 else mean
    unusable |= ~xp.isfinite(signal)
    bright = _sources(xp, signal, unusable)
    return clipped_mean(readout.view(xp.where(unusable | bright, xp.nan, level)), _LIMIT)


def _sources(xp, signal, unusable):
    """Return the pixels whose signal stands out, and those about them."""
    known = signal[~unusable]
    if known.size == 0:
        return unusable
    centre = xp.median(known)
    spread = 1.4826 * xp.median(xp.abs(known - centre))
    return grow((signal > centre + _LIMIT * spread) & ~unusable, _HALO)
