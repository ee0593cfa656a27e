"""Round trips of each noun, validity for the official data models, history and names."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from astropy.io import fits
from products import GUIDER, HEADER, times

import jwgpu as jw
from jwgpu.backend import FileArray
from jwgpu.data import pieces
from jwgpu.errors import InputError
from jwgpu.provenance import Record
from jwgpu.provenance.manifest import from_text

RECORDS = (
    Record("group_scale", "SKIPPED", "the frames of a group are averaged on board", version="0.1.0"),
    Record("superbias", references={"superbias": "crds://bias.fits"}, seconds=1.5, version="0.1.0"),
    Record("dark_current", references={"dark": "crds://dark.fits"}, parameters={"dark_output": None}, version="0.1.0"),
    Record(
        "jump",
        parameters={"rejection_threshold": 5.0, "find_showers": False},
        references={"gain": "crds://gain.fits", "readnoise": "/data/mine.fits"},
        notes={"primary_rays": np.int64(12), "rate": np.float32("nan")},
        device="gpu",
        bytes_up=10,
        version="0.1.0",
    ),
)


def same(a, b):
    """Check that two exposures hold the same arrays and tables."""
    assert type(a) is type(b)
    assert a.unit == b.unit
    assert set(a.arrays()) == set(b.arrays())
    for name, array in a.arrays().items():
        other = b.arrays()[name]
        assert array.dtype == other.dtype, name
        np.testing.assert_array_equal(array, other, err_msg=name)
    assert set(a.tables) == set(b.tables)
    for name, table in a.tables.items():
        np.testing.assert_array_equal(table, b.tables[name])


def official(path):
    """Open a product with the official data models, any warning being an error; return model type and header."""
    from stdatamodels.jwst import datamodels
    from stdatamodels.jwst.datamodels.util import read_metadata

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with datamodels.open(path) as model:
            model.validate()
            for name in ("data", "err", "dq", "groupdq", "pixeldq", "zeroframe", "int_times"):
                getattr(model, name, None)
            # The official pipeline looks up metadata this way before it opens a product.
            assert read_metadata(path)["meta.model_type"] == type(model).__name__
            return type(model).__name__, model.to_flat_dict(include_arrays=False)


def test_ramp(tmp_path, ramp):
    path = jw.save(ramp, out=tmp_path)
    assert path.name == "jw01019001001_02101_00001_nrcb1_ramp.fits"
    same(ramp, jw.open(path))
    model, header = official(path)
    assert model == header["meta.model_type"] == "RampModel"
    assert header["meta.filename"] == path.name
    assert header["meta.bunit_data"] == "DN"
    for key, value in HEADER.items():
        assert header[f"meta.{key}"] == value


@pytest.mark.parametrize("shape, model, name", [((8, 12), "ImageModel", "rate"), ((2, 8, 12), "CubeModel", "rateints")])
def test_image(tmp_path, make_image, shape, model, name):
    image = make_image(shape)
    path = jw.save(image, out=tmp_path)
    assert path.name == f"jw01019001001_02101_00001_nrcb1_{name}.fits"
    same(image, jw.open(path))
    kind, header = official(path)
    assert kind == header["meta.model_type"] == model
    assert header["meta.bunit_data"] == header["meta.bunit_err"] == "DN/s"
    with fits.open(path) as hdus:
        assert [h.name for h in hdus][1:4] == ["SCI", "ERR", "DQ"]


def test_mosaic(tmp_path, make_image):
    """Context of more than 32 exposures, weights, and the table of the members' headers."""
    rng = np.random.default_rng(9)
    blended = np.array([(b"a_cal.fits", 1.5), (b"b_cal.fits", 2.5)], [("FILENAME", "S10"), ("EXPTIME", "f8")])
    image = make_image(
        dq=None, wht=rng.random((8, 12), dtype=np.float32),
        con=rng.integers(-(2**31), 2**31, (2, 8, 12), dtype=np.int32), tables={"HDRTAB": blended},
    )  # fmt: skip
    image = image.replace(unit="MJy/sr", history=(Record("resample", version="0.1.0"),))
    meta = {"resample.pixfrac": 0.8, "resample.weight_type": "ivm", "resample.pixel_scale_ratio": 0.5,
            "asn.table_name": "a_asn.json", "resample.pointings": 2}  # fmt: skip
    path = jw.save(image.replace(meta=image.meta.set(meta)), tmp_path / "a_i2d.fits")
    for again in (jw.open(path), jw.open(path, lazy=True)):
        whole = again if isinstance(again.data, np.ndarray) else pieces.loaded(again)
        same(image, whole)
        assert again.meta.cal_step.resample == "COMPLETE"
        assert all(again.meta.get(name) == value for name, value in meta.items())
    assert all(isinstance(array, FileArray) for array in again.arrays().values())
    same(image, jw.open(jw.save(again, tmp_path / "b_i2d.fits")))
    assert official(path)[0] == "ImageModel"
    from stdatamodels.jwst import datamodels

    with datamodels.open(path) as model:
        for name in ("con", "wht", "data", "var_flat"):
            np.testing.assert_array_equal(getattr(model, name), getattr(image, name))
        assert model.meta.resample.weight_type == "ivm"


