"""linearity: polynomials group by group, and frame by frame where there are inverses."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import GROUP, PIXEL
from jwgpu.errors import InputError
from jwgpu.steps import linearity


def _reference(terms, **arrays):
    """Return a reference with the same polynomial in 3 x 3 pixels."""
    return make_reference("linearity", coeffs=_planes(terms), **arrays)


def _planes(terms):
    """Return one constant plane per term."""
    return np.broadcast_to(np.array(terms)[:, None, None], (len(terms), 3, 3))


@pytest.mark.parametrize("terms", [[1.0, 1.0], [0.0, 2.0, 0.5], [3.0, 1.0, -0.25, 0.125, 0.0625]])
def test_polynomials_of_any_order_are_evaluated(terms):
    values = np.array([-2.0, 0.0, 1.0, 4.0])
    done = check_pure(linearity, make_ramp(values), _reference(terms))
    expected = sum(c * values**k for k, c in enumerate(terms))
    np.testing.assert_array_equal(done.data[0, :, 1, 1], expected)
    assert done.data.dtype == np.float32
    assert not done.pixeldq.any()


def test_saturated_groups_stay_and_other_flags_do_not_matter():
    flags = np.zeros((1, 3, 3, 3))
    flags[0, 1] = GROUP.SATURATED
    flags[0, 2] = GROUP.JUMP_DET | GROUP.DO_NOT_USE
    done = linearity(make_ramp([1.0, 2.0, 3.0], groupdq=flags), _reference([0.0, 1.0, 1.0]))
    np.testing.assert_array_equal(done.data[0, :, 0, 0], [2, 2, 12])


def test_unusable_polynomials_leave_the_pixel_alone_and_flag_it():
    reference = _reference([0.0, 2.0, 1.0], dq=np.zeros((3, 3)))
    reference.coeffs[2, 0, 0] = np.nan
    reference.coeffs[1, 0, 1] = 0
    reference.dq[0, 2] = PIXEL.NO_LIN_CORR
    reference.dq[1, 0] = PIXEL.OTHER_BAD_PIXEL
    done = check_pure(linearity, make_ramp([3.0], zeroframe=np.full((1, 3, 3), 3.0)), reference)
    for corrected in (done.data[0, 0], done.zeroframe[0]):
        np.testing.assert_array_equal(corrected[0], 3)
        np.testing.assert_array_equal(corrected[1:], 15)
    np.testing.assert_array_equal(done.pixeldq[0], PIXEL.NO_LIN_CORR)
    assert done.pixeldq[1, 0] == PIXEL.OTHER_BAD_PIXEL
    assert not done.pixeldq[2].any()
    assert done.history[-1].notes["uncorrected_pixels"] == 3


def test_zero_frame_without_a_value_stays_zero():
    zeroframe = np.full((1, 3, 3), 2.0)
    zeroframe[0, 1, 1] = 0
    done = linearity(make_ramp([2.0], zeroframe=zeroframe), _reference([5.0, 1.0]))
    assert done.zeroframe[0, 1, 1] == 0
    assert (done.zeroframe[zeroframe != 0] == 7).all()


def test_frames_of_a_group_are_corrected_one_by_one(device):
    # A detector that reads r where the true signal is r + r**2: the inverse is (sqrt(1 + 4 t) - 1) / 2, here as a
    # polynomial over the signals that occur. Eight frames a group, from 0.1 to 4.8.
    true = 0.1 * np.arange(1, 49, dtype=np.float64).reshape(6, 8)
    readings = ((np.sqrt(1 + 4 * true) - 1) / 2).mean(axis=1)
    span = np.linspace(0, 5, 400)
    inverse = np.polynomial.Polynomial.fit(span, (np.sqrt(1 + 4 * span) - 1) / 2, 9).convert().coef
    reference = device.put(_reference([0.0, 1.0, 1.0], inv_coeffs=_planes(inverse)))
    done = linearity(device.put(make_ramp(readings, nframes=8)), reference)
    assert done.history[-1].notes["by_frames"]
    plain = np.abs(readings + readings**2 - true.mean(axis=1))
    by_frame = np.abs(device.host(done.data)[0, :, 1, 1] - true.mean(axis=1))
    assert (by_frame < 0.05 * plain).all()
    assert by_frame.max() < 1e-3


def test_saturation_does_not_bend_the_line_through_the_frames():
    reference = _reference([0.0, 1.0, 0.5], inv_coeffs=_planes([0.0, 1.0, -0.25]))
    readings = [0.1, 0.2, 0.3, 0.4, 9.0, 9.0]
    flags = np.zeros((1, 6, 3, 3))
    flags[0, 4:] = GROUP.SATURATED
    done = linearity(make_ramp(readings, nframes=4, groupdq=flags), reference).data[0, :, 0, 0]
    cut = linearity(make_ramp(readings[:4], nframes=4), reference).data[0, :, 0, 0]
    np.testing.assert_array_equal(done[:4], cut)
    np.testing.assert_array_equal(done[4:], np.float32(9))
    # The last good group may be touched: its value does not reach the others.
    touched = linearity(make_ramp([*readings[:3], 0.8, 9.0, 9.0], nframes=4, groupdq=flags), reference)
    np.testing.assert_array_equal(touched.data[0, :3, 0, 0], cut[:3])


@pytest.mark.parametrize("saturated", [[0], [1], [0, 1]])
def test_saturated_ends_of_the_line_are_taken_as_read(saturated):
    readings = np.array([2.0, 3.0, 4.0])
    flags = np.zeros((1, 3, 3, 3))
    flags[0, saturated] = GROUP.SATURATED
    reference = _reference([0.0, 2.0, 1.0], inv_coeffs=_planes([0.0, 1.0]))
    done = linearity(make_ramp(readings, nframes=2, groupdq=flags), reference).data[0, :, 0, 0]
    # The line runs from the first to the second group, the end that two usable groups or fewer allow; the inverse
    # is the identity, so the two frames of a group lie half a slope off its reading r, and the mean of 2 r + r**2
    # over them is larger by the square of that.
    ends = [r if i in saturated else 2 * r + r**2 for i, r in enumerate(readings[:2])]
    offset = (ends[1] - ends[0]) / 2 / 2
    expected = [r if i in saturated else 2 * r + r**2 + offset**2 for i, r in enumerate(readings)]
    np.testing.assert_allclose(done, expected, rtol=1e-6)


def test_frames_are_not_reconstructed_without_need():
    reference = _reference([0.0, 2.0], inv_coeffs=_planes([0.0, 0.5]))
    timed = make_ramp([1.0, 2.0], nframes=2, read_times=[1.0])
    for ramp in (make_ramp([1.0, 2.0]), make_ramp([1.0], nframes=2), timed):
        done = linearity(ramp, reference)
        assert not done.history[-1].notes["by_frames"]
        np.testing.assert_array_equal(done.data, 2 * ramp.data)


def test_an_unusable_inverse_is_flagged():
    inverse = _planes([0.0, 0.5]).copy()
    inverse[1, 2, 2] = 0
    done = linearity(make_ramp([1.0, 2.0, 3.0], nframes=2), _reference([0.0, 2.0], inv_coeffs=inverse))
    assert done.pixeldq[2, 2] == PIXEL.NO_LIN_CORR
    assert np.count_nonzero(done.pixeldq) == 1
    np.testing.assert_allclose(done.data[0, :, 2, 2], [2, 4, 6])


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"linearity\.fits.*two terms"):
        linearity(make_ramp([1.0]), _reference([1.0]))
    with pytest.raises(ValueError, match=r"linearity\.fits"):
        linearity(make_ramp(np.ones((1, 4, 4))), _reference([0.0, 1.0]))
    assert linearity(make_ramp([1.0])).history[-1].status == "SKIPPED"
