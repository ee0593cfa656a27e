"""ramp_fit: exact slopes of exact lines, honest errors of noisy ones, and flags that say what happened."""

from __future__ import annotations

import edges
import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import kernels, steps
from jwgpu.data import GROUP, PIXEL
from jwgpu.errors import InputError

GAIN, NOISE = 2.0, 12.0
TIMES = {"group_time": 10.0, "frame_time": 10.0}
DNU, SATURATED, JUMP = int(GROUP.DO_NOT_USE), int(GROUP.SATURATED), int(GROUP.JUMP_DET)
LINE = 100 + 50.0 * np.arange(1, 9)


def fit(data, *, gain=GAIN, noise=NOISE, factor=None, average_dark_current=None, instrument="NIRCAM", **more):
    """Fit one ramp, or as `make_ramp` takes them; parameters of the step are told from those of the ramp by name."""
    parameters = {name: more.pop(name) for name in list(more) if name in steps.ramp_fit.parameters}
    ramp = make_ramp(data, **{**TIMES, **more})
    ramp = ramp.replace(meta=ramp.meta.set({"instrument.name": instrument}), average_dark_current=average_dark_current)
    plane = np.ones(ramp.shape[-2:])
    return steps.ramp_fit(
        ramp,
        make_reference("gain", data=gain * plane, meta={"exposure.gain_factor": factor}),
        make_reference("readnoise", data=noise * plane),
        **parameters,
    )


def flags(*groups, shape=(3, 3)):
    """Return groupdq of one integration with the same flags in all pixels."""
    return np.broadcast_to(np.uint8(groups)[:, None, None], (len(groups), *shape))[None]


def read_variance(*lengths, nframes=1):
    """Return the read-noise variance of the mean slope of segments of these lengths."""
    return 1 / sum((n**3 - n) * 10.0**2 * nframes / (6 * NOISE**2) for n in lengths)


@pytest.mark.parametrize("n_groups", [2, 3, 8, 16, 17, 70, 300])
@pytest.mark.parametrize("nframes", [1, 4])
def test_a_line_gives_its_slope(n_groups, nframes):
    rate, rateints = fit(100 + 50.0 * np.arange(n_groups), nframes=nframes)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.var_rnoise, read_variance(n_groups, nframes=nframes), rtol=1e-6)
    np.testing.assert_allclose(rate.var_poisson, 5.0 / (10 * GAIN * (n_groups - 1)), rtol=1e-6)
    np.testing.assert_allclose(rate.err, np.sqrt(rate.var_poisson + rate.var_rnoise), rtol=1e-6)
    assert not rate.dq.any()
    for name in ("data", "err", "var_poisson", "var_rnoise", "dq"):
        np.testing.assert_allclose(getattr(rateints, name)[0], getattr(rate, name), rtol=1e-6)


@pytest.mark.parametrize("jump", range(1, 8))
@pytest.mark.parametrize("height", [30.0, 3e4])
def test_a_flagged_jump_leaves_the_slope_alone(jump, height):
    data = LINE + height * (np.arange(8) >= jump)
    groups = [0] * 8
    groups[jump] = JUMP
    rate, _ = fit(data, groupdq=flags(*groups))
    lengths = [n for n in (jump, 8 - jump) if n > 1]
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.var_rnoise, read_variance(*lengths), rtol=1e-6)
    assert (rate.dq == PIXEL.JUMP_DET).all()


def test_adjacent_jumps_and_unused_groups_end_segments():
    data = LINE + np.array([0, 0, 0, 700, 9000, 9000, 9000, 9000.0])
    rate, _ = fit(data, groupdq=flags(0, 0, 0, JUMP, JUMP, 0, DNU, 0))
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.var_rnoise, read_variance(3, 2), rtol=1e-6)
    assert (rate.dq == PIXEL.JUMP_DET).all()


def test_saturation_cuts_the_ramp():
    data = np.where(np.arange(8) < 5, LINE, 60000)
    rate, rateints = fit(data, groupdq=flags(0, 0, 0, 0, 0, SATURATED, SATURATED, SATURATED))
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.var_rnoise, read_variance(5), rtol=1e-6)
    assert (rate.dq == PIXEL.SATURATED).all()
    assert (rateints.dq == PIXEL.SATURATED).all()