COLUMNS = {
    "numbers": [("a", "u1"), ("b", "i2"), ("c", "i4"), ("d", "i8"), ("e", "f4"), ("f", "f8")],
    "words and truth": [("name", "S5"), ("there", "?"), ("many", "?", (3,)), ("small", "i1")],
    "arrays": [("bytes", "u1", (7,)), ("plane", "f8", (2, 3)), ("names", "S4", (2,))],
    "what astropy writes": [("a", "u4"), ("b", "f4")],
}


@pytest.mark.parametrize("case", COLUMNS)
def test_tables_are_what_astropy_would_write(tmp_path, make_image, case):
    rng = np.random.default_rng(4)
    table = np.zeros(5, COLUMNS[case])
    for name in table.dtype.names:
        base, shape = table.dtype[name].base, table[name].shape
        table[name] = rng.choice([b"abcd", b"x"], shape) if base.kind == "S" else rng.integers(0, 2, shape)
    path = jw.save(make_image(tables={"MINE": table}), tmp_path / "a_rate.fits")
    fits.BinTableHDU(table).writeto(tmp_path / "b.fits")
    with fits.open(path) as ours, fits.open(tmp_path / "b.fits") as theirs:
        ours, theirs = ours["MINE"], theirs[1]
        for word in [w for w in theirs.header if w.startswith(("TFORM", "TTYPE", "TDIM", "TFIELDS", "NAXIS"))]:
            assert ours.header[word] == theirs.header[word], word
        for name in table.dtype.names:
            np.testing.assert_array_equal(ours.data[name], theirs.data[name])
    np.testing.assert_array_equal(jw.open(path).tables["MINE"], table)


def test_guider_keeps_its_tables(tmp_path, make_image):
    pointing = np.zeros(3, [("time", "f8"), *((f"delta_v{n}", "f8") for n in range(10)), ("HGA_motion", "S16")])
    pointing.dtype.names = ("time", "jitter", "delta_ddc_ra", "delta_ddc_dec", "delta_aperture_pa", "delta_v1_ra",
                            "delta_v1_dec", "delta_v3_pa", "delta_j1_ra", "delta_j1_dec", "delta_j3_pa",
                            "HGA_motion")  # fmt: skip
    pointing["jitter"], pointing["HGA_motion"] = [1, 2, 3], b"NO"
    track = np.zeros(2, [("observatory_time", "S23"), ("x_corner", "f8"), ("y_corner", "f8"), ("x_size", "i4"),
                         ("y_size", "i4")])  # fmt: skip
    track["x_size"] = 32
    meta = GUIDER | {"jitter_max": 2.5, "position_angle": 30.0}
    image = make_image((2, 8, 12), header=meta, tables={"pointing_table": pointing, "track_sub_table": track},
                       dq=np.ones((8, 12), np.uint32), var_poisson=None, var_rnoise=None, var_flat=None)  # fmt: skip
    path = jw.save(image, out=tmp_path)
    assert path.name.endswith("_nrcb1_cal.fits")
    again = jw.open(path)
    same(image, again)
    assert again.meta.jitter_max == 2.5
    assert official(path)[0] == "GuiderCalModel"
    from stdatamodels.jwst import datamodels

    with datamodels.open(path) as model:
        np.testing.assert_array_equal(model.pointing_table["jitter"], [1, 2, 3])
        np.testing.assert_array_equal(model.track_sub_table["x_size"], 32)


