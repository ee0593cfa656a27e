"""jump: cosmic rays found in ramps, their neighbours and followers flagged, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import GROUP, PIXEL
from jwgpu.errors import InputError
from jwgpu.steps import jump


def _run(data, *, gain=1.0, readnoise=1.0, groupdq=None, nframes=1, group_time=10.0, **parameters):
    """Return `jump` of a ramp with constant references, checked not to change its input."""
    ramp = make_ramp(data, groupdq=groupdq, nframes=nframes, group_time=group_time)
    shape = ramp.shape[-2:]
    references = [
        make_reference(kind, data=np.broadcast_to(np.float32(value), shape).copy())
        for kind, value in (("gain", gain), ("readnoise", readnoise))
    ]
    return check_pure(jump, ramp, *references, **parameters)


def _centre(size, n_groups=6, at=3, shape=(5, 5), n_integrations=1):
    """Return ramps of zeros with a jump of `size` DN in the centre pixel of the last integration."""
    data = np.zeros((n_integrations, n_groups, *shape))
    data[-1, at:, shape[0] // 2, shape[1] // 2] = size
    return data


def _hits(ramp):
    """Return the places (integration, group, y, x) that carry JUMP_DET."""
    return np.argwhere(ramp.groupdq & GROUP.JUMP_DET).tolist()


@pytest.mark.parametrize(
    ("n_groups", "threshold"), [(3, 6.0), (4, 5.0), (5, 4.0), (6, 4.0), (11, 4.0), (12, 4.0), (30, 4.0)]
)
def test_threshold_depends_on_the_number_of_groups(n_groups, threshold):
    # Without signal, sigma is the read noise: 1 DN.
    assert _hits(_run(_centre(threshold, n_groups, 1))) == []
    assert _hits(_run(_centre(threshold + 0.001, n_groups, 1))) == [[0, 1, 2, 2]]


def test_sigma_counts_photons_read_noise_gain_and_frames():
    # Differences of 100 DN at gain 4: 400 electrons; read noise 5 DN of 4 frames: 100 electron^2 a difference.
    sigma = np.sqrt(400 + 5**2 * 4**2 / 4)
    for size, found in ((4 * sigma - 0.01, 0), (4 * sigma + 0.01, 1)):
        data = _centre(size / 4) + 100 * np.arange(6)[:, None, None]
        assert len(_hits(_run(data, gain=4.0, readnoise=5.0, nframes=4))) == found


def test_jumps_are_taken_out_until_none_is_left():
    data = _centre(1000.0, 8) + 10.0 * np.arange(8)[:, None, None]
    data[0, 5:, 2, 2] += 60
    assert _hits(_run(data, flag_4_neighbors=False)) == [[0, 3, 2, 2], [0, 5, 2, 2]]


def test_median_is_that_of_all_integrations():
    data = np.zeros((3, 3, 3, 3))
    data[2, 1:] = 20  # one of two differences in its own integration, one of six in all
    assert [h[:2] for h in _hits(_run(data, three_group_rejection_threshold=1e9))] == [[2, 1]] * 9


@pytest.mark.parametrize(("size", "n_flagged"), [(9.0, 1), (11.0, 5), (999.0, 5), (1001.0, 1)])
def test_neighbours_are_flagged_between_the_limits(size, n_flagged):
    assert len(_hits(_run(_centre(size)))) == n_flagged
    assert len(_hits(_run(_centre(size), flag_4_neighbors=False))) == 1


def test_neighbours_of_neighbours_are_not_flagged_nor_are_lost_groups():
    flags = np.zeros((1, 6, 5, 5))
    flags[0, 3, 2, 1], flags[0, 3, 1, 2] = GROUP.SATURATED, GROUP.DO_NOT_USE
    done = _run(_centre(50.0), groupdq=flags)
    assert _hits(done) == [[0, 3, 2, 2], [0, 3, 2, 3], [0, 3, 3, 2]]
    assert done.groupdq[0, 3, 2, 1] == GROUP.SATURATED
    assert done.groupdq[0, 3, 1, 2] == GROUP.DO_NOT_USE


def test_groups_after_large_jumps_are_flagged_for_a_time():
    data = _centre(50.0, 12, 2)
    data[0, 7:, 2, 2] += 400
    flags = np.zeros(data.shape)
    flags[0, 4, 2, 2] = GROUP.DO_NOT_USE
    after = {
        "after_jump_flag_dn1": 20.0, "after_jump_flag_time1": 25.0,
        "after_jump_flag_dn2": 200.0, "after_jump_flag_time2": 30.0,
    }  # fmt: skip
    done = _run(data, gain=2.0, groupdq=flags, flag_4_neighbors=False, **after)
    assert [group for _, group, _, _ in _hits(done)] == [2, 3, 7, 8, 9, 10]
    only = _run(data, gain=2.0, groupdq=flags, flag_4_neighbors=False, **after | {"after_jump_flag_time1": 9.0})
    assert [group for _, group, _, _ in _hits(only)] == [2, 7, 8, 9, 10]


def test_lost_groups_take_no_part():
    for flag in (GROUP.SATURATED, GROUP.DO_NOT_USE):
        data = _centre(0.0)
        data[0, 4:] = 60000
        flags = np.zeros(data.shape)
        flags[0, 4:] = flag
        assert _hits(_run(data, groupdq=flags)) == []
    data[0, 4:] = np.nan
    assert _hits(_run(data)) == []


def test_pixels_without_a_gain_are_not_used():
    gain = np.ones((5, 5))
    gain[0, 0], gain[0, 1], gain[0, 2] = np.nan, 0, -1
    done = _run(_centre(50.0), gain=gain)
    expected = np.where(gain > 0, 0, PIXEL.NO_GAIN_VALUE | PIXEL.DO_NOT_USE)
    np.testing.assert_array_equal(done.pixeldq, expected)
    assert done.history[-1].notes["pixels_without_gain"] == 3
    assert len(_hits(done)) == 5


def test_hits_are_counted_without_their_neighbours():
    done = _run(_centre(50.0, n_integrations=2))
    assert done.history[-1].notes["groups_hit"] == 1
    assert done.meta.get("exposure.primary_cosmic_rays") == pytest.approx(1000 / (10 * 10 * 25))
    assert done.meta.get("exposure.extended_emission_events") == 0


@pytest.mark.parametrize("n_groups", [1, 2])
def test_skips_short_ramps(n_groups):
    done = _run(np.zeros((1, n_groups, 3, 3)))
    assert done.history[-1].status == "SKIPPED"
    assert "at least 3 groups" in done.history[-1].reason


def test_skips_where_an_integration_has_lost_its_groups():
    flags = np.zeros((2, 4, 3, 3))
    flags[1, 0], flags[1, 3] = GROUP.DO_NOT_USE, GROUP.DO_NOT_USE
    done = _run(np.zeros((2, 4, 3, 3)), groupdq=flags)
    assert "only 2 usable groups" in done.history[-1].reason


def test_references_of_another_size_are_refused():
    ramp = make_ramp(np.zeros((1, 4, 3, 3)), group_time=1.0)
    small, right = (make_reference("gain", data=np.ones((n, 3))) for n in (2, 3))
    with pytest.raises(ValueError, match="gain reference"):
        jump(ramp, small, right)


def test_negative_thresholds_are_refused():
    with pytest.raises(InputError, match="0 or more"):
        _run(_centre(0.0), four_group_rejection_threshold=-1.0)


def test_every_library_gives_the_same_flags(device):
    rng = np.random.default_rng(0)
    gain = rng.uniform(-0.1, 3, (20, 20))
    data = np.cumsum(rng.poisson(30, (2, 7, 20, 20)) + 300 * (rng.random((2, 7, 20, 20)) < 0.05), axis=1)
    ramp = make_ramp(data, nframes=2, group_time=10.0)
    references = make_reference("gain", data=gain), make_reference("readnoise", data=np.full((20, 20), 6.0))
    after = {"after_jump_flag_dn1": 20.0, "after_jump_flag_time1": 20.0}
    expected = jump(ramp, *references, **after)
    done = jump(device.put(ramp), *(device.put(r) for r in references), **after)
    np.testing.assert_array_equal(device.host(done.groupdq), expected.groupdq)
    np.testing.assert_array_equal(device.host(done.pixeldq), expected.pixeldq)
    assert done.history[-1].notes == expected.history[-1].notes
    assert (done.history[-1].bytes_down > 0) == (device.kind == "gpu")


@pytest.mark.parametrize("n_groups", [6, 16])
def test_hits_are_found_and_noise_is_not(n_groups):
    """Expected: a false alarm in 2 Phi(-4) = 6e-5 of many differences, and a hit of 8 sigma missed almost never."""
    rng = np.random.default_rng(n_groups)
    shape, level, noise = (1, n_groups, 200, 200), 400.0, 10.0
    data = np.cumsum(rng.poisson(level, shape), axis=1) + rng.normal(0, noise / np.sqrt(2), shape)
    hit = rng.random(shape[-2:]) < 0.1
    group = rng.integers(1, n_groups, shape[-2:])
    struck = hit & (group == np.arange(n_groups)[:, None, None])
    data += np.cumsum(struck * 8 * np.sqrt(level + noise**2), axis=0)
    done = _run(data, readnoise=noise, flag_4_neighbors=False)
    found = (done.groupdq[0] & GROUP.JUMP_DET) != 0
    assert found[struck].mean() > 0.995
    false_alarms = found[1:, ~hit].mean()
    assert 1e-5 < false_alarms < 1e-3
