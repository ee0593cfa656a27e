"""ramp_fit against OLS_C of jwst 3.0.0: the same flags and NaN, slopes to 1e-5 and variances to 1e-4."""

from __future__ import annotations

import edges
import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP, PIXEL

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

NAMES = {"data": "slope", "err": "err", "var_poisson": "var_poisson", "var_rnoise": "var_rnoise"}


def official_fit(ramp, readnoise, gain, suppress_one_group):
    """Return what stcal makes of a ramp: two dicts of planes, or (None, None) where it does not fit."""
    from stcal.ramp_fitting import ramp_fit
    from stdatamodels.jwst.datamodels import dqflags

    return ramp_fit.ramp_fit(
        model(ramp), False, readnoise.data.copy(), gain.data.copy(), "OLS_C", "optimal", "1", dqflags.pixel,
        suppress_one_group=suppress_one_group,
    )[:2]  # fmt: skip


def model(ramp):
    """Return the official data model of a ramp."""
    from stdatamodels.jwst import datamodels

    made = datamodels.RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for name in ("zeroframe", "average_dark_current"):
        if getattr(ramp, name) is not None:
            setattr(made, name, getattr(ramp, name).copy())
    made.meta.instrument.name = ramp.meta.instrument.name
    for name in ("group_time", "frame_time", "nframes", "groupgap"):
        setattr(made.meta.exposure, name, ramp.meta.get(f"exposure.{name}"))
    return made


def finite(ramp):
    """Return the ramp with counts a detector could give: differences of 3e38 overflow in float32."""
    data = ramp.data.copy()
    data[~(np.abs(data) < 1e8)] = np.nan
    return ramp.replace(data=data)


def sane_gain():
    """Return the references of `edges` without the negative gain, which has a test of its own below."""
    references = edges.references()
    references["gain"].data[references["gain"].data < 0] = np.nan
    return references


def check(ours, official, ramp):
    """Compare flags and NaN exactly, planes to the tolerance.

    Slopes: 1e-5, or 1e-6 of the largest count over the time of a group. The official weights are powers in float32,
    so that a slope which is a small difference of large counts (NaN count as 0) differs by that much.
    Variances: 1e-4, or 1e-5 of the read noise for Poisson: jwgpu keeps differences of groups in float32, so that the
    mean of two opposite median rates differs near 0.
    """
    counts = np.where(np.isfinite(ramp.data), np.abs(ramp.data), 0).max(axis=(0, 1))
    for image, planes in zip(ours, official):
        np.testing.assert_array_equal(image.dq, planes["dq"])
        for name, theirs in NAMES.items():
            found, expected = getattr(image, name).astype(np.float64), planes[theirs].astype(np.float64)
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
            tolerance = (1e-5 if name == "data" else 1e-4) * np.abs(expected) + 1e-12
            if name == "data":
                tolerance += 1e-6 * counts / ramp.meta.exposure.group_time
            if name == "var_poisson":
                tolerance += 1e-5 * planes["var_rnoise"]
            with np.errstate(invalid="ignore"):  # equal infinities
                bad = (np.abs(found - expected) > tolerance) & (found != expected)
            assert not bad.any(), (name, np.argwhere(bad)[0], found[bad][0], expected[bad][0])


