"""superbias: what every group and the zero frame lose."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import PIXEL
from jwgpu.steps import superbias


def test_bias_leaves_data_and_zero_frame_and_flags_arrive():
    bias = np.arange(9.0).reshape(3, 3)
    bias[1, 1] = np.nan
    flags = np.zeros((3, 3))
    flags[2, 0] = PIXEL.UNRELIABLE_BIAS
    zeroframe = np.full((2, 3, 3), 50.0)
    zeroframe[1, 0, 2] = 0
    data = np.stack([np.full((2, 3, 3), 100.0), np.full((2, 3, 3), 200.0)])
    ramp = make_ramp(data, zeroframe=zeroframe, pixeldq=np.full((3, 3), PIXEL.HOT))
    done = check_pure(superbias, ramp, make_reference("superbias", data=bias, dq=flags))
    known = np.nan_to_num(bias)
    np.testing.assert_array_equal(done.data, ramp.data - known.astype(np.float32))
    np.testing.assert_array_equal(done.zeroframe[0], 50 - known)
    assert done.zeroframe[1, 0, 2] == 0
    np.testing.assert_array_equal(done.pixeldq, np.uint32(PIXEL.HOT) | flags.astype(np.uint32))


def test_a_ramp_without_zero_frame_keeps_none():
    assert superbias(make_ramp([1.0]), make_reference("superbias", data=np.ones((3, 3)))).zeroframe is None


def test_without_a_superbias_it_skips():
    assert superbias(make_ramp([1.0])).history[-1].status == "SKIPPED"


def test_a_superbias_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"superbias\.fits"):
        superbias(make_ramp([1.0]), make_reference("superbias", data=np.zeros((2, 3))))
