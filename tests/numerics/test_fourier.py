"""Fourier transforms stay in single precision, on every array library."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.fourier import irfft, rfft


@pytest.mark.parametrize("threads", ["2", "all"])
def test_there_and_back(device, monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    series = np.random.default_rng(0).normal(size=(3, 90)).astype(np.float32)
    spectrum = rfft(device.array(series))
    assert spectrum.dtype == np.complex64
    np.testing.assert_allclose(device.host(spectrum), np.fft.rfft(series.astype(float)), atol=1e-5)
    back = irfft(spectrum, 90)
    assert back.dtype == np.float32
    np.testing.assert_allclose(device.host(back), series, atol=1e-6)
