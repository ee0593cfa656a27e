"""Simulated ramps have the statistics they claim."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jwgpu import simulate
from jwgpu.simulate import electronics, readout, sensor

QUIET = dict(poisson=False, read_noise=False, quantize=False)


@pytest.mark.parametrize("mean", [0.0, 0.3, 3.0, 35.0, 41.0, 90.0, 4000.0])
def test_arrivals_have_the_moments_of_a_poisson_variable(mean):
    n = 400_000
    rng = np.random.Generator(np.random.SFC64(7))
    counts = readout.Arrivals(np.full((1, n), mean, np.float32), True).draw(rng).astype(float).ravel()
    error = np.sqrt(max(mean, 1e-9) / n)
    assert abs(counts.mean() - mean) <= 5 * error
    assert abs(counts.var() - mean) <= 5 * mean * np.sqrt(2 / n + 1 / (max(mean, 1e-9) * n))
    if mean:
        skewness = np.mean((counts - mean) ** 3) / mean**1.5
        assert abs(skewness - mean**-0.5) <= 6 * np.sqrt(6 / n) * (1 + 3 / mean)


@pytest.mark.parametrize("readpatt", ["RAPID", "BRIGHT2", "SHALLOW4", "MEDIUM2"])
@pytest.mark.parametrize("sky", [0.05, 1.0, 30.0])
def test_difference_of_averaged_groups(readpatt, sky):
    """Mean and variance of A(g+1) - A(g), with the correlation that averaging frames brings."""
    made = simulate.exposure(
        size=(256, 256), n_groups=3, readpatt=readpatt, sky=sky, n_stars=0, n_galaxies=0, effects=simulate.IDEAL
    )
    exposure = made.ramp.meta.exposure
    frames, gap = exposure.nframes, exposure.groupgap
    active = made.truth.rate > 0
    gain = made.truth.gain[active].astype(float)
    noise = made.references.get("readnoise").data[active] / np.sqrt(2)
    expected = sky * exposure.frame_time * (frames + gap) / gain
    k = np.arange(1, frames)
    weights = gap + 1 + np.sum((k / frames) ** 2 + ((frames - k) / frames) ** 2)
    variance = sky * exposure.frame_time * weights / gain**2 + 2 * noise**2 / frames + 2 / 12
    for group in (1, 2):
        difference = (made.ramp.data[0, group] - made.ramp.data[0, group - 1])[active]
        pull = (difference - expected) / np.sqrt(variance)
        assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
        assert abs(pull.var() - 1) < 6 * np.sqrt(2 / pull.size)


def test_successive_differences_are_correlated_as_they_must_be():
    """Rapid frames share one read each: correlation of read noise is -1/2 and photons add none."""
    made = simulate.exposure(
        size=(256, 256), n_groups=3, readpatt="RAPID", sky=0.0, n_stars=0, n_galaxies=0, effects=simulate.IDEAL
    )
    first, second = np.diff(made.ramp.data[0], axis=0)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(-0.5, abs=0.02)


def test_mean_slope_is_the_truth():
    made = simulate.tiny("ideal", sky=10.0, size=(256, 256))
    meta = made.ramp.meta.exposure
    slope = (made.ramp.data[0, -1] - made.ramp.data[0, 0]) / ((made.ramp.n_groups - 1) * meta.group_time)
    active = made.truth.rate > 0
    assert np.mean(slope[active] / made.truth.rate[active]) == pytest.approx(1, abs=2e-3)
    assert np.all(made.truth.rate_electron[active] == 10)


def test_noiseless_ramp_is_the_response_to_the_charge():
    """Without noise every group is bias + inverse linearity of rate x time, clipped at the well."""
    quiet = dict(reset_noise=0, drift=0, one_over_f=0, cosmic_rays=0, snowballs=0, **QUIET)
    made = simulate.tiny("nircam_rapid", bad_pixels=False, **quiet)
    truth, refs, meta = made.truth, made.references, made.ramp.meta.exposure
    charge = (truth.rate_electron + truth.dark) / truth.gain
    bias, level = refs.get("superbias").data, refs.get("saturation").data
    coeffs = refs.get("linearity").coeffs.astype(float)
    for group in range(made.ramp.n_groups):
        measured = (made.ramp.data[0, group] - bias).astype(float)
        linear = sum(c * measured**p for p, c in enumerate(coeffs))
        free = (made.ramp.data[0, group] < level) & (truth.rate > 0)
        expected = charge * (group + 1) * meta.frame_time
        assert free.sum() > 3000
        np.testing.assert_allclose(linear[free], expected[free], rtol=2e-5, atol=0.05)


def test_miri_polynomial_acts_on_raw_values():
    effects = simulate.IDEAL.replace(bias=True, nonlinear=True, saturate=True, dark=True, **QUIET)
    made = simulate.tiny("miri", effects=effects, cosmic_rays=0)
    truth, meta = made.truth, made.ramp.meta.exposure
    coeffs = made.references.get("linearity").coeffs.astype(float)
    first, second = (sum(c * made.ramp.data[0, g].astype(float) ** p for p, c in enumerate(coeffs)) for g in (0, 1))
    free = (truth.saturated[0] > 2) & (truth.rate > 0)
    expected = (truth.rate_electron + truth.dark) / truth.gain * meta.frame_time
    np.testing.assert_allclose((second - first)[free], expected[free], rtol=1e-4, atol=0.05)


@pytest.mark.parametrize("curvature", [0.0, 0.7, 1.0, 1.3])
def test_linearity_polynomial_and_its_inverse(curvature):
    linear = np.linspace(-200, 60_000, 5000).astype(np.float32)
    back = sensor.linearized(sensor.measured(linear, np.float32(curvature)), np.float32(curvature))
    np.testing.assert_allclose(back, linear, atol=0.02)


def test_pink_noise_has_unit_variance_and_falls_as_one_over_f():
    noise = electronics.pink(np.random.default_rng(3), 300, 4096).astype(float)
    assert np.mean(noise**2) == pytest.approx(1, abs=0.05)
    power = np.mean(np.abs(np.fft.rfft(noise, axis=1)) ** 2, axis=0)
    slope = np.polyfit(np.log(np.arange(4, 1500)), np.log(power[4:1500]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.03)
    assert np.all(np.isfinite(electronics.pink(np.random.default_rng(3), 2, 3)))


def test_reference_pixels_see_no_light():
    made = simulate.tiny("nircam", sky=500.0, cosmic_rays=500.0)
    border = (made.references.get("mask").dq & np.uint32(1 << 31)) != 0
    assert border.sum() == 64 * 64 - 56 * 56
    assert not made.truth.rate[border].any()
    assert not border[made.truth.hits[:, 2], made.truth.hits[:, 3]].any()
    rise = made.ramp.data[0, -1] - made.ramp.data[0, 0]
    assert abs(np.median(rise[border])) < 60
    assert np.median(rise[~border]) > 10_000
    miri = (simulate.tiny("miri").references.get("mask").dq & np.uint32(1 << 31)) != 0
    assert miri[:, :4].all() and miri[:, -4:].all() and not miri[:, 4:-4].any()


def test_saturation_clips():
    made = simulate.tiny("nircam", sky=3000.0, one_over_f=0, drift=0, reset_noise=0, read_noise=False)
    level = made.references.get("saturation").data
    active = (made.truth.rate > 0) & np.isfinite(level)
    last = made.ramp.data[0, -1][active]
    expected = np.minimum(level * sensor.CEILING, 65535)[active]
    np.testing.assert_allclose(last, expected, atol=0.6)
    assert (made.truth.saturated[0][active] < made.ramp.n_groups).all()
    for group in range(made.ramp.n_groups):
        over = made.ramp.data[0, group] >= level
        assert np.array_equal(over[active], made.truth.saturated[0][active] <= group)


def test_zero_frame_is_the_first_frame():
    rapid = simulate.tiny("nircam_rapid")
    assert np.array_equal(rapid.ramp.zeroframe, rapid.ramp.data[:, 0])
    made = simulate.tiny("ideal", readpatt="SHALLOW4", sky=40.0, size=(128, 128), quantize=False)
    active = made.truth.rate > 0
    frame_time = made.ramp.meta.exposure.frame_time
    expected = made.truth.rate[active] * frame_time
    zero = made.ramp.zeroframe[0][active] - 11000
    assert np.mean(zero / expected) == pytest.approx(1, abs=0.01)
    rest = made.ramp.data[0, 0][active] - 11000 - made.ramp.zeroframe[0][active] / 4 + 11000 / 4
    noise = made.references.get("readnoise").data[active] / np.sqrt(2)
    photons = (zero - expected) / np.sqrt(noise**2 + expected / made.truth.gain[active])
    assert np.std(photons) == pytest.approx(1, abs=0.03)
    assert np.mean(rest) == pytest.approx(np.mean(expected) * (2 + 3 + 4) / 4, rel=0.01)


def test_hits_are_steps_and_snowballs_are_listed():
    """With rapid frames the whole charge of a hit arrives in the group that the truth names, and nowhere else."""
    quiet = dict(readpatt="RAPID", bad_pixels=False, n_stars=0, saturate=False, nonlinear=False, **QUIET)
    with_rays = simulate.tiny("nircam_snowball", **quiet)
    without = simulate.tiny("nircam_snowball", **quiet | dict(cosmic_rays=0.0, snowballs=0.0))
    step = np.diff(with_rays.ramp.data - without.ramp.data, axis=1, prepend=np.float32(0)) * with_rays.truth.gain
    truth = with_rays.truth
    expected = np.zeros(step.shape)
    expected[tuple(truth.hits.T)] = truth.hit_charge
    assert len(truth.snowballs) > 0 and (truth.hit_charge > 1e5).any()
    np.testing.assert_allclose(step, expected, rtol=1e-3, atol=50.5)
    ball = truth.snowballs[0]
    near = np.hypot(truth.hits[:, 2] - ball["y"], truth.hits[:, 3] - ball["x"]) < 2
    assert (near & (truth.hits[:, 0] == ball["integration"]) & (truth.hits[:, 1] == ball["group"])).any()


def test_rays_come_at_their_rate():
    made = simulate.exposure(size=(512, 512), n_groups=10, cosmic_rays=20.0, n_stars=0, n_galaxies=0)
    seconds = made.ramp.meta.exposure.integration_time
    events = 20.0 * seconds * 512**2 * 18e-4**2
    per_event = len(made.truth.hits) / events
    assert 1.5 < per_event < 6


def test_inter_pixel_capacitance_shares_charge():
    options = dict(size=(64, 64), n_groups=2, sky=0.0, n_stars=0, n_galaxies=0, seed=5)
    quiet = simulate.IDEAL.replace(**QUIET)
    point = np.zeros((64, 64), np.float32)
    point[30, 30] = 100.0
    made = simulate.exposure(**options | dict(sky=point), effects=quiet.replace(ipc=True))
    charge = (made.ramp.data[0, 1] - 11000) * made.truth.gain
    assert charge[30, 31] / charge[30, 30] == pytest.approx(0.0055 / 0.9772, rel=1e-3)
    assert charge.sum() == pytest.approx(100 * 4 * made.ramp.meta.exposure.frame_time * 7 / 8, rel=1e-3)


def test_same_seed_same_bits_whatever_the_threads(monkeypatch):
    options = dict(size=(320, 320), n_groups=3, snowballs=2.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    one = simulate.exposure(**options)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    again = simulate.exposure(**options)
    for name, array in one.ramp.arrays().items():
        assert np.array_equal(array, again.ramp.arrays()[name])
    assert np.array_equal(one.references.get("dark").data, again.references.get("dark").data)
    other = simulate.exposure(**options, seed=2)
    assert not np.array_equal(one.ramp.data, other.ramp.data)
    for kind in ("gain", "superbias", "dark"):
        assert np.array_equal(one.references.get(kind).data, other.references.get(kind).data, equal_nan=True)


def test_ideal_switches_everything_off_but_the_noise():
    made = simulate.tiny("ideal", sky=0.0, read_noise=False)
    assert np.all(made.ramp.data == 11000)
    on = {f.name for f in dataclasses.fields(simulate.Effects) if getattr(simulate.IDEAL, f.name)}
    assert on - {"cyclic_rows"} == {"poisson", "read_noise", "quantize"}  # the length of a cycle is no effect


def test_pixels_of_unequal_sensitivity_and_the_flat_that_knows_them():
    options = dict(size=(256, 256), n_groups=2, n_stars=0, n_galaxies=0, sky=5.0, effects=simulate.IDEAL)
    even, uneven = (simulate.exposure(**options, sensitivity=s) for s in (0.0, 0.05))
    flat = uneven.references.get("flat").data
    inner = flat[4:-4, 4:-4]
    assert inner.mean() == pytest.approx(1, abs=0.01)
    assert inner.std() == pytest.approx(0.05, rel=0.2)
    seen = uneven.truth.rate_electron[4:-4, 4:-4]
    np.testing.assert_allclose(seen / inner, even.truth.rate_electron[4:-4, 4:-4], rtol=1e-6)
    np.testing.assert_array_equal(uneven.references.get("readnoise").data, even.references.get("readnoise").data)
