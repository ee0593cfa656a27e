"""What resets do to the reads of MIRI, and that the references of the simulation take it out."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import pipelines, simulate, steps
from jwgpu.data import GROUP
from jwgpu.simulate import transients

OFF = dict(reset_anomaly=0.0, rscd=0.0, first_frame=0.0, last_frame=0.0)
NOISELESS = dict(poisson=False, read_noise=False, quantize=False, drift=0.0, cosmic_rays=0.0, bad_pixels=False)


def pair(**effects):
    """Return the simulation with some effects, and what they add to the simulation without."""
    with_effects = simulate.tiny("miri", n_integrations=3, n_groups=17, **(NOISELESS | OFF | effects))
    without = simulate.tiny("miri", n_integrations=3, n_groups=17, **NOISELESS, **OFF)
    return with_effects, with_effects.ramp.data - without.ramp.data


def test_the_reset_reference_is_the_anomaly():
    made, added = pair(reset_anomaly=60.0)
    active = made.truth.rate > 0
    assert abs(np.median(added[0, 0][active]) + 60) < 2
    assert not added[:, :, ~active].any()
    np.testing.assert_allclose(added[:, 15:], 0, atol=0.01)
    left = steps.reset(made.ramp, made.references.get("reset")).data - (made.ramp.data - added)
    scatter = left[:, :15, active].std()
    assert scatter < 1.1 * transients.REFERENCE_NOISE
    assert abs(left[:, :15, active].mean()) < 0.01


def test_first_and_last_reads_are_off():
    _, added = pair(first_frame=40.0, last_frame=25.0)
    inner = added[..., 4:-4]
    np.testing.assert_allclose(inner[:, 0], -40, atol=0.01)
    np.testing.assert_allclose(inner[:, -1, ::2], -25, atol=0.01)
    np.testing.assert_allclose(inner[:, -1, 1::2], 0, atol=0.01)
    np.testing.assert_allclose(inner[:, 1:-1], 0, atol=0.01)


def test_rscd_follows_the_integration_before_and_is_flagged():
    made, added = pair(rscd=0.01)
    inner = added[..., 4:-4]
    assert not inner[0].any()
    last = (made.ramp.data[0, -1] - made.ramp.data[0, 0])[..., 4:-4]
    bright = last > np.percentile(last, 90)
    assert np.median((inner[1, 0] / last)[bright]) > 0.003
    np.testing.assert_allclose(inner[1, 1] / inner[1, 0], np.exp(-1), atol=0.02)
    flagged = steps.rscd(made.ramp, made.references.get("rscd")).groupdq & GROUP.DO_NOT_USE
    assert flagged[1, :4].all() and not flagged[1, 4:].any()
    assert np.abs(inner[1, 4:]).max() < 0.02 * np.abs(inner[1, 0]).max()


def test_the_reference_output_sees_no_light():
    ramp = simulate.tiny("miri", sky=5000.0).ramp
    assert ramp.refout.shape == (*ramp.shape[:3], ramp.shape[3] // 4)
    assert abs(np.median(ramp.refout[:, -1] - ramp.refout[:, 0])) < 15
    assert simulate.tiny("nircam").ramp.refout is None


@pytest.mark.parametrize(("readpatt", "n_frames"), [("FASTGRPAVG", 4), ("FASTGRPAVG8", 8), ("FASTGRPAVG64", 64)])
def test_frames_are_averaged_on_board(readpatt, n_frames):
    """Groups take as many frames longer, with the noise of a mean; what resets leave is averaged too."""
    single, averaged = (simulate.tiny("miri", readpatt=p, n_groups=2, sky=20.0) for p in ("FASTR1", readpatt))
    times = averaged.ramp.meta.exposure
    assert (times.nframes, times.frame_divisor, times.groupgap) == (n_frames, n_frames, 0)
    assert times.group_time == pytest.approx(n_frames * single.ramp.meta.exposure.group_time)
    one, mean = (made.references.get("reset").data[0] for made in (single, averaged))
    assert len(mean) == -(-15 // n_frames)
    padded = np.zeros((len(mean) * n_frames, *one.shape[1:]))
    padded[:15] = one
    expected = padded.reshape(len(mean), n_frames, *one.shape[1:]).mean(axis=1)
    assert np.abs(mean - expected).std() < 1.5 * transients.REFERENCE_NOISE


def test_slow_reads_take_longer():
    fast, slow = (simulate.tiny("miri", readpatt=p, n_groups=2).ramp.meta.exposure for p in ("FASTR1", "SLOWR1"))
    assert round(slow.frame_time / fast.frame_time, 2) == 8.61
    assert (fast.nsamples, slow.nsamples) == (1, 9)


@pytest.mark.parametrize(
    ("readpatt", "n_groups", "sky"), [("FASTR1", 20, 87.0), ("SLOWR1", 10, 20.0), ("FASTGRPAVG", 12, 20.0)]
)
def test_the_pipeline_recovers_the_flux(readpatt, n_groups, sky):
    """With all effects of the resets and without photon and read noise: within 0.1 per cent, in each integration."""
    made = simulate.tiny("miri", readpatt=readpatt, n_groups=n_groups, n_integrations=3, sky=sky, **NOISELESS)
    run = pipelines.choose(made.ramp).run(made.ramp, made.references, progress=False)
    rate = made.truth.rate
    good = (run.rate.dq == 0) & (rate > 0) & (made.truth.saturated.min(axis=0) == n_groups)
    assert good.sum() > 3500
    for image in (run.rate.data, *run.rateints.data):
        ratio = image[good] / rate[good]
        assert abs(np.mean(ratio) - 1) < 1e-3
        assert np.percentile(np.abs(ratio - 1), 90) < 2.5e-3  # the noise of the references


def test_without_their_steps_the_resets_falsify_the_flux():
    made = simulate.tiny("miri", n_groups=12, n_integrations=3, **NOISELESS)
    pipeline = pipelines.choose(made.ramp).without("reset", "rscd", "lastframe")
    run = pipeline.run(made.ramp, made.references, progress=False)
    good = (run.rate.dq == 0) & (made.truth.rate > 0)
    assert np.mean(run.rate.data[good] / made.truth.rate[good]) > 1.01
