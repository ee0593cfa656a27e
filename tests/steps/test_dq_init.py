"""dq_init: flags of the mask reach the pixels, and DO_NOT_USE every group."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import GROUP, PIXEL
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
