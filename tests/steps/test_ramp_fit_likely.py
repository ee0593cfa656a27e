"""ramp_fit with LIKELY: exact lines, errors as the covariance says, jumps found, no bias at any flux."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP, PIXEL
from jwgpu.errors import InputError
from jwgpu.numerics.likelihood import Times, even_reads, fit_likelihood

GAIN, NOISE, TIME = 2.0, 12.0, 10.0
LINE = 100 + 50.0 * np.arange(1, 11)


def fit(data, *, nframes=1, groupgap=0, gain=GAIN, noise=NOISE, **more):
    """Fit one ramp, or as `make_ramp` takes them."""
    parameters = {name: more.pop(name) for name in list(more) if name in steps.ramp_fit.parameters}
    times = {"frame_time": TIME / (nframes + groupgap), "nframes": nframes, "groupgap": groupgap}
    ramp = make_ramp(data, **{**times, **more})
    plane = np.ones(ramp.shape[-2:])
    gain, noise = make_reference("gain", data=gain * plane), make_reference("readnoise", data=noise * plane)
    return steps.ramp_fit(ramp, gain, noise, algorithm="LIKELY", **parameters)


def covariance(n_groups, nframes, groupgap, rate):
    """Return the covariance of the differences as rates, from that of all frames."""
    each = nframes + groupgap
    times = np.arange(1, n_groups * each + 1) * TIME / each
    frames = np.minimum(times[:, None], times) * rate / GAIN + np.eye(len(times)) * NOISE**2 / 2
    average = np.zeros((n_groups, len(times)))
    for group in range(n_groups):
        average[group, group * each : group * each + nframes] = 1 / nframes
    difference = np.diff(average, axis=0) / TIME
    return difference @ frames @ difference.T


@pytest.mark.parametrize(("nframes", "groupgap"), [(1, 0), (4, 1), (8, 0)])
@pytest.mark.parametrize("n_groups", [4, 10, 16, 17, 70])
def test_error_is_that_of_generalised_least_squares(n_groups, nframes, groupgap):
    rate, rateints = fit(100 + 50.0 * np.arange(n_groups), nframes=nframes, groupgap=groupgap)
    variance = 1 / np.linalg.inv(covariance(n_groups, nframes, groupgap, 5.0)).sum()
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.err, np.sqrt(variance), rtol=2e-6)
    np.testing.assert_allclose(rate.var_poisson + rate.var_rnoise, variance, rtol=5e-6)
    assert not rate.dq.any()
    for name, array in rate.arrays().items():
        np.testing.assert_array_equal(getattr(rateints, name)[0], array)


def test_slope_and_chi_square_of_a_noisy_ramp():
    random = np.random.default_rng(1)
    data = np.cumsum(random.normal(50, 8, (1, 6, 2, 3)), axis=1).astype(np.float32)
    one = np.ones((2, 3), np.float32)
    times = Times.of(even_reads(6, 2, 0, TIME / 2), False)
    zero = np.zeros(data.shape, np.uint8), np.zeros((2, 3), np.uint32)
    found = fit_likelihood(data, *zero, GAIN * one, NOISE * one, None, None, times)
    for y, x in np.ndindex(2, 3):
        rates = np.diff(data[0, :, y, x].astype(np.float64)) / TIME
        first = np.linalg.inv(covariance(6, 2, 0, np.median(rates)))
        inverse = np.linalg.inv(covariance(6, 2, 0, (first @ rates).sum() / first.sum()))
        slope = (inverse @ rates).sum() / inverse.sum()
        rest = rates - slope
        np.testing.assert_allclose(found.exposure.slope[y, x], slope, rtol=1e-6)
        np.testing.assert_allclose(found.chisq[y, x], rest @ inverse @ rest, rtol=1e-5)


@pytest.mark.parametrize("nframes", [1, 4])
@pytest.mark.parametrize("jumps", [(1,), (5,), (9,), (2, 6), (4, 5)])
def test_jumps_are_found_and_left_out(jumps, nframes):
    data = LINE + sum(3000.0 * (np.arange(10) >= jump) for jump in jumps)
    rate, rateints = fit(data, nframes=nframes)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-5)
    assert (rate.dq == PIXEL.JUMP_DET).all()
    assert (rateints.dq == PIXEL.JUMP_DET).all()
    assert (rate.err > fit(LINE, nframes=nframes)[0].err).all()


def test_a_jump_within_a_group_costs_both_differences():
    """Half of a group's frames come after the jump: two neighbouring differences share it."""
    rate, _ = fit(LINE + np.where(np.arange(10) == 4, 1500.0, 3000.0 * (np.arange(10) > 4)), nframes=4)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-5)
    assert (rate.dq == PIXEL.JUMP_DET).all()