LENGTHS = [(1, 1), (1, 3), (2, 1), (2, 3), (3, 2), (5, 3), (10, 2), (17, 1)]


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize("nframes", [1, 8])
@pytest.mark.parametrize(("n_groups", "n_integrations"), LENGTHS)
def test_ramps_full_of_edges(n_groups, n_integrations, nframes, suppress):
    references = sane_gain()
    for seed, instrument in enumerate(("NIRCAM", "MIRI")):
        meta = {"exposure.nframes": nframes, "instrument.name": instrument}
        ramp = finite(edges.ramp(n_groups, n_integrations, seed, **meta))
        groupdq = ramp.groupdq.copy()
        if instrument == "MIRI":
            groupdq[:, [0, -1]] |= GROUP.DO_NOT_USE
        groupdq[..., ::3] |= GROUP.DROPOUT * (groupdq[..., ::3] == GROUP.JUMP_DET)  # no longer begins a segment
        dark = np.full(edges.SHAPE, np.float32(0.2)) if seed else None
        ramp = ramp.replace(groupdq=groupdq, average_dark_current=dark, zeroframe=ramp.zeroframe if seed else None)
        official = official_fit(ramp, references["readnoise"], references["gain"], suppress)
        ours = steps.ramp_fit(ramp, references["gain"], references["readnoise"], suppress_one_group=suppress)
        if official[0] is None:
            assert ours.history[-1].status == "SKIPPED"
        else:
            check(ours, official, ramp)


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize("nframes", [1, 4])
@pytest.mark.parametrize("instrument", ["NIRCAM", "MIRI"])
def test_groups_lost_to_charge_migration(suppress, nframes, instrument):
    """As `charge_migration` flags them: from some group on, DO_NOT_USE too; with jumps and saturation between."""
    references = sane_gain()
    ramp = edges.ramp(7, 3, 5, **{"exposure.nframes": nframes, "instrument.name": instrument})
    random = np.random.default_rng(9)
    data = random.poisson(random.choice([1, 30, 2000], edges.SHAPE), ramp.shape).cumsum(axis=1)
    ramp = ramp.replace(data=(data + random.normal(0, 9, data.shape)).astype(np.float32))
    start = random.integers(0, 9, (3, 1, *edges.SHAPE))
    lost = (np.arange(7)[:, None, None] >= start) & ((ramp.groupdq & GROUP.SATURATED) == 0)
    groupdq = ramp.groupdq | lost * np.uint8(GROUP.CHARGELOSS | GROUP.DO_NOT_USE)
    if instrument == "MIRI":
        groupdq[:, [0, -1]] |= GROUP.DO_NOT_USE
    ramp = ramp.replace(groupdq=groupdq)
    official = official_fit(ramp, references["readnoise"], references["gain"], suppress)
    ours = steps.ramp_fit(ramp, references["gain"], references["readnoise"], suppress_one_group=suppress)
    check(ours, official, ramp)
    plain, _ = steps.ramp_fit(
        ramp.replace(groupdq=groupdq & ~np.uint8(GROUP.CHARGELOSS)), references["gain"], references["readnoise"],
        suppress_one_group=suppress,
    )  # fmt: skip
    assert (plain.var_rnoise > ours.rate.var_rnoise).mean() > 0.3  # the groups do count again


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize("nframes", [1, 4, 8])
def test_one_good_group_and_zero_frames(nframes, suppress):
    """The first group alone takes the mean time of its frames, another that of a group, a zero frame that of one."""
    groups = np.full((1, 5, 1, 6), GROUP.SATURATED)
    groups[0, 0, 0, [0, 2]], groups[0, 3, 0, 1], groups[0, :, 0, 4] = 0, 0, 0
    groups[0, :3, 0, 1], groups[0, 0, 0, 2] = GROUP.DO_NOT_USE, GROUP.PERSISTENCE
    groups[0, 1, 0, 3] = GROUP.JUMP_DET
    data = np.linspace(400, 2e4, 5)[None, :, None, None] * np.ones((1, 5, 1, 6))
    zeroframe = np.float32([[[90, 90, 90, 90, 90, 0]]])
    meta = {"group_time": 42.9, "frame_time": 10.7, "nframes": nframes, "groupgap": 0}
    ramp = make_ramp(data, groupdq=groups, zeroframe=zeroframe, **meta)
    plane = np.ones((1, 6))
    readnoise, gain = make_reference("readnoise", data=9 * plane), make_reference("gain", data=2 * plane)
    ours = steps.ramp_fit(ramp, gain, readnoise, suppress_one_group=suppress)
    check(ours, official_fit(ramp, readnoise, gain, suppress), ramp)
    assert np.isfinite(ours.rate.data).sum() == (1 if suppress else 5)


def test_everything_saturated():
    ramp = edges.ramp(4, 1)
    ramp = ramp.replace(groupdq=ramp.groupdq | GROUP.SATURATED)
    references = sane_gain()
    assert official_fit(ramp, references["readnoise"], references["gain"], True) == (None, None)
    ours = steps.ramp_fit(ramp, references["gain"], references["readnoise"])
    assert ours.history[-1].status == "SKIPPED"


