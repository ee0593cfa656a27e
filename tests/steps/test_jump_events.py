"""jump: snowballs, showers and clipping over many integrations."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference
from scipy import ndimage

from jwgpu.data import GROUP, PIXEL
from jwgpu.steps import jump
from jwgpu.steps.jump import morphology

SNOWBALLS = {"expand_large_events": True, "edge_size": 0}
SIZE = 81
Y, X = np.mgrid[:SIZE, :SIZE]


def _run(data, *, groupdq=None, pixeldq=None, readnoise=1.0, **parameters):
    ramp = make_ramp(data, groupdq=groupdq, pixeldq=pixeldq, nframes=1, group_time=10.0)
    gain = make_reference("gain", data=np.ones(ramp.shape[-2:]))
    noise = make_reference("readnoise", data=np.full(ramp.shape[-2:], readnoise))
    return check_pure(jump, ramp, gain, noise, **parameters)


def _disk(radius, y=40, x=40):
    return (Y - y) ** 2 + (X - x) ** 2 < radius**2


def _snowball(core=6, disk=12, n_integrations=1, n_groups=6, at=3, late=0, x=40):
    """Return ramps and flags with a snowball in the first integration: jumps of 5000 in a disk, a saturated core."""
    data, flags = np.zeros((n_integrations, n_groups, SIZE, SIZE)), np.zeros((n_integrations, n_groups, SIZE, SIZE))
    data[0, at:] += 5000 * _disk(disk, x=x)
    flags[0, at + late :] += GROUP.SATURATED * _disk(core, x=x)
    return data, flags.astype(np.uint8)


def _jumps(ramp, group, integration=0):
    return (ramp.groupdq[integration, group] & GROUP.JUMP_DET) != 0


def _saturated(ramp, group, integration=0):
    return (ramp.groupdq[integration, group] & GROUP.SATURATED) != 0


@pytest.mark.parametrize("late", [0, 1])
def test_a_snowball_grows_in_its_group(late):
    data, flags = _snowball(late=late)
    done = _run(data, groupdq=flags, **SNOWBALLS)
    assert done.history[-1].notes["snowballs"] == 1
    assert done.meta.get("exposure.extended_emission_events") == pytest.approx(1e6 / (50 * SIZE**2))
    grown = _jumps(done, 3) | _saturated(done, 3)
    assert grown[_disk(20)].all()
    assert not grown[~_disk(25)].any()
    for group in (0, 1, 2, 5):
        assert not _jumps(done, group).any()


def test_cores_grow_and_stay_saturated():
    data, flags = _snowball()
    done = _run(data, groupdq=flags, sat_expand=5, **SNOWBALLS)
    for group in (3, 4, 5):
        assert _saturated(done, group)[_disk(10)].all()
        assert not _saturated(done, group)[~_disk(12)].any()
    assert not _saturated(done, 2).any()
    small = _run(data, groupdq=flags, sat_expand=5, min_sat_radius_extend=12.0, **SNOWBALLS)
    np.testing.assert_array_equal(_saturated(small, 5), _disk(6))


def test_without_a_core_it_is_no_snowball_but_at_the_edge():
    data, flags = _snowball(core=0)
    assert _run(data, groupdq=flags, **SNOWBALLS).history[-1].notes["snowballs"] == 0
    assert (
        _run(data, groupdq=flags, expand_large_events=True, sat_required_snowball=False).history[-1].notes["snowballs"]
    )
    assert _run(data, groupdq=flags, expand_large_events=True, edge_size=41).history[-1].notes["snowballs"] == 1
    data, flags = _snowball(min(6, 12))
    assert _run(data, groupdq=flags, min_sat_area=1000.0, **SNOWBALLS).history[-1].notes["snowballs"] == 0
    assert _run(data, groupdq=flags, min_jump_area=1000.0, **SNOWBALLS).history[-1].notes["snowballs"] == 0


def test_growth_has_a_limit_and_can_be_chosen():
    data, flags = _snowball()
    for parameters, radius in (({"expand_factor": 1.5}, 19), ({"max_extended_radius": 14}, 14)):
        done = _run(data, groupdq=flags, **SNOWBALLS, **parameters)
        grown = _jumps(done, 3) | _saturated(done, 3)
        assert grown[_disk(radius - 1)].all()
        assert not grown[~_disk(radius + 1.5)].any()


def test_the_next_integration_remembers_cores():
    data, flags = _snowball(n_integrations=3)
    done = _run(data, groupdq=flags, snowball_time_masked_next_int=30, **SNOWBALLS)
    core = _jumps(done, 1, integration=1)
    assert core[_disk(4)].all()
    assert not core[~_disk(7)].any()
    assert [bool(_jumps(done, g, integration=1).any()) for g in range(6)] == [False, True, True, False, False, False]
    assert not _jumps(done, 1, integration=2).any()
    forgotten = _run(data, groupdq=flags, mask_snowball_core_next_int=False, **SNOWBALLS)
    assert not (forgotten.groupdq[1:] & GROUP.JUMP_DET).any()


SHAPES = {"expand_large_events": True, "snowball_method": "morphology"}


def _ring(n_integrations=1):
    """Return a snowball whose saturated core, 9 pixels in diameter, leaves a ring of jumps around a hole."""
    return _snowball(core=4.6, disk=9, n_integrations=n_integrations)


def test_by_its_shape_a_snowball_grows_with_its_size():
    data, flags = _ring()
    done = _run(data, groupdq=flags, **SHAPES)
    assert done.history[-1].notes["snowballs"] == 1
    grown = _jumps(done, 3) | _saturated(done, 3)
    # Opened jumps reach 9 pixels, with neighbours a little more; they grow by twice the radius of their area.
    assert grown[_disk(9 + 17)].all()
    assert not grown[~_disk(9 + 24)].any()
    assert not (_jumps(done, 3) & _saturated(done, 3)).any()
    np.testing.assert_array_equal(_saturated(done, 5), _disk(4.6))
    half = _run(data, groupdq=flags, growth_factor=0.5, **SHAPES)
    assert np.count_nonzero(_jumps(half, 3)) < np.count_nonzero(_jumps(done, 3)) / 2


def test_by_its_shape_a_ring_around_the_core_stays_flagged():
    data, flags = _ring(n_integrations=2)
    for groups, width in ((2, 2), (1, 3), (0, 1)):
        done = _run(
            data, groupdq=flags, after_jumps=groups, ring_width=width, mask_snowball_core_next_int=False, **SHAPES
        )
        for later in (1, 2):
            expected = _disk(4.6 + width - 0.3) & ~_disk(4.6) if later <= groups else np.zeros((SIZE, SIZE), bool)
            assert _jumps(done, 3 + later)[expected].all()
            assert not _jumps(done, 3 + later)[~_disk(4.6 + width + 0.3) | (groups < later)].any()
        assert not (done.groupdq[1] & GROUP.JUMP_DET).any()


def test_by_its_shape_the_next_integration_remembers_what_saturates():
    """In the groups of so many seconds but the first; a star that is saturated all the time is nothing to remember."""
    data, flags = _ring(n_integrations=3)
    star = _disk(3, x=55)
    flags[:, :, star] = GROUP.SATURATED
    done = _run(data, groupdq=flags, snowball_time_masked_next_int=30, **SHAPES)
    for group in range(6):
        expected = _disk(4.6) if group in (1, 2) else np.zeros((SIZE, SIZE), bool)
        np.testing.assert_array_equal(_jumps(done, group, integration=1), expected)
    assert not (done.groupdq[2] & GROUP.JUMP_DET).any()
    assert not (done.groupdq[:, :, star] & GROUP.JUMP_DET).any()


@pytest.mark.parametrize("radius", [2, 4])
def test_by_its_shape_as_published(radius):
    """Opening, equal-area radii and distances from SciPy, event by event, on random blobs."""
    random = np.random.default_rng(radius)
    groupdq = np.zeros((1, 5, 90, 90), np.uint8)
    for group in (1, 3):
        jump = np.zeros((90, 90), bool)
        for y, x, r in random.uniform((0, 0, 1), (90, 90, 8), (7, 3)):
            far = np.hypot(*(np.mgrid[:90, :90] - np.array([y, x])[:, None, None]))
            jump |= (far < r) & (far > r / 3)
            groupdq[0, group:, far < r / 3] |= GROUP.SATURATED
        groupdq[0, group] |= (jump * GROUP.JUMP_DET).astype(np.uint8)
    expected, n_events = _as_published(groupdq[0], radius)
    found = groupdq.copy()
    assert morphology.flag(found, morphology.Morphology(opening_radius=radius)) == n_events > 1
    np.testing.assert_array_equal(found[0], expected)


def _as_published(groupdq, radius, growth=2.0, ring=2.0, after=2, largest_hole=200):
    square = np.arange(-radius, radius + 1) ** 2
    disk, eight, n_events = square[:, None] + square <= radius**2, np.ones((3, 3), bool), 0
    grown, cores = np.zeros(groupdq.shape, bool), np.zeros(groupdq.shape, bool)
    for group, flags in enumerate(groupdq):
        jump = (flags & GROUP.JUMP_DET) != 0
        holes, _ = ndimage.label(~jump)
        filled = jump | (np.bincount(holes.ravel()) <= largest_hole)[holes]
        eroded = ndimage.binary_erosion(filled, disk, border_value=1)
        events, n = ndimage.label(ndimage.binary_dilation(eroded, disk), eight)
        n_events += n
        for event in range(1, n + 1):
            wide = np.ceil(growth * np.sqrt((events == event).sum() / np.pi))
            grown[group] |= ndimage.distance_transform_edt(events != event) <= wide
        cores[group] = grown[group] & ((flags & GROUP.SATURATED) != 0)
    for group in range(len(groupdq)):
        seen = cores[max(group - after, 0) : group + 1].any(axis=0)
        if seen.any():
            grown[group] |= ndimage.distance_transform_edt(~seen) <= ring
    usable = (groupdq & (GROUP.SATURATED | GROUP.DO_NOT_USE)) == 0
    return groupdq | (grown & usable) * GROUP.JUMP_DET, n_events


def test_by_its_shape_tracks_and_single_pixels_are_no_snowballs():
    data = np.zeros((1, 6, SIZE, SIZE))
    data[0, 3:, 20:22, 10:70] += 500  # with neighbours 4 pixels wide: no disk of 5 fits
    data[0, 3:, 60, ::7] += 500
    plain, done = _run(data), _run(data, **SHAPES)
    assert done.history[-1].notes["snowballs"] == 0
    np.testing.assert_array_equal(done.groupdq, plain.groupdq)
    assert (
        _run(data, opening_radius=1, **SHAPES).history[-1].notes["snowballs"] == 13
    )  # single hits have four neighbours


def test_by_its_shape_large_holes_stay_open():
    data, flags = _snowball(core=8, disk=10)
    assert _run(data, groupdq=flags, largest_hole=250, **SHAPES).history[-1].notes["snowballs"] == 1
    assert _run(data, groupdq=flags, largest_hole=100, **SHAPES).history[-1].notes["snowballs"] == 0


def _shower(amplitude=12.0, n_groups=14, at=6):
    """Return ramps of noise with a faint disk in one group: 1.5 sigma, far below what a single pixel shows."""
    rng = np.random.default_rng(2)
    data = np.cumsum(rng.normal(0, 5, (1, n_groups, SIZE, SIZE)), axis=1)
    data[0, at:] += amplitude * _disk(15)
    return data


def _showers(data, **parameters):
    return _run(data, readnoise=5.0, find_showers=True, extend_snr_threshold=1.8, **parameters)


def test_a_shower_is_flagged_for_a_time():
    data = _shower()
    assert not _jumps(_run(data, readnoise=5.0), 6)[_disk(15)].mean() > 0.1
    done = _showers(data, time_masked_after_shower=20.0)
    assert done.history[-1].notes["showers"] == 1
    assert done.meta.get("exposure.extended_emission_events") == pytest.approx(1e6 / (130 * SIZE**2))
    for group in range(14):
        inside = _jumps(done, group)[_disk(14)].mean()
        assert inside > 0.95 if group in (6, 7, 8) else inside < 0.05
        assert _jumps(done, group)[~_disk(20)].mean() < 0.01


def test_small_and_faint_ones_are_no_showers():
    for parameters in ({"extend_min_area": 2000}, {"extend_snr_threshold": 4.0}):
        done = _run(_shower(), readnoise=5.0, find_showers=True, **{"extend_snr_threshold": 1.8} | parameters)
        assert done.history[-1].notes["showers"] == 0


def test_flags_that_change_the_slope_too_much_are_taken_back():
    without = _run(_shower(), readnoise=5.0)
    done = _showers(_shower(), max_shower_amplitude=0.0)
    assert done.history[-1].notes["showers"] == 1
    np.testing.assert_array_equal(done.groupdq, without.groupdq)


def test_short_exposures_have_no_showers():
    assert "showers" not in _showers(_shower(n_groups=10, at=5)).history[-1].notes


def test_reference_pixels_are_no_part_of_a_shower():
    pixeldq = np.zeros((SIZE, SIZE), np.uint32)
    pixeldq[:, 38:42] = PIXEL.REFERENCE_PIXEL
    done = _showers(_shower(), pixeldq=pixeldq)
    assert _jumps(done, 6)[_disk(14) & (pixeldq == 0)].mean() > 0.7
    assert _jumps(done, 6)[pixeldq != 0].mean() < 0.05


def _many(n_integrations, n_groups):
    rng = np.random.default_rng(4)
    # Differences that change from group to group in the same way in all integrations: no jumps.
    shape = (n_integrations, n_groups, 6, 6)
    data = np.cumsum(rng.normal(0, 2, shape) + 400 * (np.arange(n_groups) % 2)[:, None, None], axis=1)
    data[n_integrations // 2, 2:, 3, 3] += 100
    return data


def test_many_integrations_are_clipped_difference_by_difference():
    clip = {"minimum_sigclip_groups": 30, "rejection_threshold": 5.0, "flag_4_neighbors": False}
    done = _run(_many(30, 4), **clip)
    assert np.argwhere(done.groupdq).tolist() == [[15, 2, 3, 3]]
    assert done.meta.get("exposure.primary_cosmic_rays") == pytest.approx(1000 / (30 * 3 * 10 * 36))
    assert np.count_nonzero(_run(_many(29, 4), **clip).groupdq) > 100
    together = _run(_many(29, 4), only_use_ints=False, **clip)
    assert np.count_nonzero(together.groupdq) == 0  # the scatter of different groups hides it


def test_groups_that_are_jumps_everywhere_are_spared():
    data = np.zeros((30, 4, 6, 6))
    data[7, 2:] = 1000
    data[9, 3, 1, 1] = 1000
    done = _run(data + np.random.default_rng(0).normal(0, 1, data.shape), minimum_sigclip_groups=30,
                rejection_threshold=5.0, flag_4_neighbors=False)  # fmt: skip
    assert np.argwhere(done.groupdq & GROUP.JUMP_DET).tolist() == [[9, 3, 1, 1]]


@pytest.mark.parametrize("parameters", [SNOWBALLS, SHAPES, {"find_showers": True, "extend_min_area": 20},
                                        {"minimum_sigclip_groups": 2}])  # fmt: skip
def test_every_library_gives_the_same_flags(device, parameters):
    data, flags = _snowball(n_integrations=2, n_groups=8)
    data += np.cumsum(np.random.default_rng(6).normal(0, 1, data.shape), axis=1)
    ramp = make_ramp(data, groupdq=flags, nframes=1, group_time=10.0)
    references = [make_reference(k, data=np.ones((SIZE, SIZE))) for k in ("gain", "readnoise")]
    expected = jump(ramp, *references, **parameters)
    done = jump(device.put(ramp), *(device.put(r) for r in references), **parameters)
    np.testing.assert_array_equal(device.host(done.groupdq), expected.groupdq)
    assert done.history[-1].notes == expected.history[-1].notes
