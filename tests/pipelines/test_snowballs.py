"""Snowballs of the simulated truth: their cores are flagged, and their halos leave the rates alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from jwgpu import pipelines, simulate
from jwgpu.data import GROUP

RINGS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""Edges of rings, in radii of the saturated core."""


@pytest.fixture(scope="module")
def simulation():
    """Eight groups on which a few snowballs fall, and nothing else that comes at once."""
    return simulate.exposure(
        size=(256, 256), n_groups=8, snowballs=6.0, cosmic_rays=0.0, n_stars=0, n_galaxies=0, seed=2
    )  # fmt: skip


def _run(simulation, **parameters):
    """Return the flagged ramp, and the mean excess of rates in each ring in units of the scatter far from snowballs."""
    pipeline = pipelines.detector1(simulation.ramp).set("jump", **parameters)
    run = pipeline.run(simulation.ramp, simulation.references, keep=["jump"])
    truth, rate = simulation.truth, run.rate
    y, x = np.indices(rate.shape)
    distance = np.min([np.hypot(y - ball["y"], x - ball["x"]) / ball["radius"] for ball in truth.snowballs], axis=0)
    good = ((rate.dq & 1) == 0) & (truth.bad_pixels == 0) & np.isfinite(rate.data)
    far = rate.data[good & (distance > 8)] - truth.rate[good & (distance > 8)]
    middle, scatter = np.median(far), 1.4826 * np.median(abs(far - np.median(far)))
    rings = [good & (distance >= low) & (distance < high) for low, high in itertools.pairwise(RINGS)]
    return run["jump"], np.array([np.mean((rate.data - truth.rate)[ring]) - middle for ring in rings]) / scatter


def test_the_halo_shows_where_it_is_not_flagged(simulation):
    assert len(simulation.truth.snowballs) >= 3
    _, excess = _run(simulation, expand_large_events=False)
    assert excess.max() > 1


@pytest.mark.parametrize("method", ["ellipses", "morphology"])
def test_flagged_it_is_far_below_the_scatter_of_the_background(simulation, method):
    flagged, excess = _run(simulation, expand_large_events=True, snowball_method=method)
    assert abs(excess).max() < 0.5
    y, x = np.indices(flagged.shape[2:])
    for ball in simulation.truth.snowballs:
        core = np.hypot(y - ball["y"], x - ball["x"]) < 0.8 * ball["radius"]
        flags = flagged.groupdq[ball["integration"], ball["group"] :, core]
        assert (flags[:, 0] & (GROUP.SATURATED | GROUP.JUMP_DET | GROUP.DO_NOT_USE) != 0).all()
        assert (flags[:, 1:] & (GROUP.SATURATED | GROUP.DO_NOT_USE) != 0).all()
