"""ramp_fit with LIKELY against jwst 3.0.0: flags, slopes to 1e-5, variances to 1e-4.

A slope is also right to 1e-5 of its error, and a Poisson variance to 1e-5 of that of the read noise: both may be small
differences of large numbers. In ramps of two differences, or three in pairs, several ways to leave out a jump fit
equally well, and the official package decides by rounding; they are compared only in what does not depend on it. In
four differences whose median is not positive it divides by zero for a pair, and then finds no jump.
"""

from __future__ import annotations

import numpy as np
import pytest
from oracle.test_ramp_fit import NAMES, model
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SHAPE = (40, 100)


def official_fit(ramp, readnoise, gain):
    """Return what stcal makes of a ramp: two dicts of planes."""
    from stcal.ramp_fitting import ramp_fit
    from stdatamodels.jwst.datamodels import dqflags

    planes = readnoise.data.copy(), gain.data.copy()
    return ramp_fit.ramp_fit(model(ramp), False, *planes, "LIKELY", "optimal", "1", dqflags.pixel)[:2]


def exposure(n_groups, n_integrations, *, nframes=1, groupgap=0, rays=0.0, flagged=False, zeroframe=False, dark=False):
    """Return a ramp with Poisson and read noise and cosmic rays, gain and read noise, frame by frame."""
    random = np.random.default_rng((n_groups, n_integrations, nframes))
    each = nframes + groupgap
    rate = np.geomspace(0.02, 3000, SHAPE[1]) * np.ones(SHAPE)
    frames = random.poisson(rate * 2.0, (n_integrations, n_groups * each, *SHAPE)).astype(np.float64)
    frames += (random.random(frames.shape) < rays / (n_groups * each)) * random.uniform(100, 20000, frames.shape)
    frames = np.cumsum(frames, axis=1) / 1.8 + random.normal(0, 9, frames.shape)
    groups = frames.reshape(n_integrations, n_groups, each, *SHAPE)[:, :, :nframes].mean(axis=2)
    flags = np.zeros(groups.shape, np.uint8)
    if flagged:
        flags[groups > 8000] = GROUP.SATURATED
        flags[random.random(flags.shape) < 0.02] |= GROUP.JUMP_DET
        flags[random.random(flags.shape) < 0.01] |= GROUP.DO_NOT_USE
        flags[:, :, 3, :5] = GROUP.SATURATED
        groups[0, 1, 5, :5] = np.nan
    ramp = make_ramp(
        groups, groupdq=flags, nframes=nframes, groupgap=groupgap, group_time=2.0 * each, frame_time=2.0,
        zeroframe=frames[:, 0] if zeroframe else None,
    )  # fmt: skip
    ramp = ramp.replace(
        meta=ramp.meta.set({"instrument.name": "NIRCAM"}),
        average_dark_current=np.full(SHAPE, np.float32(0.1)) if dark else None,
    )
    gain, noise = random.uniform(1.6, 2.0, SHAPE), random.uniform(10, 15, SHAPE)
    return ramp, make_reference("gain", data=gain), make_reference("readnoise", data=noise)


def wrong(image, planes):
    """Return which pixels differ by more than the tolerance, in any plane."""
    bad = image.dq != planes["dq"]
    slack = {"data": 1e-5 * planes["err"], "var_poisson": 1e-5 * planes["var_rnoise"]}
    for name, theirs in NAMES.items():
        found, expected = getattr(image, name).astype(np.float64), planes[theirs].astype(np.float64)
        tolerance = (1e-5 if name == "data" else 1e-4) * np.abs(expected) + slack.get(name, 0)
        bad |= ~((np.abs(found - expected) <= tolerance) | (np.isnan(found) & np.isnan(expected)))
    return bad


CLEAN = [
    (5, 1, {}), (10, 2, {}), (10, 3, {"nframes": 4, "groupgap": 1}), (40, 1, {"rays": 2}),
    (10, 1, {"rays": 0.3, "dark": True}), (8, 2, {"nframes": 2, "zeroframe": True}), (8, 2, {"zeroframe": True}),
]  # fmt: skip


@pytest.mark.parametrize(("n_groups", "n_integrations", "more"), CLEAN)
def test_same_numbers(n_groups, n_integrations, more):
    ramp, gain, readnoise = exposure(n_groups, n_integrations, **more)
    ours = steps.ramp_fit(ramp, gain, readnoise, algorithm="LIKELY")
    for image, planes in zip(ours, official_fit(ramp, readnoise, gain)):
        assert not wrong(image, planes).any()
    assert (ours.rate.dq.any() and bool(more.get("rays"))) or not more.get("rays")


@pytest.mark.parametrize(("nframes", "zeroframe"), [(1, False), (4, True)])
@pytest.mark.parametrize("n_groups", [4, 6, 12])
def test_flags_and_few_groups(n_groups, nframes, zeroframe):
    ramp, gain, readnoise = exposure(n_groups, 2, nframes=nframes, zeroframe=zeroframe, rays=0.2, flagged=True)
    ours = steps.ramp_fit(ramp, gain, readnoise, algorithm="LIKELY")
    decided = differences(ramp) > 3
    assert decided.mean() > 0.5 or n_groups == 4
    for image, planes, sure in zip(ours, official_fit(ramp, readnoise, gain), (decided.all(axis=0), decided)):
        assert wrong(image, planes)[sure].sum() <= 1e-3 * sure.sum()
        assert ((image.dq ^ planes["dq"]) & ~GROUP.JUMP_DET == 0).all()
        assert (image.dq == planes["dq"]).mean() > 0.995
        assert np.isnan(image.data).any()


def differences(ramp):
    """Return how many differences of neighbouring groups without a flag there are, (integration, y, x)."""
    flags = ramp.groupdq
    if ramp.zeroframe is not None:
        flags = np.concatenate([flags[:, :1], flags], axis=1)
    return ((flags[:, 1:] | flags[:, :-1]) == 0).sum(axis=1)


def test_differs_where_a_pair_of_four_differences_divides_by_zero():
    """Read noise alone, since the median is not positive: every choice of a pair is 0 / 0 there, and the jump stays."""
    ramp = make_ramp([10.0, 9.0, 1009.0, 1006.0, 1004.0], group_time=2.0, frame_time=2.0)
    ramp = ramp.replace(meta=ramp.meta.set({"instrument.name": "NIRCAM"}))
    gain, readnoise = (make_reference(kind, data=np.full((3, 3), 2.0)) for kind in ("gain", "readnoise"))
    official, _ = official_fit(ramp, readnoise, gain)
    rate, _ = steps.ramp_fit(ramp, gain, readnoise, algorithm="LIKELY")
    assert (official["dq"] == 0).all()
    assert (official["slope"] > 50).all()
    assert (rate.dq == GROUP.JUMP_DET).all()
    assert (np.abs(rate.data) < 2).all()


def test_fewer_than_four_groups_are_least_squares():
    ramp, gain, readnoise = exposure(3, 2)
    least, likely = (steps.ramp_fit(ramp, gain, readnoise, algorithm=name) for name in ("OLS_C", "LIKELY"))
    for one, other, planes in zip(least, likely, official_fit(ramp, readnoise, gain)):
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, getattr(other, name))
        np.testing.assert_allclose(other.data, planes["slope"], rtol=1e-5, atol=1e-5)
