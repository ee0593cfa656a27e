"""saturation: thresholds, neighbours, later groups, averaged groups, the floor, the zero frame."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import GROUP, PIXEL
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.steps import saturation

SAT, DNU, FLOOR = GROUP.SATURATED, GROUP.DO_NOT_USE, GROUP.AD_FLOOR


def _ramp(groups, size=7, **keywords):
    """Return a quiet ramp (10 DN) whose middle pixel reads `groups`."""
    data = np.full((len(groups), size, size), 10.0)
    data[:, size // 2, size // 2] = groups
    return make_ramp(data, **keywords)


def _reference(value=1000.0, size=7, **pixels):
    return make_reference("saturation", data=np.full((size, size), value), **pixels)


@pytest.mark.parametrize("grow", [0, 1, 2])
def test_saturation_reaches_neighbours_and_later_groups(grow):
    done = check_pure(saturation, _ramp([10, 1000, 20, 30]), _reference(), n_pix_grow_sat=grow)
    expected = np.zeros((4, 7, 7), np.uint8)
    expected[1:, 3 - grow : 4 + grow, 3 - grow : 4 + grow] = SAT
    np.testing.assert_array_equal(done.groupdq[0], expected)
    assert done.history[-1].notes["saturated_pixels"] == (2 * grow + 1) ** 2


@pytest.mark.parametrize("corner", [(0, 0), (0, 6), (6, 0), (6, 6)])
def test_growth_stops_at_the_edges(corner):
    ramp = make_ramp(np.full((1, 7, 7), 10.0))
    ramp.data[0, 0, *corner] = 5000
    flagged = saturation(ramp, _reference()).groupdq[0, 0] != 0
    assert flagged.sum() == 4
    assert flagged[corner]


def test_growth_larger_than_the_detector_flags_all_of_it():
    done = saturation(_ramp([2000], size=3), _reference(size=3), n_pix_grow_sat=5)
    assert (done.groupdq == SAT).all()


def test_integrations_do_not_see_each_other():
    data = np.full((2, 2, 7, 7), 10.0)
    data[0, 0, 3, 3] = 1000
    done = saturation(make_ramp(data), _reference(), n_pix_grow_sat=0)
    assert (done.groupdq[0, :, 3, 3] == SAT).all()
    assert not done.groupdq[1].any()


def test_floor_is_flagged_in_its_own_group_and_does_not_grow():
    done = saturation(_ramp([0, 5, -1, 5]), _reference())
    np.testing.assert_array_equal(done.groupdq[0, :, 3, 3], [FLOOR | DNU, 0, FLOOR | DNU, 0])
    assert np.count_nonzero(done.groupdq) == 2


def test_unchecked_pixels_never_saturate_but_are_flagged():
    reference = _reference(dq=np.zeros((7, 7)))
    reference.data[3, 3] = np.nan
    reference.dq[3, 2] = PIXEL.NO_SAT_CHECK | PIXEL.OTHER_BAD_PIXEL
    ramp = _ramp([65535, 65535])
    ramp.data[..., 3, 2] = 65535
    done = check_pure(saturation, ramp, reference)
    assert not done.groupdq.any()
    assert done.pixeldq[3, 3] == PIXEL.NO_SAT_CHECK
    assert done.pixeldq[3, 2] == PIXEL.NO_SAT_CHECK | PIXEL.OTHER_BAD_PIXEL
    assert np.count_nonzero(done.pixeldq) == 2


def test_an_averaged_group_below_the_threshold_is_not_used_when_the_next_is_saturated():
    # Four frames a group: a straight ramp that reaches 1000 in the last frame of the second has a mean of
    # 1000 * 6.5 / 8 = 812.5 there.
    for value, expected in ((812.5, DNU), (812.25, 0)):
        done = saturation(_ramp([300, value, 1000], nframes=4), _reference())
        np.testing.assert_array_equal(done.groupdq[0, 1, 2:5, 2:5], expected)
    assert not saturation(_ramp([300, 900, 1000], nframes=4), _reference(), use_readpatt=False).groupdq[0, 1].any()
    assert not saturation(_ramp([300, 900, 1000], nframes=1), _reference()).groupdq[0, 1].any()


def test_the_scaled_threshold_is_not_rounded():
    # Three frames a group: 1000 * 5 / 6 = 833.33...; the nearest float32 lies below it.
    value = np.float32(1000 * 5 / 6)
    assert float(value) < 1000 * 5 / 6
    above = np.nextafter(value, np.float32(1e4))
    for reading, expected in ((value, 0), (above, DNU)):
        assert saturation(_ramp([300, reading, 1000], nframes=3), _reference()).groupdq[0, 1, 3, 3] == expected


def test_an_unchecked_neighbour_of_saturation_keeps_its_averaged_group():
    reference = _reference()
    reference.data[3, 2] = np.nan
    # Saturated by its neighbour in the last group; nothing is known of its own threshold.
    ramp = _ramp([300, 400, 10, 1000], nframes=4)
    ramp.data[0, 2, 3, 2] = 65000
    done = saturation(ramp, reference)
    assert done.groupdq[0, 3, 3, 2] == SAT
    assert not done.groupdq[0, :3].any()


def test_a_late_hit_in_the_second_group_is_not_used():
    # Bias 100, two frames: the first group (130) extrapolates to 30 / 1.5 * 6 + 100 = 220, far below 1000, and
    # the step to the second is larger than (1000 - 130) / 2 = 435.
    bias = make_reference("superbias", data=np.full((7, 7), 100.0))
    for value, expected in ((566.0, DNU), (565.0, 0)):
        done = check_pure(saturation, _ramp([130, value, 1000], nframes=2), _reference(), bias)
        assert done.groupdq[0, 1, 3, 3] == expected
        assert done.groupdq[0, 1].sum() == expected
    # Without the bias the first group extrapolates to 520: still calm. A steep first group is not.
    assert saturation(_ramp([260, 700, 1000], nframes=2), _reference()).groupdq[0, 1, 3, 3] == 0
    assert saturation(_ramp([260, 700, 1000], nframes=2), _reference(), bias).groupdq[0, 1, 3, 3] == DNU


def test_zero_frame_loses_what_is_saturated_or_at_the_floor():
    zeroframe = np.full((1, 7, 7), 20.0)
    zeroframe[0, 1, 1] = 1000
    zeroframe[0, 5, 5] = -3
    done = check_pure(saturation, _ramp([10, 10], zeroframe=zeroframe), _reference())
    expected = zeroframe.copy()
    expected[0, :3, :3] = 0
    expected[0, 5, 5] = 0
    np.testing.assert_array_equal(done.zeroframe, expected)
    assert not done.groupdq.any()


def test_flags_that_were_there_stay():
    flags = np.zeros((1, 2, 7, 7))
    flags[0, 0, 0, 0] = GROUP.JUMP_DET
    done = saturation(_ramp([10, 10], groupdq=flags, pixeldq=np.full((7, 7), PIXEL.HOT)), _reference())
    np.testing.assert_array_equal(done.groupdq, flags)
    assert (done.pixeldq == PIXEL.HOT).all()


def test_saturation_flagged_before_grows_in_its_own_group():
    flags = np.zeros((1, 3, 7, 7))
    flags[0, 1, 3, 3] = GROUP.SATURATED
    done = saturation(_ramp([10, 10, 10], groupdq=flags), _reference())
    assert (done.groupdq[0, 1, 2:5, 2:5] == SAT).all()
    assert np.count_nonzero(done.groupdq) == 9


def test_bad_input_is_named():
    with pytest.raises(InputError, match="n_pix_grow_sat = -1"):
        saturation(_ramp([1.0]), _reference(), n_pix_grow_sat=-1)
    with pytest.raises(InputError, match="fastaxis"):
        saturation(make_ramp(np.ones((1, 3200, 8)), readpatt="NRSIRS2"), _reference())
    with pytest.raises(ValueError, match=r"exposure\.nframes"):
        saturation(_ramp([1.0], nframes=None), _reference())
    with pytest.raises(ValueError, match=r"saturation\.fits"):
        saturation(_ramp([1.0]), _reference(size=6))
    assert saturation(_ramp([1.0])).history[-1].status == "SKIPPED"


def _irs2(groups, detector="NRS1", **keywords):
    """Return a quiet ramp in IRS2 format whose first science pixel reads `groups`, and which pixel it is."""
    ramp = make_ramp(np.full((len(groups), 3200, 8), 10.0), **keywords)
    sign = 1 if detector == "NRS1" else -1
    ramp = ramp.replace(meta=ramp.meta.set({"subarray.fastaxis": 2 * sign, "subarray.slowaxis": sign}))
    row = 640 if detector == "NRS1" else 3200 - 1 - 640
    ramp.data[0, :, row, 2] = groups
    return ramp, row


@pytest.mark.parametrize(("detector", "way"), [("NRS1", 1), ("NRS2", -1)])
def test_irs2_growth_passes_over_the_reference_pixels(detector, way):
    """Rows 8 to 11 of each output are reference pixels: the normal row 12 is the neighbour of row 7."""
    ramp, row = _irs2([10, 10, 10], detector)
    ramp.data[0, 1, row + 7 * way, 2] = 2000
    ramp.data[0, 1, row + 9 * way, 2] = 65535
    reference = make_reference("saturation", data=np.full((2048, 8), 1000.0))
    done = check_pure(saturation, ramp, reference)
    rows = sorted({int(y) for y in np.nonzero(done.groupdq[0, 1])[0]})
    assert rows == sorted(row + n * way for n in (6, 7, 12))
    assert (done.groupdq[0, 1:, row + 12 * way, 1:4] == SAT).all()
    assert not done.groupdq[0, 0].any()


def test_irs2_floor_zero_frame_and_flags_of_normal_pixels_only():
    zeroframe = np.full((1, 3200, 8), 20.0)
    ramp, row = _irs2([10, 10], zeroframe=zeroframe)
    ramp.data[0, 0, [row + 1, row + 8], 0] = 0
    ramp.zeroframe[0, [row + 1, row + 8], 0] = 3000
    reference = make_reference("saturation", data=np.full((2048, 8), np.nan))
    reference.data[1] = 1000
    done = check_pure(saturation, ramp, reference, n_pix_grow_sat=0)
    assert done.groupdq[0, 0, row + 1, 0] == FLOOR | DNU
    assert np.count_nonzero(done.groupdq) == 1
    assert done.zeroframe[0, row + 1, 0] == 0
    assert (done.zeroframe == 0).sum() == 1
    assert (done.pixeldq == PIXEL.NO_SAT_CHECK).sum() == 2047 * 8
    assert not done.pixeldq[[row + 1, row + 8]].any()


def test_irs2_late_hit_saturates_the_second_group_and_its_neighbours():
    bias = make_reference("superbias", data=np.full((3200, 8), 100.0))
    reference = make_reference("saturation", data=np.full((2048, 8), 1000.0))
    for value, expected in ((566.0, SAT), (565.0, 0)):
        ramp, row = _irs2([130, value, 1000], nframes=2)
        done = check_pure(saturation, ramp, reference, bias)
        np.testing.assert_array_equal(done.groupdq[0, 1, row : row + 2, 1:4], expected)
        assert np.count_nonzero(done.groupdq[0, 1]) == (6 if expected else 0)


@pytest.mark.parametrize("grow", [0, 1, 7])
def test_blocks_of_rows_join(grow, tiny, monkeypatch):
    """Neighbours across the border of two blocks are flagged as within one, flags that were there before spread too."""
    made = tiny("nircam_snowball")
    rng = np.random.default_rng(3)
    before = np.where(rng.random(made.ramp.groupdq.shape) < 0.002, GROUP.SATURATED, 0).astype(np.uint8)
    ramp = made.ramp.replace(groupdq=before, data=made.ramp.data - rng.integers(0, 12000, made.ramp.shape[-2:]))
    results = []
    for rows in (1, 5, 64):
        monkeypatch.setattr(
            sys.modules["jwgpu.steps.saturation"], "over_rows", lambda work, a, rows=rows: over_rows(work, a, rows)
        )
        results.append(
            saturation(ramp, made.references.saturation, made.references.superbias, n_pix_grow_sat=grow).groupdq
        )
    assert (results[0] & GROUP.AD_FLOOR).any() and (results[0] & GROUP.SATURATED).any()
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_array_equal(results[1], results[2])
