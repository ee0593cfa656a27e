"""The usual weight: a mean that neither missing nor strange weights move."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.stats import sigma_clip

from jwgpu.numerics.weights import usual_weight


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001, 50_000])
def test_as_astropy_clips(device, n):
    for seed in range(6):
        rng = np.random.default_rng((n, seed))
        weight = abs(rng.normal(1000, (1, 100, 800)[seed % 3], n)).astype(np.float32)
        weight[rng.random(n) < 0.05] *= np.float32(0.1 if seed % 2 else 5)
        kept = sigma_clip(weight, sigma=3, maxiters=5, masked=False).mean(dtype=np.float64)
        assert usual_weight(device.array(weight[None])) == pytest.approx(kept, rel=1e-6)


def test_what_is_no_weight_does_not_count():
    weight = np.float32([[2, 2, np.nan, 0, np.inf, 2, 0]])
    assert usual_weight(weight) == 2
    assert np.isnan(usual_weight(weight[:, 2:5]))
    assert np.isnan(usual_weight(weight[:, :0]))
