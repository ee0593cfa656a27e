"""Simple improved reference subtraction: rows predicted by convolution of the side reference pixels."""

from __future__ import annotations

from jwgpu.backend import namespace
from jwgpu.data import Ramp, Reference
from jwgpu.numerics.fourier import irfft
from jwgpu.numerics.stripes import masked_median
from jwgpu.step import note

_SIGMA = 1.48
"""Standard deviation of normal noise in units of its median absolute deviation, as the coefficients assume it."""


def templates(ramp: Ramp, reference: Reference | None, sigreject: float, gaussmooth: float, halfwidth: int):
    """Return the function (left, right) -> (amplifier, row) signals, or None where the detector has no kernels."""
    detector = str(ramp.meta.get("instrument.detector", "")).lower()
    names = [f"{detector}.gamma", f"{detector}.zeta"]
    if reference is None or any(name not in reference for name in names):
        note(sides=f"running median, as there is no kernel for {detector.upper()}")
        return None
    kernels = [_kernels(getattr(reference, name), gaussmooth, halfwidth) for name in names]
    note(sides="kernels of " + reference.name)

    def make(left, right):
        xp = namespace(left)
        signal = 0
        for side, kernel in zip((left, right), kernels):
            total, count = _good(side, sigreject)
            signal = signal + xp.stack([_filled(total, count, k) for k in kernel])
        return signal

    return make


def _kernels(coefficients, gaussmooth: float, halfwidth: int) -> list:
    """Return, per amplifier, the kernel of 2 `halfwidth` + 1 rows that has these Fourier coefficients."""
    xp = namespace(coefficients)
    middle = coefficients.shape[-1] - 1
    x = xp.arange(-halfwidth, halfwidth + 1)
    smooth = xp.exp(-(x**2) / (2 * gaussmooth**2))
    smooth /= smooth.sum()
    whole = xp.fft.fftshift(irfft(coefficients, 2 * middle), axes=-1)
    return [xp.convolve(k, smooth, "same") for k in whole[:, middle - halfwidth : middle + halfwidth + 1]]


def _good(side, sigreject: float):
    """Return the sum of the good pixels of each row, and how many they are: (row,) float64."""
    xp = namespace(side)
    good = xp.isfinite(side)
    away = xp.abs(xp.where(good, side - masked_median(side.ravel(), good.ravel()), 0))
    good &= away <= sigreject * _SIGMA * masked_median(away.ravel(), good.ravel())
    return xp.where(good, side, 0).sum(axis=1), good.sum(axis=1).astype(xp.float64)


def _filled(total, count, kernel):
    """Convolve the mean of each row, (row,), making up for rows that lack pixels."""
    xp = namespace(total)
    weight = xp.convolve(count, kernel, "same")
    full = xp.convolve(xp.ones_like(count), kernel, "same")
    known = weight != 0
    return xp.where(known, xp.convolve(total, kernel, "same") * full / xp.where(known, weight, 1), 0)
