"""Two products side by side: every kind of difference is found, and none invented."""

import json

import numpy as np
import pytest
from astropy.io import fits

from jwgpu.errors import InputError
from jwgpu.provenance.compare import compare


def write(path, *, data=None, dq=None, keywords=None, extra=()):
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "JWST"
    primary.header["DATE"] = path.name
    for key, value in (keywords or {}).items():
        primary.header[key] = value
    data = np.arange(12, dtype="f4").reshape(3, 4) if data is None else data
    dq = np.zeros((3, 4), "u4") if dq is None else dq
    hdus = [primary, fits.ImageHDU(data, name="SCI"), fits.ImageHDU(dq, name="DQ"), *extra]
    fits.HDUList(hdus).writeto(path)
    return path


def test_a_file_equals_itself_and_a_copy_made_later(tmp_path):
    report = compare(write(tmp_path / "a.fits"), write(tmp_path / "b.fits"))
    assert report.same
    assert str(report).endswith("the same within the tolerance")


def test_one_pixel_beyond_the_tolerance(tmp_path):
    data = np.arange(12, dtype="f4").reshape(3, 4)
    data[1, 1] *= 1.001
    a, b = write(tmp_path / "a.fits"), write(tmp_path / "b.fits", data=data)
    report = compare(a, b)
    array = report.arrays[0]
    assert not report.same
    assert (array.name, array.beyond, array.nan_mismatch) == ("SCI", 1, 0)
    assert array.max_relative == pytest.approx(0.001, rel=1e-3)
    assert compare(a, b, rtol=0.01).same
    assert compare(a, b, ignore=("SCI",)).same


def test_nan_in_one_file_only_is_a_difference_and_in_both_is_none(tmp_path):
    data = np.arange(12, dtype="f4").reshape(3, 4)
    data[0, 0] = np.nan
    a, b, c = write(tmp_path / "a.fits"), write(tmp_path / "b.fits", data=data), write(tmp_path / "c.fits", data=data)
    assert compare(a, b).arrays[0].nan_mismatch == 1
    assert compare(b, c).same


def test_flags_are_counted_by_name(tmp_path):
    left, right = np.zeros((3, 4), "u4"), np.zeros((3, 4), "u4")
    left[0, 0], right[0, 0], right[1] = 5, 1, 2
    report = compare(write(tmp_path / "a.fits", dq=left), write(tmp_path / "b.fits", dq=right))
    assert not report.same
    assert {(f.flag, f.only_a, f.only_b) for f in report.flags} == {("JUMP_DET", 1, 0), ("SATURATED", 0, 4)}


def test_keywords_and_missing_arrays(tmp_path):
    a = write(tmp_path / "a.fits", keywords={"NGROUPS": 5})
    b = write(tmp_path / "b.fits", keywords={"NGROUPS": 6}, extra=[fits.ImageHDU(np.ones(3, "f4"), name="ERR")])
    report = compare(a, b)
    assert report.header == (("NGROUPS", 5, 6),)
    assert [x.problem for x in report.arrays if x.name == "ERR"] == ["only in B"]
    assert json.loads(json.dumps(report.as_dict(), default=str))["same"] is False


def test_shapes_and_tables(tmp_path):
    table = fits.BinTableHDU(np.array([(1, 2.0)], dtype=[("n", "i4"), ("t", "f8")]), name="INT_TIMES")
    other = fits.BinTableHDU(np.array([(1, 2.5)], dtype=[("n", "i4"), ("t", "f8")]), name="INT_TIMES")
    a = write(tmp_path / "a.fits", extra=[table])
    b = write(tmp_path / "b.fits", data=np.ones((2, 4), "f4"), extra=[other])
    problems = {x.name: x.problem for x in compare(a, b).arrays}
    assert "shape" in problems["SCI"]
    assert problems["INT_TIMES"] == "the tables differ"


def test_bad_files_are_named(tmp_path):
    good = write(tmp_path / "a.fits")
    with pytest.raises(InputError, match=r"missing\.fits: there is no such file"):
        compare(good, tmp_path / "missing.fits")
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(InputError, match=r"text\.fits: not a FITS file"):
        compare(tmp_path / "text.fits", good)