def test_guider_ramp(tmp_path, ramp):
    raw = ramp.replace(meta=jw.Meta({**GUIDER, "filename": "jw1_gs-track_2022_uncal.fits"}), tables={},
                       zeroframe=None, refout=None, average_dark_current=None)  # fmt: skip
    path = jw.save(raw, out=tmp_path, suffix="dq_init")
    assert path.name == "jw1_gs-track_2022_dq_init.fits"
    assert official(path)[0] == "GuiderRawModel"
    np.testing.assert_array_equal(jw.open(path).pixeldq, raw.pixeldq)


def test_history_becomes_keywords_and_manifest(tmp_path, make_uncal):
    ramp = jw.open(make_uncal())
    ramp = ramp.replace(history=RECORDS, meta=ramp.meta.set({"ref_file.crds.context_used": "jwst_0001.pmap"}))
    path = jw.save(ramp, out=tmp_path)
    _, header = official(path)
    states = {key: value for key, value in header.items() if key.startswith("meta.cal_step.")}
    assert states == {"meta.cal_step.group_scale": "SKIPPED", "meta.cal_step.superbias": "COMPLETE",
                      "meta.cal_step.dark_sub": "COMPLETE", "meta.cal_step.jump": "COMPLETE"}  # fmt: skip
    assert header["meta.ref_file.superbias.name"] == "crds://bias.fits"
    assert header["meta.ref_file.readnoise.name"] == "/data/mine.fits"
    assert header["meta.ref_file.crds.context_used"] == "jwst_0001.pmap"
    assert header["meta.ref_file.crds.sw_version"]
    assert header["meta.calibration_software_version"] == f"jwgpu {jw.__version__}"
    with fits.open(path) as hdus:
        assert list(hdus[0].header["HISTORY"])[:3] == [
            "jwgpu 0.1.0 group_scale SKIPPED: the frames of a group are averaged on",
            "jwgpu   board",
            "jwgpu 0.1.0 superbias COMPLETE",
        ]
        content, records = from_text(bytes(hdus["JWGPU"].data).decode())
    assert content["inputs"] == ["jw01019001001_02101_00001_nrcb1_uncal.fits"]
    assert content["context"] == "jwst_0001.pmap"
    assert content["software"]["numpy"] == np.__version__
    assert records[3].notes == {"primary_rays": 12, "rate": None}
    assert [dataclasses.replace(r, notes={}) for r in records] == [dataclasses.replace(r, notes={}) for r in RECORDS]


def test_tensors(tmp_path, ramp):
    slope = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    pedestal = np.ones((1, 3, 4), np.float32)
    fitopt = jw.Tensors(
        schema="rampfitoutput", content={"slope": slope, "pedestal": pedestal}, meta=ramp.meta, history=RECORDS
    )
    path = jw.save(fitopt, out=tmp_path, suffix="fitopt")
    assert path.name == "jw01019001001_02101_00001_nrcb1_fitopt.fits"
    model, header = official(path)
    assert model == "RampFitOutputModel"
    assert header["meta.cal_step.jump"] == "COMPLETE"
    np.testing.assert_array_equal(fits.getdata(path, "SLOPE"), slope)
    np.testing.assert_array_equal(fits.getdata(path, "PEDESTAL"), pedestal)
    with pytest.raises(ValueError, match="known: rampfitoutput"):
        jw.Tensors(schema="fitopt", content={})


def test_saved_twice_says_it_once(tmp_path, make_uncal):
    first = jw.save(jw.open(make_uncal()).replace(history=RECORDS), out=tmp_path, suffix="jump")
    again = jw.open(first)
    second = jw.save(again.replace(history=(*again.history, RECORDS[0])), out=tmp_path, suffix="ramp")
    twice = jw.open(second)
    assert [r.step for r in twice.history] == ["group_scale", "superbias", "dark_current", "jump", "group_scale"]
    assert twice.meta.get("jwgpu.inputs") == ("jw01019001001_02101_00001_nrcb1_uncal.fits", first.name, second.name)
    assert len(fits.getheader(second)["HISTORY"]) == 7


def test_calibration_of_others_is_not_claimed(tmp_path, make_image):
    image = make_image()
    image = image.replace(meta=image.meta.set({"calibration_software_version": "3.0.0"}))
    path = jw.save(image, tmp_path / "a_rate.fits")
    assert fits.getheader(path)["CAL_VER"] == "3.0.0"
    image = jw.open(path)
    path = jw.save(image.replace(history=(Record("gain_scale"),)), tmp_path / "b_rate.fits")
    assert fits.getheader(path)["CAL_VER"] == f"jwgpu {jw.__version__}"
    assert jw.open(path).meta.get("jwgpu.input_software") == "3.0.0"


