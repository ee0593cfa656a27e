"""refpix: what the electronics add is taken out, and nothing else."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from ramps import check_pure

from jwgpu.data import PIXEL, Meta, Ramp
from jwgpu.data.detector import Readout
from jwgpu.step import ParameterError
from jwgpu.steps import refpix

AXES = [(f, s) for f, s in itertools.product((1, -1, 2, -2), repeat=2) if abs(f) != abs(s)]


def make(shape, *, fast=1, slow=2, x=1, y=1, outputs=4, instrument="NIRCAM", name="SUB", **others):
    """Return a ramp of zeros (integration, group, y, x), reference pixels flagged, and its readout."""
    values = {"subarray.fastaxis": fast, "subarray.slowaxis": slow, "subarray.xstart": x, "subarray.ystart": y}
    values |= {"subarray.name": name, "exposure.noutputs": outputs, "instrument.name": instrument, **others}
    meta = Meta(values)
    pixeldq = np.zeros(shape[-2:], np.uint32)
    readout = Readout.of(meta, shape)
    seen = readout.view(pixeldq)
    for rows in (readout.bottom, readout.top):
        seen[rows] = PIXEL.REFERENCE_PIXEL
    for columns in (readout.left, readout.right):
        seen[:, columns] = PIXEL.REFERENCE_PIXEL
    data = np.zeros(shape, np.float32)
    return Ramp(data=data, groupdq=data.astype(np.uint8), pixeldq=pixeldq, meta=meta), readout


def wide(fast=1, slow=2, n_integrations=1, n_groups=2, **others):
    """Return a ramp that holds the first 24 rows of the detector: all amplifiers, bottom and sides, no top."""
    start = 1 if slow > 0 else 2048 - 24 + 1
    shape, place = ((24, 2048), {"y": start}) if abs(fast) == 1 else ((2048, 24), {"x": start})
    return make((n_integrations, n_groups, *shape), fast=fast, slow=slow, **place, **others)


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_levels_of_amplifiers_and_columns_vanish(fast, slow):
    """A level per amplifier, parity and group is removed exactly, however the detector is turned."""
    ramp, readout = wide(fast, slow)
    column = np.arange(2048)
    for group in range(2):
        readout.view(ramp.data[0, group])[:] = 100 * (column // 512) + 7 * (column % 2) + 1000 * group
    signal = readout.view(ramp.data)[..., 10, 600]
    signal += 50
    result = check_pure(refpix, ramp, use_side_ref_pixels=False)
    seen = readout.view(result.data)
    np.testing.assert_array_equal(seen[..., 10, 600], 50)
    assert np.count_nonzero(seen) == 2
    assert result.data.dtype == np.float32
    assert result.history[-1].notes == {"edge_pixels": 4 * 2048, "side_pixels": 0}


def test_without_odd_even_columns_the_amplifier_has_one_level():
    """With one level per amplifier, the difference between odd and even columns stays."""
    ramp, _ = wide()
    ramp.data[..., 1::2] = 8
    result = refpix(ramp, odd_even_columns=False, use_side_ref_pixels=False)
    np.testing.assert_array_equal(np.unique(result.data), [-4, 4])


def test_top_and_bottom_are_averaged():
    """On a full frame the mean of top and bottom goes, though the bottom has far fewer usable pixels."""
    ramp, _ = make((1, 1, 2048, 2048))
    ramp.data[0, 0, :4], ramp.data[0, 0, -4:] = 10, 20
    ramp.pixeldq[:3] |= PIXEL.DO_NOT_USE
    result = refpix(ramp, use_side_ref_pixels=False).data
    assert set(np.unique(result)) == {-15, -5, 5}


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_row_stripes_follow_the_side_pixels(fast, slow):
    """Stripes along rows vanish: exactly with a box of one row, and if they rise evenly with a box of eleven."""
    ramp, readout = wide(fast, slow)
    row = np.arange(24)
    readout.view(ramp.data[0, 0])[:] = ((37 * row) % 11)[:, None]
    readout.view(ramp.data[0, 1])[:] = 4 * row[:, None]
    exact = readout.view(refpix(ramp, side_smoothing_length=1).data)
    np.testing.assert_allclose(exact, 0, atol=1e-5)
    smooth = readout.view(check_pure(refpix, ramp).data)
    np.testing.assert_allclose(smooth[0, 1, 5:-6], 0, atol=1e-5)
    assert np.abs(smooth[0, 0]).max() > 1


def test_small_simulated_detectors_are_corrected_like_full_frames():
    """Levels of four amplifiers and stripes that rise evenly vanish; the box is reflected at all edges."""
    ramp, _ = make((1, 1, 40, 48), name="FULL", outputs=None)
    ramp.data[:] = 100 * (np.arange(48) // 12) + 4 * np.arange(40)[:, None]
    result = refpix(ramp).data[0, 0]
    np.testing.assert_allclose(result[5:-5], 0, atol=1e-5)
    # At the ends |i| over -5 .. 5 has the median 3, so three rows' worth is left.
    np.testing.assert_allclose(result[[0, -1]], [[-12] * 48, [12] * 48], atol=1e-5)


def test_rows_at_the_ends_of_a_window_see_a_smaller_box():
    """Rows are reflected at the detector's edge only; inside it, the box of a window's first row is cut."""
    ramp, _ = make((1, 1, 24, 2048), y=500)
    ramp.data[:] = 4 * np.arange(24)[:, None]
    result = refpix(ramp).data[0, 0]
    np.testing.assert_array_equal(result[[0, 12, 23], 900], [-10, 0, 10])


def test_side_gain_scales_the_rows():
    """Half the gain leaves half of the stripe."""
    ramp, _ = wide()
    ramp.data[..., 12:, :] = 8
    left = refpix(ramp, side_smoothing_length=1, side_gain=0.5).data
    np.testing.assert_array_equal(left[..., 12:, :], 4)
    np.testing.assert_array_equal(left[..., :12, :], 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_bad_reference_pixels_take_no_part(value):
    """Values that are not finite, outliers and flagged pixels do not move the level."""
    ramp, _ = wide()
    ramp.data[:] = 5
    ramp.data[0, 0, 0, [10, 700]] = value
    ramp.data[0, 1, 6, 1] = value
    ramp.data[0, 0, 1, 40], ramp.pixeldq[1, 40] = -3, PIXEL.DO_NOT_USE
    result = refpix(ramp).data
    bad = np.zeros(result.shape, bool)
    bad[0, 0, 0, [10, 700]] = bad[0, 1, 6, 1] = bad[0, 0, 1, 40] = True
    np.testing.assert_array_equal(result[~bad], 0)


@pytest.mark.parametrize("parity", [0, 1])
def test_amplifier_without_reference_pixels_keeps_its_level(parity):
    """Odd and even columns of an amplifier are corrected together or not at all."""
    ramp, _ = wide()
    ramp.data[:] = 5
    ramp.pixeldq[:4, 512 + parity : 1024 : 2] |= PIXEL.DO_NOT_USE
    result = refpix(ramp, use_side_ref_pixels=False).data
    np.testing.assert_array_equal(result[..., 512:1024], 5)
    assert np.count_nonzero(result) == 2 * 24 * 512


@pytest.mark.parametrize("start", [1, 2])
def test_single_output_uses_all_flagged_pixels(start):
    """A single output has one level per parity, from edges and sides alike; sides do not correct rows."""
    ramp, _ = make((1, 1, 16, 19), outputs=1, x=2048 - 19 + 1, y=start)
    ramp.data[0, 0, :, 0::2], ramp.data[0, 0, :, 1::2] = 30, 40
    ramp.data[0, 0, 10] += 6
    result = check_pure(refpix, ramp, siglimit=2.0)
    expected = np.zeros((16, 19))
    expected[10] = 6
    np.testing.assert_array_equal(result.data[0, 0], expected)


def test_edgeless_nirspec_windows_use_their_outer_rows():
    """SUB512 and its kin touch no edge: the outermost four detector rows serve; other windows skip."""
    there = {"outputs": 1, "fast": 2, "slow": 1, "x": 800, "y": 900, "instrument": "NIRSPEC"}
    ramp, readout = make((1, 1, 32, 32), name="SUB32", **there)
    seen = readout.view(ramp.data)
    seen[:] = 3
    seen[..., 4:-4, :] = 1000
    result = refpix(ramp)
    np.testing.assert_array_equal(readout.view(result.data)[0, 0, :, 0], [0] * 4 + [997] * 24 + [0] * 4)
    assert refpix(ramp.replace(meta=ramp.meta.set({"subarray.name": "X"}))).history[-1].status == "SKIPPED"


def test_zero_frame_is_corrected_and_its_zeros_stay():
    """The zero frame is corrected like a group; 0 there means unknown and stays."""
    ramp, _ = wide()
    zeroframe = np.full((1, 24, 2048), 9, np.float32)
    zeroframe[0, 7, 70] = 0
    zeroframe[0, 12, 900] = 12
    result = check_pure(refpix, ramp.replace(zeroframe=zeroframe))
    expected = np.zeros_like(zeroframe)
    expected[0, 12, 900] = 3
    np.testing.assert_array_equal(result.zeroframe, expected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"instrument.name": "MIRI"}, "MIRI subarrays"),
        ({"subarray.ystart": 2040}, "detector rows 2039 to 2062.*reaches beyond"),
        ({"subarray.ystart": 300, "exposure.noutputs": 1}, "no usable reference pixel"),
    ],
)
def test_skips_say_why(changes, reason):
    """What cannot be corrected is left alone, with a reason."""
    ramp, _ = make((1, 1, 24, 64), x=300)
    if "exposure.noutputs" in changes:
        ramp.pixeldq[:] = 0
    ramp = ramp.replace(meta=ramp.meta.set(changes))
    result = refpix(ramp)
    assert result.history[-1].status == "SKIPPED"
    assert re.search(reason, result.history[-1].reason)
    assert result.data is ramp.data


@pytest.mark.parametrize(
    "wrong",
    [
        {"side_smoothing_length": 0},
        {"siglimit": 0.0},
        {"siglimit": float("nan")},
        {"halfwidth": 0},
        {"sigreject": -1.0},
        {"ovr_corr_mitigation_ftr": 0.0},
    ],
)
def test_parameters_out_of_range(wrong):
    """A box of no rows and a limit of no width are refused by name."""
    with pytest.raises(ParameterError, match=f"refpix.{next(iter(wrong))}"):
        refpix(wide()[0], **wrong)


@pytest.mark.parametrize("outputs", [1, 4])
def test_every_array_library(device, outputs):
    """Every array library gives the numbers of NumPy."""
    random = np.random.default_rng(1)
    ramp, _ = make((2, 3, 40, 60), x=2048 - 60 + 1, fast=-2, slow=1, outputs=outputs)
    data = random.normal(0, 20, ramp.shape).astype(np.float32)
    ramp = ramp.replace(data=data, zeroframe=data[:, 0].copy())
    expected, found = refpix(ramp), refpix(device.put(ramp))
    for name in ("data", "zeroframe"):
        np.testing.assert_allclose(device.host(getattr(found, name)), getattr(expected, name), rtol=1e-6, atol=1e-5)
    assert found.history[-1].status == "COMPLETE"
