"""dark_current: frames averaged as the exposure was, extended, chosen by integration."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import PIXEL
from jwgpu.errors import InputError
from jwgpu.step import byproducts
from jwgpu.steps import dark_current


def _dark(frames, nframes=1, groupgap=0, meta=None, **arrays):
    """Return a dark of 3 x 3 pixels: one number per frame, or per (integration, frame)."""
    frames = np.array(frames, np.float32)
    data = np.broadcast_to(frames[..., None, None], (*frames.shape, 3, 3)).copy()
    values = {"exposure.nframes": nframes, "exposure.groupgap": groupgap, **(meta or {})}
    return make_reference("dark", data=data, meta=values, **arrays)


@pytest.mark.parametrize(("nframes", "gap"), [(1, 0), (1, 2), (2, 0), (4, 1), (8, 12)])
def test_dark_is_averaged_over_the_frames_of_each_group(nframes, gap):
    frames = np.arange(60.0) ** 2
    ramp = make_ramp([1e4, 2e4, 3e4], nframes=nframes, groupgap=gap)
    done = check_pure(dark_current, ramp, _dark(frames))
    firsts = np.arange(3) * (nframes + gap)
    expected = [frames[f : f + nframes].mean() for f in firsts]
    np.testing.assert_allclose(ramp.data[0, :, 1, 1] - done.data[0, :, 1, 1], expected, atol=2e-3)
    assert done.data.dtype == np.float32


def test_a_dark_averaged_like_the_exposure_is_subtracted_as_it_stands():
    done = dark_current(make_ramp([10.0, 20.0], nframes=4, groupgap=1), _dark([1.0, 5.0, 9.0], nframes=4, groupgap=1))
    np.testing.assert_array_equal(done.data[0, :, 0, 0], [9, 15])


@pytest.mark.parametrize(("nframes", "gap"), [(8, 0), (4, 2), (2, 0)])
def test_a_dark_averaged_otherwise_cannot_be_used(nframes, gap):
    ramp = make_ramp([10.0, 20.0], nframes=4, groupgap=1)
    skipped = dark_current(ramp, _dark(np.ones(40), nframes=nframes, groupgap=gap))
    assert skipped.history[-1].status == "SKIPPED"
    assert "single frames" in skipped.history[-1].reason
    assert skipped.data is ramp.data


def test_a_short_dark_is_carried_on_along_its_last_two_frames():
    ramp = make_ramp([100.0, 100.0, 100.0], nframes=2)
    done = dark_current(ramp, _dark([0.0, 1.0, 4.0, 6.0]))
    # Frames 4 and 5 are 8 and 10.
    np.testing.assert_allclose(done.data[0, :, 0, 0], [99.5, 95, 91])
    assert done.history[-1].notes == {"dark_frames": 4, "dark_frames_needed": 6}
    with pytest.raises(InputError, match=r"dark\.fits has 1 frame where .* needs 6"):
        dark_current(ramp, _dark([1.0]))


def test_nan_counts_as_zero_in_its_frame():
    dark = _dark([2.0, 4.0])
    dark.data[1, 0, 0] = np.nan
    done = dark_current(make_ramp([10.0], nframes=2), dark)
    assert done.data[0, 0, 0, 0] == 9
    assert done.data[0, 0, 1, 1] == 7


def test_flags_arrive_and_the_zero_frame_is_left_alone():
    flags = np.zeros((3, 3))
    flags[0, 1] = PIXEL.HOT
    ramp = make_ramp([10.0], zeroframe=np.full((1, 3, 3), 4.0), pixeldq=np.full((3, 3), PIXEL.RC))
    done = dark_current(ramp, _dark([1.0], dq=flags))
    np.testing.assert_array_equal(done.pixeldq, flags.astype(np.uint32) | PIXEL.RC)
    assert done.zeroframe is ramp.zeroframe
    assert done.groupdq is ramp.groupdq


def test_mid_infrared_darks_follow_the_integration():
    flags = np.zeros((2, 1, 3, 3))
    flags[0, 0, 0, 0] = PIXEL.HOT
    flags[1, 0, 0, 0] = PIXEL.WARM
    dark = _dark([[1.0, 2.0], [10.0, 20.0]], dq=flags)
    data = np.full((3, 2, 3, 3), 100.0)
    done = check_pure(dark_current, make_ramp(data), dark)
    np.testing.assert_array_equal(done.data[:, :, 0, 0], [[99, 98], [90, 80], [90, 80]])
    assert done.pixeldq[0, 0] == PIXEL.HOT | PIXEL.WARM
    later = dark_current(make_ramp(data, integration_start=2), dark)
    np.testing.assert_array_equal(later.data[:, :, 0, 0], [[90, 80]] * 3)


def test_average_dark_current_is_parameter_plane_number_or_zero():
    ramp, plane = make_ramp([1.0]), np.full((3, 3), 0.25)
    number = {"exposure.average_dark_current": 0.5}
    cases = [
        (_dark([1.0], average_dark_current=plane, meta=number), {"average_dark_current": 2.0}, 2.0),
        (_dark([1.0], average_dark_current=plane, meta=number), {}, 0.25),
        (_dark([1.0], average_dark_current=0 * plane, meta=number), {}, 0.5),
        (_dark([1.0]), {}, 0.0),
    ]
    for dark, parameters, expected in cases:
        average = dark_current(ramp, dark, **parameters).average_dark_current
        np.testing.assert_array_equal(average, np.full((3, 3), expected, np.float32))
        assert average.dtype == np.float32
        assert "average_dark_current" not in dark or not np.shares_memory(average, dark.average_dark_current)
    with pytest.raises(InputError, match="average_dark_current = nan"):
        dark_current(ramp, _dark([1.0]), average_dark_current=float("nan"))


@pytest.mark.parametrize("n_integrations", [1, 2])
def test_the_averaged_dark_is_left_beside_the_result(device, n_integrations):
    frames = np.arange(12.0) ** 2 + 1000 * np.arange(n_integrations)[:, None]
    dark = _dark(frames if n_integrations > 1 else frames[0], meta={"exposure.ngroups": 12, "pedigree": "GROUND"})
    dark.dq[0, 1] = PIXEL.HOT
    ramp = make_ramp([1e4, 2e4, 3e4], nframes=2, groupgap=1)
    with byproducts() as left:
        done = dark_current(device.put(ramp), device.put(dark), dark_output="mine.fits").to("cpu")
    saved = left["dark_output"].to("cpu")
    expected = [[frames[i, f : f + 2].mean() for f in (0, 3, 6)] for i in range(n_integrations)]
    np.testing.assert_allclose(saved.data[..., 1, 1], expected if n_integrations > 1 else expected[0])
    np.testing.assert_array_equal(saved.data.reshape(-1, 3, 3, 3)[0], (ramp.data - done.data)[0])
    assert (saved.dq.squeeze() == dark.dq).all()
    assert saved.schema == ("darkMIRI" if n_integrations > 1 else "dark")
    exposure = saved.meta.exposure
    assert (exposure.nframes, exposure.groupgap, exposure.ngroups, saved.meta.pedigree) == (2, 1, 3, "GROUND")
    with byproducts() as left:
        dark_current(ramp, dark)
    assert not left


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"exposure\.groupgap"):
        dark_current(make_ramp([1.0], groupgap=None), _dark([1.0]))
    with pytest.raises(ValueError, match=r"dark\.fits"):
        dark_current(make_ramp(np.ones((1, 4, 4))), _dark([1.0]))
    assert dark_current(make_ramp([1.0])).history[-1].status == "SKIPPED"
