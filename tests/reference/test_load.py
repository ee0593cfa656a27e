"""Reading: arrays, windows, flags, and what is refused."""

from __future__ import annotations

import gzip
import logging
import shutil

import asdf
import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw
from jwgpu.data import PIXEL
from jwgpu.errors import InputError

from .conftest import CUT, FULL, dq_def


def one(exposure, kind, path):
    return jw.references(exposure, overrides={kind: path}).get(kind)


def test_full_frame_is_cut_to_the_subarray(exposure, write, plane):
    gain = one(exposure, "gain", write("gain", SCI=plane, GAINFACT=2.0))
    assert np.array_equal(gain.data, plane[CUT])
    assert gain.data.dtype == np.float32 and gain.data.dtype.isnative and gain.data.flags.c_contiguous
    assert gain.type == "gain" and gain.name == "gain.fits" and gain.meta.exposure.gain_factor == 2.0


def test_same_subarray_is_used_as_it_is(exposure, write, plane):
    place = {"SUBARRAY": "SUB160", "SUBSTRT1": 11, "SUBSTRT2": 21, "SUBSIZE1": 24, "SUBSIZE2": 16}
    assert np.array_equal(one(exposure, "gain", write("gain", SCI=plane[CUT].copy(), **place)).data, plane[CUT])


@pytest.mark.parametrize("subarray, start", [("GENERIC", 1), (None, None), ("FULL", None)])
def test_same_shape_without_a_place_is_used_as_it_is(exposure, write, plane, subarray, start):
    path = write("gain", SCI=plane[CUT].copy(), SUBARRAY=subarray, SUBSTRT1=start, SUBSTRT2=start)
    assert np.array_equal(one(exposure, "gain", path).data, plane[CUT])


def test_a_full_frame_without_a_place_is_known_by_its_size(exposure, write):
    full = np.arange(2048 * 2048, dtype=np.float32).reshape(2048, 2048)
    path = write("gain", SCI=full, SUBARRAY=None, SUBSTRT1=None, SUBSTRT2=None)
    assert np.array_equal(one(exposure, "gain", path).data, full[CUT])


def test_an_exposure_that_does_not_say_where_it_lies(change, write, plane):
    lost = change(subarray__xstart=None)
    assert one(lost, "gain", write("gain", SCI=plane[CUT].copy())).data.shape == (16, 24)
    with pytest.raises(InputError, match="does not say where it lies"):
        one(lost, "readnoise", write("readnoise", SCI=plane))


def test_a_guider_stack_gets_gain_and_read_noise_whole(change, write, plane):
    """The stack of identification strips is taller than the detector; only its mask is of its shape."""
    stack = change(exposure__type="FGS_ID-STACK", subarray__xstart=1, subarray__ystart=1)
    tall = np.zeros((1, 1, FULL[0] + 8, FULL[1]), np.float32)
    stack = stack.replace(data=tall, groupdq=tall.astype(np.uint8), pixeldq=np.zeros(tall.shape[-2:], np.uint32))
    for kind in ("gain", "readnoise"):
        assert np.array_equal(one(stack, kind, write(kind, SCI=plane)).data, plane)
    with pytest.raises(InputError, match="mask"):
        one(stack, "mask", write("mask", DQ=plane.astype(np.uint32)))
    with pytest.raises(InputError, match="gain"):
        one(stack.replace(meta=stack.meta.set({"exposure.type": "FGS_ID-IMAGE"})), "gain", write("gain", SCI=plane))


def test_dark_keeps_the_frames_that_can_be_used(exposure, write):
    cube = np.arange(12 * FULL[0] * FULL[1], dtype=np.float32).reshape(12, *FULL)
    dark = one(exposure, "dark", write("dark", SCI=cube, ERR=cube, NFRAMES=1, GROUPGAP=0, NGROUPS=12))
    assert np.array_equal(dark.data, cube[:9, *CUT])  # 3 groups of 2 + 1 frames
    assert dark.dq.shape == (16, 24) and not dark.dq.any() and "err" not in dark
    assert dark.meta.exposure.nframes == 1 and dark.meta.exposure.ngroups == 12


def test_side_products_of_any_shape_do_not_matter(exposure, write):
    cube = np.ones((9, *FULL), np.float32)
    dark = one(exposure, "dark", write("dark", SCI=cube, UNC=np.ones(FULL[::-1], np.float32), AVDRKCUR=2 * cube[0]))
    assert set(dark.arrays) == {"data", "dq", "average_dark_current"}
    assert dark.average_dark_current.shape == (16, 24) and (dark.average_dark_current == 2).all()


