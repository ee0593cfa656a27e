"""Every kind of exposure is complete, and impossible ones are refused in words."""

from __future__ import annotations

import time

import numpy as np
import pytest

from jwgpu import simulate
from jwgpu.data import PIXEL
from jwgpu.errors import InputError
from jwgpu.simulate import header, instruments


@pytest.mark.parametrize("mode", simulate.modes())
def test_tiny_exposures_are_complete(mode):
    start = time.perf_counter()
    made = simulate.tiny(mode)
    assert time.perf_counter() - start < 2
    ramp, meta = made.ramp, made.ramp.meta
    assert ramp.data.dtype == np.float32 and ramp.groupdq.dtype == np.uint8 and ramp.pixeldq.dtype == np.uint32
    assert not ramp.groupdq.any() and not ramp.pixeldq.any()
    assert np.array_equal(ramp.data, np.rint(ramp.data)) and ramp.data.min() >= 0 and ramp.data.max() <= 65535
    pixels = (meta.subarray.ysize, meta.subarray.xsize)
    frame = (pixels[0] * 25 // 16, pixels[1]) if "IRS2" in meta.exposure.readpatt else pixels
    assert ramp.shape == (meta.exposure.nints, meta.exposure.ngroups, *frame)
    striped = meta.get("subarray.multistripe_reads1") is not None
    planes = (ramp.n_superstripes, *frame) if ramp.n_superstripes else frame
    assert (ramp.zeroframe is not None) == meta.exposure.zero_frame
    if meta.instrument.name != "FGS":
        assert len(ramp.tables["int_times"]) == ramp.n_integrations
    for kind in ("mask", "gain", "readnoise"):
        reference = made.references.get(kind)
        for array in reference.arrays.values():
            if kind == "mask":
                assert array.shape == planes
            else:
                assert array.shape[-2:] == (made.truth.rate.shape if striped else pixels)
        assert striped or reference.meta.subarray.xstart == meta.subarray.xstart
    dark = made.references.get("dark")
    if dark is not None:
        needed = meta.exposure.ngroups * (meta.exposure.nframes + meta.exposure.groupgap)
        assert dark.data.shape[-3] >= needed or dark.meta.exposure.nframes == meta.exposure.nframes


def test_names_without_an_instrument_mean_nircam():
    assert simulate.tiny("one_group").ramp.n_groups == 1
    assert simulate.tiny("two_groups").ramp.meta.instrument.name == "NIRCAM"


@pytest.mark.parametrize("size", [(1, 4), (9, 12), (40, 100), (130, 64)])
def test_any_size(size):
    made = simulate.exposure(size=size, n_groups=2, readpatt="RAPID")
    assert made.ramp.shape == (1, 2, *size)


def test_bad_pixels_are_in_mask_truth_and_references():
    made = simulate.tiny("nircam")
    mask = made.references.get("mask").dq
    assert np.array_equal(mask, made.truth.bad_pixels)
    counts = PIXEL.count(mask)
    for flag in ("DEAD", "HOT", "WARM", "LOW_QE", "TELEGRAPH", "OPEN", "ADJ_OPEN", "DO_NOT_USE", "REFERENCE_PIXEL"):
        assert counts[flag] > 0
    assert not made.truth.rate[(mask & PIXEL.DEAD) != 0].any()
    assert (made.truth.dark[(mask & PIXEL.HOT) != 0] > 4).all()
    for kind, array in (("gain", "data"), ("superbias", "data"), ("saturation", "data"), ("linearity", "coeffs")):
        assert 0 < np.isnan(getattr(made.references.get(kind), array)).sum() < 100
    clean = simulate.tiny("nircam", bad_pixels=False)
    assert set(PIXEL.count(clean.truth.bad_pixels)) == {"REFERENCE_PIXEL"}


def test_large_dark_keeps_groups_instead_of_frames(monkeypatch):
    from jwgpu.simulate import references

    frames = simulate.tiny("nircam_gaps").references.get("dark")
    monkeypatch.setattr(references, "FRAME_BY_FRAME", 0)
    groups = simulate.tiny("nircam_gaps").references.get("dark")
    assert (frames.meta.exposure.nframes, frames.data.shape[0]) == (1, 25)
    assert (groups.meta.exposure.nframes, groups.meta.exposure.groupgap, groups.data.shape[0]) == (4, 1, 5)
    hot = simulate.tiny("nircam_gaps").truth.dark > 50
    averaged = np.stack([frames.data[5 * g:5 * g + 4].mean(axis=0) for g in range(5)])  # fmt: skip
    np.testing.assert_allclose(groups.data[:, hot], averaged[:, hot], rtol=0.02)


def test_dithered_exposures_share_the_detector_and_follow_each_other():
    first, second = simulate.tiny("nircam"), simulate.tiny("nircam", number=2)
    assert first.ramp.meta.exposure.end_time < second.ramp.meta.exposure.start_time
    assert first.ramp.name != second.ramp.name
    assert np.array_equal(first.truth.gain, second.truth.gain)


def test_scene_from_an_array():
    scene = np.zeros((64, 64), np.float32)
    scene[20:30, 20:30] = 7.0
    made = simulate.tiny("ideal", sky=scene)
    assert np.array_equal(made.truth.rate_electron[4:-4, 4:-4], scene[4:-4, 4:-4])


def test_pointing_is_consistent():
    """The telescope axis of the header brings the detector's reference point back to where it should be."""
    for det in instruments.DETECTORS.values():
        matrix = header.attitude(det.v2, det.v3, *header.FIELD)
        v2, v3 = np.radians(det.v2 / 3600), np.radians(det.v3 / 3600)
        x, y, z = matrix @ [np.cos(v3) * np.cos(v2), np.cos(v3) * np.sin(v2), np.sin(v3)]
        assert np.degrees(np.arctan2(y, x)) % 360 == pytest.approx(header.FIELD[0])
        assert np.degrees(np.arcsin(z)) == pytest.approx(header.FIELD[1])


def test_header_says_what_a_level_1b_header_must():
    meta = simulate.tiny("nircam_gaps").ramp.meta
    assert meta.exposure.group_time == pytest.approx(5 * meta.exposure.frame_time)
    assert meta.exposure.integration_time == pytest.approx(24 * meta.exposure.frame_time)
    assert meta.exposure.start_time < meta.exposure.mid_time < meta.exposure.end_time
    assert (meta.subarray.fastaxis, meta.subarray.slowaxis) == (1, -2)
    assert len(meta.wcsinfo.s_region.split()) == 10
    table = simulate.tiny("nircam").ramp.tables["int_times"]
    assert (np.diff(table["int_start_MJD_UTC"]) > 0).all()
    assert np.allclose((table["int_mid_BJD_TDB"] - table["int_mid_MJD_UTC"]) * 86400, 69.184, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(instrument="HUBBLE"), "NIRCAM, NIRISS, NIRSPEC, MIRI, FGS"),
        (dict(instrument="NIRSPEC", readpatt="NRSIRS2", size=(64, 32)), "IRS2 format: it needs the full frame"),
        (dict(instrument="NIRSPEC", readpatt="NRSIRS2", size=(64, 64), zero_frame=True), "zero frame"),
        (dict(instrument="NIRISS", size=(10, 8)), r"fast axis \(rows\)"),
        (dict(detector="MIRIMAGE"), "NRCB1"),
        (dict(subarray="SUB65"), "SUB64P"),
        (dict(readpatt="FASTR1"), "BRIGHT2"),
        (dict(n_groups=0), "0 groups"),
        (dict(size=(10, 10)), "multiple of the 4 outputs"),
        (dict(size=(0, 8)), "positive"),
        (dict(size=(8, 8), sky=np.ones((3, 3))), r"\(8, 8\)"),
        (dict(size=(8, 8), cosmic_ray=1.0), "did you mean 'cosmic_rays'"),
    ],
)
def test_impossible_exposures_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        simulate.exposure(**arguments)