def test_unknown_keywords_survive(tmp_path, make_uncal):
    raw = make_uncal()
    fits.setval(raw, "MYWORD", value=3.5, comment="mine")
    fits.setval(raw, "OTHER", value="x", ext=("SCI", 1))
    fits.setval(raw, "COMMENT", value="a remark")
    path = jw.save(jw.open(raw), out=tmp_path)
    header = fits.getheader(path)
    assert (header["MYWORD"], header.comments["MYWORD"]) == (3.5, "mine")
    assert "a remark" in list(header["COMMENT"])
    assert fits.getheader(path, "SCI")["OTHER"] == "x"
    official(path)


def test_metadata_without_a_keyword_survive(tmp_path, make_uncal):
    ramp = jw.open(make_uncal(header=HEADER | {"data_processing_version": "2025_1"}))
    assert ramp.meta.data_processing_version == "2025_1"
    more = {"made.up": "a leaf", "made.up.number": 4, "made.other": 2.5}
    path = jw.save(ramp.replace(meta=ramp.meta.set(more)), out=tmp_path)
    assert official(path)[1]["meta.data_processing_version"] == "2025_1"
    meta = jw.open(path).meta
    assert (meta.data_processing_version, meta.get("made.up"), meta.get("made.other")) == ("2025_1", "a leaf", 2.5)


def test_an_unreadable_asdf_extension_does_no_harm(make_uncal):
    raw = make_uncal()
    with fits.open(raw, mode="update") as hdus:
        hdus["ASDF"].data["ASDF_METADATA"][0][30:60] = ord("{")
    assert jw.open(raw).meta.instrument.detector == "NRCB1"


def test_tables_of_other_products_stay_behind(tmp_path, make_image):
    mine = np.zeros(2, [("a", "i4"), ("b", "S5")])
    path = jw.save(make_image(tables={"int_times": times(2), "MINE": mine}), out=tmp_path)
    assert set(jw.open(path).tables) == {"MINE"}


def test_text_that_headers_do_not_allow(tmp_path, make_image):
    image = make_image()
    values = {"target.proposer_name": "Barnard\u2019s\nloop " + "x" * 90, "exposure.start_time": float("nan")}
    path = jw.save(image.replace(meta=image.meta.set(values)), out=tmp_path)
    header = official(path)[1]
    assert header["meta.target.proposer_name"] == "Barnard?s?loop " + "x" * 90
    assert header.get("meta.exposure.start_time") is None


def test_saving_changes_no_array(tmp_path, ramp):
    before = {name: array.copy() for name, array in ramp.arrays().items()}
    for array in ramp.arrays().values():
        array.flags.writeable = False
    jw.save(ramp, out=tmp_path)
    for name, array in ramp.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_arrays_on_a_device(tmp_path, ramp, device):
    path = jw.save(device.put(ramp), out=tmp_path)
    same(ramp, jw.open(path))


def test_names(tmp_path, ramp, make_image):
    assert jw.save(ramp.replace(history=RECORDS[:2]), out=tmp_path).name.endswith("_nrcb1_superbias.fits")
    assert jw.save(ramp, tmp_path / "mine.fits").name == "mine.fits"
    with pytest.raises(ValueError, match="either a path"):
        jw.save(ramp, tmp_path / "mine.fits", suffix="ramp")


def test_refusals(tmp_path, make_uncal, ramp):
    raw = make_uncal()
    before = raw.read_bytes()
    with pytest.raises(InputError, match="never overwritten"):
        jw.save(jw.open(raw), raw)
    (tmp_path / "link.fits").symlink_to(raw)
    with pytest.raises(InputError, match="never overwritten"):
        jw.save(jw.open(raw), tmp_path / "link.fits")
    assert raw.read_bytes() == before
    path = jw.save(ramp, out=tmp_path)
    with pytest.raises(InputError, match="exists already"):
        jw.save(ramp, out=tmp_path, overwrite=False)
    jw.save(ramp, out=tmp_path)
    with pytest.raises(InputError, match="is a file"):
        jw.save(ramp, out=path)


def test_a_crash_in_the_middle_leaves_nothing(tmp_path, ramp, monkeypatch):
    from jwgpu.io import fitsfile

    path = jw.save(ramp, out=tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(fitsfile, "write_table", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        jw.save(ramp, out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before