def test_dark_of_four_axes(exposure, write):
    cube = np.arange(2 * 12 * FULL[0] * FULL[1], dtype=np.float32).reshape(2, 12, *FULL)
    flags = np.ones((2, 1, *FULL), np.uint32)
    dark = one(exposure, "dark", write("dark", SCI=cube, DQ=flags))
    assert np.array_equal(dark.data, cube[:, :9, *CUT]) and dark.dq.shape == (2, 1, 16, 24)


def test_coefficients_are_all_read(exposure, write):
    cube = np.random.default_rng(0).normal(size=(6, *FULL)).astype(np.float32)
    assert np.array_equal(one(exposure, "linearity", write("linearity", COEFFS=cube)).coeffs, cube[:, *CUT])


@pytest.mark.parametrize("stored", ["f8", "i2", "u2", "i4", "u4", "i8", "u1"])
def test_any_stored_type_becomes_float32(exposure, write, plane, stored):
    assert np.array_equal(one(exposure, "gain", write("gain", SCI=(plane % 200).astype(stored))).data, plane[CUT] % 200)


def test_compressed_and_scaled_files(exposure, write, plane, tmp_path):
    packed = tmp_path / "gain.fits.gz"
    with open(write("gain", SCI=plane), "rb") as source, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(source, target)
    tiled = write("gain", "tiled.fits", extra=[fits.CompImageHDU(plane.astype("i4"), name="SCI")])
    scaled = write("gain", "scaled.fits", SCI=plane.astype("i2"))
    with fits.open(scaled, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[1].header["BSCALE"] = 0.5
    assert np.array_equal(one(exposure, "gain", packed).data, plane[CUT])
    assert np.array_equal(one(exposure, "gain", tiled).data, plane[CUT])
    assert np.array_equal(one(exposure, "gain", scaled).data, plane[CUT] / 2)


@pytest.mark.parametrize("high", [0, 1 << 20])
def test_dq_goes_through_its_definitions(exposure, write, high):
    """Both ways of translating: the look-up of small values, and a pass for each flag."""
    stored = (np.arange(FULL[0] * FULL[1], dtype=np.uint32) % 16).reshape(FULL) | np.uint32(high)
    rows = dq_def((1, "HOT"), (2, "DO_NOT_USE"), (4, "REFERENCE_PIXEL"), (1 << 20, "DEAD"))
    mask = one(exposure, "mask", write("mask", DQ=stored, extra=[rows]))
    own = stored[CUT]
    expected = ((own & 1) != 0) * PIXEL.HOT | ((own & 2) != 0) * PIXEL.DO_NOT_USE
    expected |= ((own & 4) != 0) * PIXEL.REFERENCE_PIXEL | ((own & high) != 0) * PIXEL.DEAD
    assert mask.dq.dtype == np.uint32 and np.array_equal(mask.dq, expected)


def test_dq_of_a_large_array_is_translated_by_look_up():
    from jwgpu.reference.quality import translate

    stored = np.random.default_rng(0).integers(0, 8, 70000, dtype=np.uint32)
    rows = dq_def((1, "HOT"), (2, "DO_NOT_USE")).data
    small = np.concatenate([translate(part, rows, "x") for part in np.array_split(stored, 7)])
    assert np.array_equal(translate(stored, rows, "x"), small) and small.any()


def test_dq_without_definitions_is_taken_as_it_is(exposure, write):
    stored = np.full(FULL, 5, np.uint32)
    assert (one(exposure, "mask", write("mask", DQ=stored)).dq == 5).all()


def test_unknown_flag_names_are_reported_once(exposure, write, caplog):
    from jwgpu.reference import cache, quality

    quality._reported.clear()
    path = write("mask", DQ=np.full(FULL, 3, np.uint32), extra=[dq_def((1, "HOT"), (2, "PURPLE"))])
    with caplog.at_level(logging.WARNING, "jwgpu.reference"):
        for _ in range(2):
            cache.clear()
            assert (one(exposure, "mask", path).dq == PIXEL.HOT).all()
    assert [
        ("PURPLE" in r.message, "mask.fits" in r.message) for r in caplog.records if r.name == "jwgpu.reference"
    ] == [(True, True)]


def test_tables_are_structured_arrays(exposure, write):
    table = np.array([("SUB160", 2.5, 7)], [("subarray", "S8"), ("value", ">f8"), ("count", "u4")])
    table = fits.BinTableHDU(table, name="RSCD_GROUP_SKIP")
    rscd = one(exposure, "rscd", write("rscd", extra=[table])).rscd_group_skip_table
    assert rscd["subarray"][0] == "SUB160" and rscd["value"][0] == 2.5 and rscd["count"][0] == 7
    assert rscd.dtype["value"].isnative


def test_a_kernel_is_not_cut(exposure, write):
    kernel = np.eye(3, dtype=np.float32)
    assert np.array_equal(one(exposure, "ipc", write("ipc", SCI=kernel, SUBSTRT1=None)).data, kernel)


def test_asdf_arrays_and_values(exposure, tmp_path):
    meta = {"reftype": "SIRSKERNEL", "instrument": {"name": "NIRCAM", "detector": "NRCB1"}}
    path = tmp_path / "kernel.asdf"
    asdf.AsdfFile({"meta": meta, "nrcb1": {"gamma": np.arange(4.0), "order": 3}}).write_to(path)
    kernel = one(exposure, "sirskernel", path)
    assert np.array_equal(kernel.arrays["nrcb1.gamma"], np.arange(4.0)) and kernel.meta.get("nrcb1.order") == 3


NAN = np.full(FULL, np.nan, np.float32)
ONE = np.ones(FULL, np.float32)
REFUSED = {
    "another type": ("readnoise", "gain", {"SCI": ONE}, "is a gain reference, not a readnoise"),
    "another detector": ("gain", "gain", {"SCI": ONE, "DETECTOR": "NRCA3"}, "detector NRCA3.*NRCB1"),
    "another instrument": ("gain", "gain", {"SCI": ONE, "INSTRUME": "NIRISS"}, "instrument NIRISS.*NIRCAM"),
    "another subarray": (
        "gain",
        "gain",
        {"SCI": ONE[:16, :24], "SUBARRAY": "SUB64P"},
        "columns 1-24, rows 1-16 .SUB64P",
    ),
    "too small": ("gain", "gain", {"SCI": ONE[:30]}, "does not cover|covers .* and not"),
    "size mislabelled": ("gain", "gain", {"SCI": ONE, "SUBSIZE1": 10, "SUBSIZE2": 48}, "48 x 10 .*48 x 64"),
    "no array": ("gain", "gain", {"ERR": ONE}, "has no data array .its extensions: ERR"),
    "nothing at all": ("mask", "mask", {}, "has no dq array .its extensions: none"),
    "only NaN": ("gain", "gain", {"SCI": NAN}, "nothing but NaN"),
    "axes": ("gain", "gain", {"SCI": ONE[None]}, "3 axes|shape .1, 48, 64"),
    "flat coefficients": ("linearity", "linearity", {"COEFFS": ONE}, "coeffs has .*shape .16, 24|coeffs has 2 axes"),
}


@pytest.mark.parametrize("kind, written, content, words", REFUSED.values(), ids=REFUSED)
def test_refused(exposure, write, kind, written, content, words):
    path = write(written, **content)
    with pytest.raises(InputError, match=words) as error:
        one(exposure, kind, path)
    assert path.name in str(error.value) and len(str(error.value).splitlines()) == 1


def test_single_nan_pixels_are_legitimate(exposure, write, plane):
    plane[:, ::2] = np.nan
    assert np.isnan(one(exposure, "gain", write("gain", SCI=plane)).data).any()


@pytest.mark.parametrize("length", [40, 2000, 9000])
def test_truncated_file(exposure, write, plane, length):
    path = write("gain", SCI=plane)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"gain\.fits.*again"):
        one(exposure, "gain", path)


def test_not_fits(exposure, tmp_path):
    path = tmp_path / "gain.fits"
    path.write_text("nothing of the kind")
    with pytest.raises(InputError, match="cannot be read as FITS"):
        one(exposure, "gain", path)


def test_asdf_tables(exposure, tmp_path):
    from astropy.table import Table

    table = Table(rows=[("F150W", "CLEAR", 1.24)], names=("filter", "pupil", "abvega_offset"))
    path = tmp_path / "offsets.asdf"
    asdf.AsdfFile({"meta": {"reftype": "ABVEGAOFFSET", "telescope": "JWST"}, "abvega_offset": table}).write_to(path)
    found = one(exposure, "abvegaoffset", path).abvega_offset
    assert (found["filter"][0], found["abvega_offset"][0]) == ("F150W", 1.24)
