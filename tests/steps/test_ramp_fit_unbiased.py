"""ramp_fit with `unbiased`: slopes that no choice of weights favours, and errors that are true."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP
from jwgpu.numerics.segments import variance_forms, weight_table, whole_ramp

GAIN, NOISE, TIME = 2.0, 12.0, 10.0


def fit(ramp, dark=None, **parameters):
    plane = np.ones(ramp.shape[-2:])
    ramp = ramp.replace(average_dark_current=None if dark is None else np.full(plane.shape, np.float32(dark)))
    gain, noise = make_reference("gain", data=GAIN * plane), make_reference("readnoise", data=NOISE * plane)
    return steps.ramp_fit(ramp, gain, noise, **parameters)


def noisy(rate, n_groups, n, *, jumps=False, n_frames=1):
    """Return ramps of `rate` DN / s with photon and read noise; with `jumps`, one in each, flagged."""
    random = np.random.default_rng((n_groups, int(1000 * rate), n_frames))
    electrons = random.poisson(rate * GAIN * TIME / n_frames, (n_groups * n_frames, n)).cumsum(axis=0)
    frames = electrons / GAIN + random.normal(0, NOISE / np.sqrt(2), electrons.shape)
    data, groupdq = frames.reshape(n_groups, n_frames, n).mean(axis=1), np.zeros((n_groups, n), np.uint8)
    if jumps:
        at = random.integers(1, n_groups, n)
        data += (np.arange(n_groups)[:, None] >= at) * 3000.0
        groupdq[at, np.arange(n)] = GROUP.JUMP_DET
    times = {"group_time": TIME, "frame_time": TIME / n_frames, "nframes": n_frames}
    return make_ramp(data[:, None], groupdq=groupdq[None, :, None], **times)


def width(image, rate):
    """Return the standard deviation of the pulls, and that of errors that are as wide on average."""
    pull = (image.data.astype(float) - rate) / image.err
    return pull.std(), (image.data.astype(float) - rate).std() / np.sqrt((image.err.astype(float) ** 2).mean())


@pytest.mark.parametrize("jumps", [False, True])
@pytest.mark.parametrize(("n_groups", "rate"), [(3, 0.1), (5, 1.0), (10, 10.0), (20, 3.0), (20, 1000.0)])
def test_errors_are_true(n_groups, rate, jumps):
    found, _ = fit(noisy(rate, n_groups, 20_000, jumps=jumps), unbiased=True)
    np.testing.assert_allclose(width(found, rate), 1.0, atol=0.03)
    np.testing.assert_allclose(found.err**2, found.var_poisson + found.var_rnoise, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("jumps", [False, True])
@pytest.mark.parametrize("n_frames", [1, 4])
@pytest.mark.parametrize("n_groups", [3, 4, 5, 7, 10, 20, 50])
def test_errors_are_true_everywhere(n_groups, n_frames, jumps):
    for rate in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0):
        n = 1_000_000 // (n_groups * n_frames)
        found, _ = fit(noisy(rate, n_groups, n, jumps=jumps, n_frames=n_frames), unbiased=True)
        np.testing.assert_allclose(width(found, rate), 1.0, atol=0.03, err_msg=f"{rate} DN/s")


def weighted(ramp, row):
    """Return slopes with given weights, which have no bias, float64."""
    line = whole_ramp(weight_table(ramp.n_groups))[row]
    return 2 * np.tensordot(line[:-1], ramp.data[0, :, 0].astype(float), 1) / line[-1] / TIME


@pytest.mark.parametrize(("n_groups", "rate", "official"), [(5, 1.0, 0.35), (10, 0.3, 0.16), (5, 3.0, 0.15)])
def test_choice_of_weights_favours_none(n_groups, rate, official):
    """Beside slopes of fixed weights, which share the noise: the bias in per cent, to 0.02."""
    ramp = noisy(rate, n_groups, 100_000)
    bias = [100 * (fit(ramp, unbiased=u).rate.data[0] - weighted(ramp, 1)).mean() / rate for u in (False, True)]
    assert abs(bias[0] - official) < 0.03
    assert abs(bias[1]) < 0.08


@pytest.mark.parametrize("n_frames", [1, 4])
def test_forms_are_those_of_the_covariance(n_frames):
    weights = weight_table(9)
    forms = variance_forms(weights, TIME, 2.0, n_frames)
    reads = (np.arange(n_frames) * 2.0 + np.arange(9)[:, None] * TIME).ravel()
    photons = np.minimum(*np.meshgrid(reads, reads)).reshape(9, n_frames, 9, n_frames).mean(axis=(1, 3))
    for row in range(len(weights)):
        for length in range(2, 10):
            u = 2 * np.arange(length) - (length - 1)
            a = weights[row, abs(u)] * u
            a = 2 * a / (a * u).sum() / TIME
            np.testing.assert_allclose(forms[row, length, 0], a @ a)
            np.testing.assert_allclose(forms[row, length, 1], a @ photons[:length, :length] @ a)


def test_where_weights_do_not_matter_slopes_stay():
    for n_groups in (1, 2, 3):
        ramp = noisy(5.0, n_groups, 200)
        np.testing.assert_allclose(fit(ramp, unbiased=True).rate.data, fit(ramp).rate.data, rtol=1e-6)


def test_integrations_are_not_coupled():
    """The variances of an integration go by its own slope."""
    one, other = noisy(1.0, 8, 300), noisy(100.0, 8, 300)
    both = one.replace(**{n: np.concatenate([getattr(one, n), getattr(other, n)]) for n in ("data", "groupdq")})
    for name in ("data", "err", "var_poisson", "var_rnoise"):
        found = getattr(fit(both, unbiased=True).rateints, name)
        np.testing.assert_array_equal(found[0], getattr(fit(one, unbiased=True).rateints, name)[0])
        np.testing.assert_array_equal(found[1], getattr(fit(other, unbiased=True).rateints, name)[0])


def test_dark_current_is_in_electrons():
    ramp = noisy(0.0, 2, 50)
    more = fit(ramp, dark=3.0, unbiased=True).rate.var_poisson - fit(ramp, unbiased=True).rate.var_poisson
    np.testing.assert_allclose(more, 3.0 / GAIN**2 / TIME, rtol=1e-5)
