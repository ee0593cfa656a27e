"""Cubic splines through evenly spaced samples."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace


def wave_spline(wave):
    """Return the polynomials of a cubic spline through one period of a wave.

    Sample k stands at the phase (k + 1/2) / n. One sample is repeated at either end, so that phases 0 to 1 are covered;
    the spline through these n + 2 samples has no knot at the second and the last but one ("not a knot").

    Parameters
    ----------
    wave : (n,) array
        One period, n >= 2.

    Returns
    -------
    (4, n + 1) float64
        Coefficients of t**0 to t**3 in each interval between samples, t from 0 to 1. float64: second derivatives
        come from a system of equations.

    References
    ----------
    .. [1] de Boor, C. 1978, A Practical Guide to Splines, Springer, chapter IV.
    """
    xp = namespace(wave)
    wave = wave.astype(np.float64)
    y = xp.concatenate([wave[-1:], wave, wave[:1]])
    m = y.size
    bend = 4 * xp.eye(m) + xp.eye(m, k=1) + xp.eye(m, k=-1)  # of the second derivatives, times 1/6
    bend[0], bend[-1] = 0, 0
    bend[0, 0], bend[0, 1], bend[0, 2] = 1, -2, 1
    bend[-1, -3], bend[-1, -2], bend[-1, -1] = 1, -2, 1
    right = xp.zeros(m)
    right[1:-1] = 6 * (y[2:] - 2 * y[1:-1] + y[:-2])
    second = xp.linalg.solve(bend, right)
    left, after = second[:-1], second[1:]
    return xp.stack([y[:-1], y[1:] - y[:-1] - (2 * left + after) / 6, left / 2, (after - left) / 6])


def evaluate_wave(spline, phase):
    """Return the wave of `wave_spline` at phases from 0 to below 1, in the type of `spline`."""
    place = phase * (spline.shape[1] - 1) + 0.5
    interval = place.astype(np.int64)  # what arrays are indexed with without a conversion
    t = (place - interval).astype(spline.dtype)
    value = spline[3][interval]
    for c in (spline[2], spline[1], spline[0]):
        value *= t
        value += c[interval]
    return value