def test_flagged_groups_spoil_the_differences_on_both_sides():
    groups = np.zeros((1, 10, 3, 3), np.uint8)
    groups[:, 3] = GROUP.DO_NOT_USE
    groups[:, 7:] = GROUP.SATURATED
    data = LINE.copy()
    data[3], data[7:] = -9e4, 6e4
    rate, _ = fit(data, groupdq=groups, noise=9.0)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-5)
    assert (rate.dq == PIXEL.SATURATED).all()
    groups[:, ::2] = GROUP.SATURATED
    rate, _ = fit(LINE, groupdq=groups)
    assert np.isnan(rate.data).all()
    assert np.isnan(rate.err).all()


def test_nothing_usable_and_missing_counts():
    groups = np.zeros((2, 10, 3, 3), np.uint8)
    groups[0, :, 0] = GROUP.DO_NOT_USE
    groups[:, :, 1] = GROUP.SATURATED
    data = np.broadcast_to(LINE[:, None, None], groups.shape).copy()
    data[1, 4, 2] = np.nan
    rate, rateints = fit(data, groupdq=groups)
    np.testing.assert_array_equal(rate.dq[:, 0], [0, PIXEL.DO_NOT_USE | PIXEL.SATURATED, 0])
    np.testing.assert_array_equal(rateints.dq[0, :, 0], [PIXEL.DO_NOT_USE, rate.dq[1, 0], 0])
    np.testing.assert_array_equal(np.isnan(rate.data[:, 0]), [False, True, False])
    np.testing.assert_array_equal(np.isnan(rateints.data[1, :, 0]), [False, True, True])
    np.testing.assert_allclose(rate.data[[0, 2]], 5.0, rtol=1e-6)


def test_zero_frame_is_a_group_of_its_own():
    """A jump in the second frame: seen by the zero frame, otherwise lost in the first group."""
    frames = 5.0 * TIME / 2 * np.arange(1, 21)
    data = frames.reshape(10, 2).mean(axis=1)
    zero = np.full((1, 3, 3), frames[0])
    more, _ = fit(data, nframes=2, zeroframe=zero)
    less, _ = fit(data, nframes=2)
    np.testing.assert_allclose(more.data, 5.0, rtol=1e-5)
    assert (more.err < less.err).all()
    alone, _ = fit(data, zeroframe=zero)  # groups of one frame begin with it
    np.testing.assert_array_equal(alone.data, fit(data)[0].data)


def test_uneven_groups():
    reads = [[1.0], [2.0, 3.0], [6.0], [10.0, 11.0, 12.0], [20.0]]
    data = 5.0 * np.array([np.mean(r) for r in reads])
    rate, _ = fit(data, read_times=reads)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    with pytest.raises(InputError, match="5 groups"):
        fit(LINE, read_times=reads)


@pytest.mark.parametrize("missing", ["frame_time", "nframes", "groupgap"])
def test_times_must_be_known(missing):
    ramp = make_ramp(LINE, frame_time=TIME)
    ramp = ramp.replace(meta=ramp.meta.set({f"exposure.{missing}": None}))
    gain, readnoise = (make_reference(kind, data=np.ones((3, 3))) for kind in ("gain", "readnoise"))
    with pytest.raises(InputError, match=missing):
        steps.ramp_fit(ramp, gain, readnoise, algorithm="LIKELY")


def test_average_of_integrations_weights_by_variance():
    """The second integration has half the groups; photon noise is that of the average rate."""
    groups = np.zeros((2, 10, 3, 3), np.uint8)
    groups[1, 5:] = GROUP.SATURATED
    data = np.stack([LINE, LINE * 1.1])[:, :, None, None] * np.ones((3, 3))
    rate, rateints = fit(data, groupdq=groups)
    first, second = rateints.data[:, 0, 0]
    assert abs(rate.data[0, 0] - first) < abs(rate.data[0, 0] - second)
    assert (rate.err < rateints.err.min(axis=0)).all()
    np.testing.assert_allclose(rate.err**2, rate.var_poisson + rate.var_rnoise, rtol=1e-5)


def test_slopes_are_unbiased_and_errors_true(capsys):
    """Poisson and read noise alone: no bias at any flux, and errors as wide as the scatter."""
    lines = ["e-/s    mean pull   width   flagged"]
    for flux in (0, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000):
        pull, flagged = pulls(flux, 100_000)
        lines.append(f"{flux:<7} {pull.mean():+.4f}     {pull.std():.4f}  {flagged:.5f}")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    for line in lines[1:]:
        _, mean, width, _ = map(float, line.split())
        assert abs(mean) < 0.02, line
        assert 0.97 < width < 1.03, line


def pulls(flux, n, n_groups=10):
    """Return (slope - truth) / rms(err) of n simulated pixels at `flux` electron / s, and how many have a jump."""
    random = np.random.default_rng(int(1000 * flux) + 1)
    electrons = random.poisson(flux * TIME, (n_groups, 1, n)).cumsum(axis=0)
    data = electrons / GAIN + random.normal(0, NOISE / np.sqrt(2), electrons.shape)
    rate, _ = fit(data)
    assert np.isfinite(rate.data).all()
    pull = (rate.data - flux / GAIN) / np.sqrt(np.mean(rate.err.astype(np.float64) ** 2))
    return pull, np.mean(rate.dq != 0)
