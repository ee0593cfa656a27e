"""References that describe coordinates."""

from __future__ import annotations

import asdf
import numpy as np
import pytest
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
