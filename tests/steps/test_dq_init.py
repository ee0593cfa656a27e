"""dq_init: flags of the mask reach the pixels, and DO_NOT_USE every group."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import GROUP, PIXEL, Reference
from jwgpu.errors import InputError
from jwgpu.steps import dq_init


def test_all_flags_reach_pixeldq_and_do_not_use_every_group():
    mask = make_reference("mask", dq=np.zeros((3, 3)))
    mask.dq[0, 1] = PIXEL.DEAD | PIXEL.DO_NOT_USE
    # SATURATED and AD_FLOOR have the bits of group flags, and the mask's must not get there.
    mask.dq[2, 2] = PIXEL.HOT | PIXEL.SATURATED | PIXEL.AD_FLOOR
    flagged = np.zeros((1, 4, 3, 3))
    flagged[0, 2, 1, 1] = GROUP.JUMP_DET
    ramp = make_ramp([1.0, 2.0, 3.0, 4.0], groupdq=flagged, pixeldq=np.full((3, 3), PIXEL.RC))
    done = check_pure(dq_init, ramp, mask)
    np.testing.assert_array_equal(done.pixeldq, mask.dq | PIXEL.RC)
    expected = flagged.copy()
    expected[..., 0, 1] = GROUP.DO_NOT_USE
    np.testing.assert_array_equal(done.groupdq, expected)
    assert done.history[-1].notes == {"do_not_use_pixels": 1}
    assert done.data is ramp.data


def test_without_a_mask_it_skips():
    record = dq_init(make_ramp([1.0])).history[-1]
    assert (record.status, record.reason) == ("SKIPPED", "there is no mask reference for this exposure")


def test_a_mask_of_another_shape_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"mask\.fits.*\(4, 3\).*\(3, 3\)"):
        dq_init(make_ramp([1.0]), make_reference("mask", dq=np.zeros((4, 3))))


def test_flags_of_the_user_join_those_of_the_mask(device):
    mask = make_reference("mask", dq=np.full((3, 3), PIXEL.HOT))
    mine = Reference("user_supplied_dq", "mine", {"dq": np.zeros((3, 3), np.int64)})
    mine.dq[1, 2] = int(PIXEL.DO_NOT_USE | PIXEL.REFERENCE_PIXEL)
    ramp = make_ramp([1.0, 2.0])
    done = dq_init(device.put(ramp), device.put(mask), device.put(mine)).to("cpu")
    np.testing.assert_array_equal(done.pixeldq, mask.dq | mine.dq.astype(np.uint32))
    np.testing.assert_array_equal(done.groupdq, np.broadcast_to(mine.dq & GROUP.DO_NOT_USE, done.groupdq.shape))
    assert done.history[-1].references == {"mask": "mask.fits", "user_supplied_dq": "mine"}
    assert not (mask.dq & PIXEL.DO_NOT_USE).any()


def test_flags_of_the_user_of_another_shape_are_an_error():
    mine = Reference("user_supplied_dq", "mine", {"dq": np.zeros((4, 3), np.uint32)})
    with pytest.raises(InputError, match=r"user_supplied_dq reference mine.*\(4, 3\).*\(3, 3\)"):
        dq_init(make_ramp([1.0]), make_reference("mask", dq=np.zeros((3, 3))), mine)
