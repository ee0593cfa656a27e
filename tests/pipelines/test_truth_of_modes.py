"""The rates of every near-infrared readout lie about the truth of simulated exposures."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import pipelines, simulate


@pytest.mark.parametrize(
    "mode", ["niriss", "nirspec", "nirspec_nrs2", "nirspec_irs2", "nirspec_irs2rapid", "fgs_image"]
)
def test_the_truth_comes_back(mode):
    """Within 0.15 errors in the median of four exposures, with about the scatter that the errors say."""
    pulls = []
    for seed in range(1, 5):
        made = simulate.tiny(mode, seed=seed, size=(128, 128), n_stars=0, n_galaxies=0, sky=5.0, snowballs=0.0)
        rate = pipelines.choose(made.ramp).run(made.ramp, made.references, progress=False).rate
        good = (rate.dq == 0) & (made.truth.bad_pixels == 0)
        assert good.mean() > 0.7
        pulls.append(((rate.data - made.truth.rate)[good] / rate.err[good]).astype(np.float64))
    pull = np.concatenate(pulls)
    assert abs(np.median(pull)) < 0.15
    assert 0.9 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.2
