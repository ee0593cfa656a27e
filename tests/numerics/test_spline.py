"""The spline through a wave."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from jwgpu.numerics.spline import evaluate_wave, wave_spline


@pytest.mark.parametrize("n", [2, 3, 8, 500])
def test_it_is_the_not_a_knot_spline(n):
    rng = np.random.default_rng(n)
    wave, phase = rng.normal(size=n), rng.random(4000)
    padded = np.r_[wave[-1], wave, wave[0]]
    expected = CubicSpline((np.arange(n + 2) - 0.5) / n, padded)(phase)
    np.testing.assert_allclose(evaluate_wave(wave_spline(wave), phase), expected, atol=1e-11)
    rough = evaluate_wave(wave_spline(wave).astype(np.float32), phase)
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, expected, atol=1e-5)