def test_differs_in_a_negative_gain_with_chargeloss():
    """The one class of variance that differs: without a meaning in both, 0 in jwgpu."""
    groups = np.full((1, 4, 1, 1), GROUP.SATURATED)
    groups[0, :2, 0, 0] = 0, GROUP.CHARGELOSS
    ramp = make_ramp([[[[10.0]], [[20.0]], [[30.0]], [[40.0]]]], groupdq=groups, group_time=10.0, frame_time=10.0)
    readnoise, gain = make_reference("readnoise", data=[[9.0]]), make_reference("gain", data=[[-1.0]])
    official, _ = official_fit(ramp, readnoise, gain, True)
    rate, _ = steps.ramp_fit(ramp, gain, readnoise)
    assert np.isnan(official["slope"]).all()
    assert np.isnan(rate.data).all()
    assert official["dq"] == rate.dq
    assert official["dq"] & PIXEL.DO_NOT_USE
    assert official["var_rnoise"] > 0
    assert rate.var_rnoise == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of crds, when the official step calls it
@pytest.mark.parametrize("groups", [{}, {"firstgroup": 1, "lastgroup": 4}])
def test_the_official_step(crds_cache, groups):
    """Group selection, the gain factor and the table of times, as the step itself handles them."""
    from jwst.ramp_fitting import RampFitStep
    from stdatamodels.jwst import datamodels

    ramp = finite(edges.ramp(6, 2))
    references = sane_gain()
    made = model(ramp)
    window = {"xstart": 1, "ystart": 1, "xsize": edges.SHAPE[1], "ysize": edges.SHAPE[0]}
    gain = datamodels.GainModel(data=references["gain"].data.copy())
    gain.meta.exposure.gain_factor = 1.7
    readnoise = datamodels.ReadnoiseModel(data=references["readnoise"].data.copy())
    for each in (made, gain, readnoise):
        each.meta.instrument.detector = "NRCB1"
        for name, value in window.items():
            setattr(each.meta.subarray, name, value)
    made.meta.exposure.type = "NRC_IMAGE"
    made.meta.observation.date, made.meta.observation.time = "2026-01-01", "00:00:00"
    made.int_times = np.zeros(2, dtype=made.get_dtype("int_times"))
    rate, rateints = RampFitStep.call(made, override_gain=gain, override_readnoise=readnoise, **groups)
    known = make_reference("gain", data=references["gain"].data, meta={"exposure.gain_factor": 1.7})
    ramp = ramp.replace(tables={"int_times": np.zeros(2)})
    ours = steps.ramp_fit(ramp, known, references["readnoise"], **groups)
    planes = [{**{theirs: getattr(m, name) for name, theirs in NAMES.items()}, "dq": m.dq} for m in (rate, rateints)]
    check(ours, planes, ramp)
    assert ours.rate.meta.exposure.gain_factor == rate.meta.exposure.gain_factor == 1.7
    assert len(rateints.int_times) == len(ours.rateints.tables["int_times"]) == 2
    assert not ours.rate.tables


def test_width_of_the_pulls_is_the_official_one(capsys):
    """Poisson and read noise alone: (slope - truth) / rms(err) is as wide as there, to 1e-5, at every flux."""
    n, lines = 20_000, ["e-/s    width   official"]
    for flux in (0, 0.1, 1, 3, 10, 30, 100, 1000):
        random = np.random.default_rng(int(10 * flux))
        electrons = random.poisson(flux * 10.0, (10, 1, n)).cumsum(axis=0)
        data = electrons / 2.0 + random.normal(0, 12.0 / np.sqrt(2), electrons.shape)
        ramp = make_ramp(data, group_time=10.0, frame_time=10.0)
        readnoise = make_reference("readnoise", data=np.full((1, n), 12.0))
        gain = make_reference("gain", data=np.full((1, n), 2.0))
        official, _ = official_fit(ramp, readnoise, gain, True)
        rate, _ = steps.ramp_fit(ramp, gain, readnoise)
        ours, theirs = (
            np.std(slope - flux / 2.0, dtype=np.float64) / np.sqrt(np.mean(err.astype(np.float64) ** 2))
            for slope, err in ((rate.data, rate.err), (official["slope"], official["err"]))
        )
        lines.append(f"{flux:<7} {ours:.4f}  {theirs:.4f}")
        assert abs(ours - theirs) < 1e-5
    with capsys.disabled():
        print("\n" + "\n".join(lines))