def test_one_group():
    """A single group is divided by the mean time of its frames, whatever `suppress_one_group` says."""
    for suppress in (True, False):
        rate, _ = fit([700.0], nframes=4, suppress_one_group=suppress)
        np.testing.assert_allclose(rate.data, 700 / 25.0, rtol=1e-6)
        assert not rate.dq.any()


def test_one_good_group():
    groups = flags(0, *[SATURATED] * 7)
    groups = np.concatenate([groups, 0 * groups])
    kept, each = fit([LINE[:, None, None] * np.ones((3, 3))] * 2, groupdq=groups, suppress_one_group=False)
    np.testing.assert_allclose(each.data[0], LINE[0] / 10.0, rtol=1e-6)
    assert (each.dq[0] == PIXEL.SATURATED).all()
    gone, each = fit([LINE[:, None, None] * np.ones((3, 3))] * 2, groupdq=groups)
    assert np.isnan(each.data[0]).all()
    assert (each.dq[0] == PIXEL.SATURATED | PIXEL.DO_NOT_USE).all()
    np.testing.assert_allclose(gone.data, 5.0, rtol=1e-6)
    assert (gone.dq == PIXEL.SATURATED).all()
    assert (gone.var_rnoise > kept.var_rnoise).all()


def test_zero_frame_measures_what_saturates_at_once():
    groups = np.zeros((1, 8, 3, 3), np.uint8)
    groups[:, :, 1, 1] = SATURATED
    data = np.broadcast_to(LINE[:, None, None], (8, 3, 3))
    arguments = {"groupdq": groups, "zeroframe": np.full((1, 3, 3), 40000.0), "nframes": 2, "frame_time": 5.0}
    rate, _ = fit(data, suppress_one_group=False, **arguments)
    assert rate.data[1, 1] == 8000
    assert rate.dq[1, 1] == PIXEL.SATURATED
    np.testing.assert_allclose(np.delete(rate.data, 4), 5.0, rtol=1e-6)
    rate, _ = fit(data, **arguments)
    assert np.isnan(rate.data[1, 1])
    assert rate.dq[1, 1] == PIXEL.SATURATED | PIXEL.DO_NOT_USE


@pytest.mark.parametrize("gain", [np.nan, 0.0, -1.0])
def test_bad_gain(gain):
    rate, rateints = fit(LINE, gain=gain)
    for image in (rate, rateints):
        assert (image.dq == PIXEL.NO_GAIN_VALUE | PIXEL.DO_NOT_USE).all()
        assert np.isnan(image.data).all()
        assert not (image.err.any() or image.var_poisson.any() or image.var_rnoise.any())


def test_dark_current_adds_photon_noise():
    without, _ = fit(LINE)
    rate, _ = fit(LINE, average_dark_current=np.full((3, 3), np.float32(0.5)))
    np.testing.assert_allclose(rate.var_poisson / without.var_poisson, 1.1, rtol=1e-6)
    np.testing.assert_array_equal(rate.data, without.data)


def test_group_selection():
    data = np.concatenate([[9e4, -5e4], LINE, [0.0]])
    rate, _ = fit(data, firstgroup=2, lastgroup=9)
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    np.testing.assert_allclose(rate.var_rnoise, read_variance(8), rtol=1e-6)
    assert not rate.dq.any()
    with pytest.raises(InputError, match="firstgroup = 3"):
        fit(LINE, firstgroup=3, lastgroup=3)


def test_mid_infrared_groups_that_nobody_uses():
    """A jump into the first used group is none; one good group short of two is a reason to skip."""
    data = np.concatenate([[7000.0], LINE, [0.0]])
    groups = flags(DNU, JUMP, *[0] * 7, DNU)
    rate, _ = fit(data, groupdq=groups, instrument="MIRI")
    assert not rate.dq.any()
    np.testing.assert_allclose(rate.data, 5.0, rtol=1e-6)
    rate, _ = fit(data, groupdq=groups)
    assert (rate.dq == PIXEL.JUMP_DET).all()
    skipped = fit(LINE[:3], groupdq=flags(DNU, 0, DNU), instrument="MIRI")
    assert "two groups" in skipped.history[-1].reason


