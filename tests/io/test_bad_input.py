"""Every kind of bad file: an InputError of one paragraph that names the file, and says what to do."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from products import HEADER

import jwgpu as jw
from jwgpu.errors import InputError


def refused(path, *words):
    """Open `path`, expect a refusal that says `words`, and return it."""
    with pytest.raises(InputError) as caught:
        jw.open(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    for word in words:
        assert word in text, text
    return text


def test_missing_file(tmp_path):
    refused(tmp_path / "nothing_uncal.fits", "does not exist")


def test_folder(tmp_path):
    refused(tmp_path, "is a folder")


@pytest.mark.parametrize("content, word", [(b"", "empty"), (b"hello", "not a FITS"), (b"SIMPLE  = T", "only 11 bytes"),
                                           (b"\x1f\x8b broken", "cannot be read")])  # fmt: skip
def test_other_files(tmp_path, content, word):
    path = tmp_path / "bad_uncal.fits"
    path.write_bytes(content)
    refused(path, word)


def test_cut_short_anywhere(make_uncal, tmp_path):
    whole = make_uncal(zeroframe=np.zeros((2, 8, 12), np.uint16)).read_bytes()
    with fits.open(make_uncal()) as hdus:
        end_of_sci = hdus["SCI"].fileinfo()["datLoc"] + hdus["SCI"].fileinfo()["datSpan"]
    cut = tmp_path / "cut_uncal.fits"
    for size in [*range(100, end_of_sci, 1111), end_of_sci + 100]:
        cut.write_bytes(whole[:size])
        refused(cut, "fetch it again")


def test_cut_in_the_data_names_the_extension(make_uncal, tmp_path):
    path = make_uncal()
    with fits.open(path) as hdus:
        middle = hdus["SCI"].fileinfo()["datLoc"] + 500
    path.write_bytes(path.read_bytes()[:middle])
    refused(path, "cut short", "extension SCI")
    packed = tmp_path / "packed.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refused(packed)


def test_fewer_extensions_than_announced(make_uncal):
    path = make_uncal()
    fits.setval(path, "NEXTEND", value=7)
    refused(path, "of the 7 extensions")


def test_reference_file(tmp_path):
    path = tmp_path / "gain.fits"
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"], primary.header["REFTYPE"] = "JWST", "GAIN"
    fits.HDUList([primary, fits.ImageHDU(np.ones((4, 4)), name="SCI")]).writeto(path)
    refused(path, "reference file", "GAIN")


@pytest.mark.parametrize("keyword", ["S_IFUCUB", "S_EXTR1D"])
def test_later_product(tmp_path, make_image, keyword):
    path = jw.save(make_image(), tmp_path / "x_i2d.fits")
    fits.setval(path, keyword, value="COMPLETE")
    refused(path, "later stage", "_rate")


def test_resampled_spectrum(tmp_path, make_image):
    path = jw.save(make_image(), tmp_path / "x_s2d.fits")
    fits.setval(path, "S_RESAMP", value="COMPLETE")
    fits.setval(path, "DATAMODL", value="SlitModel")
    refused(path, "later stage", "resample of spectra")


def test_later_product_with_many_extensions(tmp_path, make_image):
    path = jw.save(make_image(), tmp_path / "x_cal.fits")
    fits.append(path, np.ones((3, 3)), fits.Header({"EXTNAME": "SCI", "EXTVER": 2}))
    refused(path, "2 SCI extensions")


def test_other_telescope(make_uncal):
    path = make_uncal()
    fits.setval(path, "TELESCOP", value="HST")
    refused(path, "HST")
    fits.delval(path, "TELESCOP")
    fits.delval(path, "INSTRUME")
    refused(path, "no TELESCOP")


def test_no_science_extension(tmp_path):
    path = tmp_path / "x_uncal.fits"
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "JWST"
    fits.HDUList([primary, fits.ImageHDU(np.ones((4, 4)), name="DQ")]).writeto(path)
    refused(path, "no SCI extension", "DQ")


@pytest.mark.parametrize("shape, word", [((1, 0, 8, 12), "zero groups"), ((0, 5, 8, 12), "zero integrations"),
                                         ((2, 5, 8, 0), "zero columns"), ((), "holds no data"),
                                         ((5,), "1 axes"), ((1, 1, 1, 1, 1), "5 axes")])  # fmt: skip
def test_impossible_shapes(tmp_path, shape, word):
    path = tmp_path / "x_uncal.fits"
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "JWST"
    lines = {"XTENSION": "IMAGE", "BITPIX": 16, "NAXIS": len(shape)}
    lines |= {f"NAXIS{n}": length for n, length in enumerate(reversed(shape), 1)}
    sci = fits.Header({**lines, "PCOUNT": 0, "GCOUNT": 1, "EXTNAME": "SCI"})
    data = bytes(2880) if shape and 0 not in shape else b""
    path.write_bytes((primary.header.tostring() + sci.tostring()).encode() + data)
    refused(path, word)


@pytest.mark.parametrize("path_in_header, word", [("exposure.ngroups", "NGROUPS = 6"), ("exposure.nints", "6 integ")])
def test_header_and_data_disagree(make_uncal, path_in_header, word):
    refused(make_uncal(header=HEADER | {path_in_header: 6}), "contradicts itself", word)


def test_flags_of_another_shape(tmp_path, ramp):
    path = jw.save(ramp.replace(pixeldq=np.zeros((3, 3), np.uint32)), tmp_path / "x_ramp.fits")
    refused(path, "PIXELDQ", "(3, 3)")


def test_damaged_manifest(tmp_path, ramp):
    path = jw.save(ramp, tmp_path / "x_ramp.fits")
    with fits.open(path, mode="update") as hdus:
        hdus["JWGPU"].data[0] = 0
    refused(path, "JWGPU extension is damaged")


def test_superstripes_that_are_not_whole_turns(make_uncal):
    path = make_uncal()
    fits.setval(path, "SSTR_NST", value=3)
    refused(path, "2 integrations are not whole turns of its 3 superstripes (SSTR_NST)")
