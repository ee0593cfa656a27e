"""Fourier transforms of real series, in single precision on either device."""

from __future__ import annotations

import os

from jwgpu.backend import fft, is_device_array


def rfft(series):
    """Return the half spectrum, complex64, of float32 `series` along its last axis."""
    return fft(series).rfft(series, **_workers(series))


def irfft(spectrum, n: int):
    """Return the real series of length `n` whose half spectrum is `spectrum`, along its last axis."""
    return fft(spectrum).irfft(spectrum, n, **_workers(spectrum))


def _workers(array) -> dict:
    """Return how many processors may share the series on the host: what OMP_NUM_THREADS says to the kernels."""
    if is_device_array(array):
        return {}
    given = os.environ.get("OMP_NUM_THREADS", "")
    return {"workers": int(given) if given.isdigit() and int(given) else os.cpu_count() or 1}