def test_unknown_mode_lists_the_modes():
    with pytest.raises(InputError, match="fgs_acq1"):
        simulate.tiny("hubble")


@pytest.mark.parametrize("mode", ["nirspec_irs2", "nirspec_irs2rapid"])
def test_irs2_frames_hold_the_science_pixels_and_the_noise_of_both(mode):
    """Reference pixels follow the 1/f noise that they have in common with the science pixels."""
    from jwgpu.data.irs2 import science_rows

    made = simulate.tiny(mode, n_stars=0, n_galaxies=0, cosmic_rays=0.0, one_over_f=40.0, bad_pixels=False, drift=0.0)
    ramp, exposure = made.ramp, made.ramp.meta.exposure
    rows = science_rows(ramp.meta, ramp.shape, np)
    assert len(rows) == ramp.meta.subarray.ysize == made.truth.rate.shape[0]
    bias = made.references.get("superbias").data
    scale = exposure.frame_divisor / exposure.nframes
    residual = ramp.data[0, 0] * scale - bias
    between = np.setdiff1d(np.arange(ramp.shape[-2]), rows)
    assert abs(residual[between].mean()) < 30
    science, reference = residual[rows].mean(axis=0), residual[between].mean(axis=0)
    assert np.corrcoef(science, reference)[0, 1] > 0.8
    flags = made.references.get("mask").dq
    assert (flags[between] == PIXEL.REFERENCE_PIXEL).all()
    assert np.array_equal(flags[rows], made.truth.bad_pixels)


@pytest.mark.parametrize("mode", ["niriss", "nirspec", "fgs_image"])
def test_outputs_of_a_detector_read_along_y_are_bands_of_rows(mode):
    made = simulate.tiny(mode, drift=200.0, one_over_f=0.0, bad_pixels=False, reset_noise=0.0)
    step = np.diff(made.ramp.data[0], axis=0) - np.diff(made.ramp.data[0], axis=0).mean(axis=0)
    border = made.references.get("mask").dq[:, :4] != 0
    assert border.all()
    level = step[:, :, :4].mean(axis=2).reshape(len(step), 4, -1, 2)  # step, output, pair of rows, odd and even
    assert level.std(axis=2).max() < 20
    assert level.mean(axis=(2, 3)).std(axis=1).max() > 80