def test_nothing_to_fit_is_skipped():
    skipped = fit(LINE, groupdq=flags(*[SATURATED] * 8))
    assert skipped.unit == "DN"
    assert skipped.history[-1].status == "SKIPPED"


@pytest.mark.parametrize("times", [{"group_time": None}, {"frame_time": 0.0}, {"read_times": [1, 2, 5]}])
def test_unusable_times(times):
    with pytest.raises(ValueError, match=f"exposure.{next(iter(times))}"):
        fit(LINE, **times)


def test_uneven_groups_are_fitted_by_likelihood():
    """As officially, whatever is asked for; fewer than four groups cannot be."""
    times = [1.0, 2.0, 3.0, 5.0, 6.0]
    uneven = fit(5 * np.array(times), read_times=[[t] for t in times])
    np.testing.assert_allclose(uneven.rate.data, 5.0, rtol=1e-6)
    with pytest.raises(InputError, match=r"its 3 groups are unevenly spaced.*LIKELY needs at least 4"):
        fit(5 * np.array(times[:3]), read_times=[[t] for t in times[:3]])


def test_metadata_and_tables():
    table = np.zeros(2, [("integration_number", "i4")])
    ramp = make_ramp([LINE[:, None, None]] * 2, **TIMES).replace(tables={"int_times": table, "group": table})
    one = make_reference("gain", data=[[2.0]], meta={"exposure.gain_factor": 1.5})
    rate, rateints = steps.ramp_fit(ramp, one, make_reference("readnoise", data=[[9.0]]))
    assert rate.unit == rateints.unit == "DN/s"
    assert rate.meta.exposure.gain_factor == 1.5
    assert set(rate.tables) == set()
    assert set(rateints.tables) == {"int_times"}
    assert rate.data.shape == (1, 1)
    assert rateints.data.shape == (2, 1, 1)


def edge_fit(ramp, **parameters):
    """Fit a ramp of many edges."""
    references = edges.references()
    return steps.ramp_fit(ramp, references["gain"], references["readnoise"], **parameters)


@pytest.mark.parametrize("suppress", [True, False])
def test_flags_are_never_lost(suppress):
    ramp = edges.ramp(5, 3)
    rate, rateints = edge_fit(ramp, suppress_one_group=suppress)
    lasting = GROUP.SATURATED | GROUP.JUMP_DET | GROUP.PERSISTENCE
    each = np.bitwise_or.reduce(ramp.groupdq, axis=1) & lasting
    assert ((rateints.dq & each) == each).all()
    assert ((rateints.dq & ramp.pixeldq) == ramp.pixeldq).all()
    kept = np.bitwise_or.reduce(rateints.dq, axis=0) & ~PIXEL.DO_NOT_USE
    assert ((rate.dq & kept) == kept).all()
    unusable = (rateints.dq & PIXEL.DO_NOT_USE) != 0
    assert (unusable.all(axis=0) == ((rate.dq & PIXEL.DO_NOT_USE) != 0)).all()
    for image in (rate, rateints):
        assert np.isnan(image.data[(image.dq & PIXEL.DO_NOT_USE) != 0]).all()


def test_inputs_are_left_alone():
    ramp = edges.ramp(10, 2)
    before = {name: array.copy() for name, array in ramp.arrays().items()}
    for array in ramp.arrays().values():
        array.flags.writeable = False
    edge_fit(ramp, firstgroup=1, lastgroup=7)
    edge_fit(ramp, suppress_one_group=False)
    for name, array in before.items():
        np.testing.assert_array_equal(array, getattr(ramp, name), err_msg=name)


