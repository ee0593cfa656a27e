"""References that describe coordinates."""

from __future__ import annotations

import json

import asdf
import numpy as np
import pytest
from astropy.io import fits
from astropy.modeling import models as m

import jwgpu as jw
from jwgpu.errors import InputError

META = {"instrument": {"name": "NIRCAM", "detector": "NRCB1"}}


def one(exposure, tmp_path, kind, **tree):
    path = tmp_path / f"{kind}.asdf"
    asdf.AsdfFile({"meta": {**META, "reftype": kind}, **tree}).write_to(path)
    return jw.references(exposure, overrides={kind: path}).get(kind)


def test_a_transform(exposure, tmp_path):
    model = m.Shift(2.0) & m.Polynomial1D(2, c0=1, c2=3)
    model.inverse = m.Shift(-2.0) & m.Identity(1)
    distortion = one(exposure, tmp_path, "distortion", model=model)
    assert distortion.model(1.0, 2.0) == model(1.0, 2.0)
    assert distortion.model.inverse(3.0, 2.0) == (1.0, 2.0)
    assert "model" in distortion
    assert "model of 2 to 2 coordinates" in repr(distortion)
    assert distortion.to("cpu").model is distortion.model


def test_a_table_of_rows_that_name_their_columns(exposure, tmp_path):
    rows = [
        {"filter": "F200W", "pupil": "CLEAR", "column_offset": 0.25, "row_offset": -1},
        {"filter": "F090W", "pupil": "CLEAR", "column_offset": "N/A"},
    ]
    table = one(exposure, tmp_path, "filteroffset", filters=rows).filters
    assert table["filter"].tolist() == ["F200W", "F090W"]
    np.testing.assert_array_equal(table["column_offset"], [0.25, np.nan])
    np.testing.assert_array_equal(table["row_offset"], [-1.0, np.nan])


def test_a_distortion_without_a_transform(exposure, tmp_path):
    with pytest.raises(InputError, match=r"distortion\.asdf holds no transform 'model'"):
        one(exposure, tmp_path, "distortion", model=np.zeros(3))


def test_what_is_neither_an_array_nor_a_transform(exposure, tmp_path):
    with pytest.raises(InputError, match=r"something other than arrays.*orders"):
        one(exposure, tmp_path, "specwcs", orders=[1, [2]])


def test_rows_of_numbers(exposure, tmp_path):
    ranges = one(exposure, tmp_path, "wavelengthrange", wavelengthrange=[[1e-6, 2], [3.0, 4.0]], order=[-1, 0])
    np.testing.assert_array_equal(ranges.wavelengthrange, [[1e-6, 2], [3, 4]])
    assert ranges.meta.order == (-1, 0)


def test_a_json_file(exposure, tmp_path):
    head = {"reftype": "msaoper", "instrument": "nircam", "HISTORY": ["made", 1]}
    path = tmp_path / "msaoper.json"
    path.write_text(json.dumps({**head, "msaoper": [{"Q": 1, "state": "open"}, {"Q": 4, "state": "closed"}]}))
    table = jw.references(exposure, folder=tmp_path).msaoper.msaoper
    assert table["state"].tolist() == ["open", "closed"]
    assert table["Q"].tolist() == [1, 4]
    for text, said in (("[1]", "no tree"), ("{", "cannot be read as JSON")):
        path.write_text(text)
        with pytest.raises(InputError, match=said):
            jw.references(exposure, overrides={"msaoper": path}).get("msaoper")


def test_a_file_beside_the_exposure(exposure, tmp_path):
    values = {"instrument.msa_metadata_file": "a_msa.fits", "jwgpu.source": str(tmp_path / "a_uncal.fits")}
    exposure = exposure.replace(meta=exposure.meta.set(values))
    assert jw.references(exposure).msametafile is None
    columns = np.array([(3, b"Y")], [("slitlet_id", "i2"), ("primary_source", "S1")])
    fits.BinTableHDU(columns, name="SHUTTER_INFO").writeto(tmp_path / "a_msa.fits")
    found = jw.references(exposure).msametafile
    assert found.name == "a_msa.fits"
    assert found.shutter_info["slitlet_id"].tolist() == [3]