def test_units_of_data_and_gain_cancel():
    """Half the DN at twice the gain is the same exposure: exactly half the slope."""
    ramp = edges.ramp(10, 2)
    half = ramp.replace(data=ramp.data / 2, zeroframe=ramp.zeroframe / 2)
    readnoise, gain = edges.references()["readnoise"].data, edges.references()["gain"].data
    whole = steps.ramp_fit(ramp, make_reference("gain", data=gain), make_reference("readnoise", data=readnoise))
    halves = steps.ramp_fit(
        half, make_reference("gain", data=gain * 2), make_reference("readnoise", data=readnoise / 2)
    )
    sane = (whole.rate.var_rnoise > 1e-3) & (whole.rate.var_rnoise < 1e5)
    for a, b in zip(whole, halves):
        np.testing.assert_array_equal(a.data[..., sane], 2 * b.data[..., sane])
        np.testing.assert_array_equal(a.var_rnoise[..., sane], 4 * b.var_rnoise[..., sane])
        np.testing.assert_array_equal(a.dq, b.dq)


def test_order_of_integrations_does_not_matter():
    ramp = edges.ramp(5, 3)
    order = [2, 0, 1]
    turned = ramp.replace(data=ramp.data[order], groupdq=ramp.groupdq[order], zeroframe=ramp.zeroframe[order])
    rate, rateints = edge_fit(ramp, suppress_one_group=False)
    again, each = edge_fit(turned, suppress_one_group=False)
    np.testing.assert_array_equal(again.dq, rate.dq)
    np.testing.assert_allclose(again.data, rate.data, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(again.var_rnoise, rate.var_rnoise, rtol=1e-6)
    np.testing.assert_array_equal(each.dq, rateints.dq[order])
    np.testing.assert_array_equal(each.data, rateints.data[order])


@pytest.mark.parametrize("compiled", [True, False])
def test_same_bits_in_every_library(device, compiled, monkeypatch):
    ramp, references = edges.ramp(5, 3), edges.references()
    expected = edge_fit(ramp, suppress_one_group=False)
    if not compiled:
        monkeypatch.setattr(kernels, "available", lambda array: False)
    moved = [device.put(references[name]) for name in ("gain", "readnoise")]
    for found, wanted in zip(steps.ramp_fit(device.put(ramp), *moved, suppress_one_group=False), expected):
        for name, array in wanted.arrays().items():
            np.testing.assert_array_equal(device.host(getattr(found, name)), array, err_msg=name)


def test_slopes_are_unbiased_and_errors_true(capsys):
    """Poisson and read noise alone: no bias at any flux, and errors as wide as the scatter.

    The pull is taken relative to the rms of the errors of its flux level. An error estimated from the same counts as
    its slope is smaller where these fall low, so that the mean of slope error / own error is up to 0.03 below 0 even
    for a slope without bias. What bias there is (up to 0.02, at 1 and 30 electron / s here) arises where the signal to
    noise straddles a limit between two weights, which then depend on the noise.
    The width falls to 0.96 at no flux, where the Poisson variance is that of noise above 0, and reaches 1.04 where
    photons begin to rule: the variance adds the read noise of equal weights to the photon noise of the end points, and
    no weights have both. jwst has the same formulas; tests/oracle compares the widths.
    """
    n = 110_000
    lines = ["e-/s    mean pull   width"]
    for flux in (0, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000):
        pull = pulls(flux, n)
        lines.append(f"{flux:<7} {pull.mean():+.4f}     {pull.std():.4f}")
        assert abs(pull.mean()) < 0.02, lines
        assert 0.94 < pull.std() < 1.05, lines
    with capsys.disabled():
        print("\n" + "\n".join(lines))


def pulls(flux, n, n_groups=10):
    """Return (slope - truth) / rms(err) of n simulated pixels at `flux` electron / s."""
    random = np.random.default_rng(int(1000 * flux) + 1)
    electrons = random.poisson(flux * 10.0, (n_groups, 1, n)).cumsum(axis=0)
    data = electrons / GAIN + random.normal(0, NOISE / np.sqrt(2), electrons.shape)
    rate, _ = fit(data)
    assert np.isfinite(rate.data).all()
    return (rate.data - flux / GAIN) / np.sqrt(np.mean(rate.err.astype(np.float64) ** 2))
