"""demo, step, list, associate, compare, info."""

import json

import pytest

import jwgpu as jw
from jwgpu import simulate, steps


def test_demo_runs_and_compares_with_the_truth(jwgpu, tmp_path, monkeypatch):
    real = simulate.exposure
    monkeypatch.setattr(simulate, "exposure", lambda *a, **k: real(*a, **{**k, "size": (128, 128)}))
    answer = jwgpu("demo", "--out", tmp_path / "demo", "--groups", "6")
    assert answer.status == 0, answer.err
    assert (tmp_path / "demo" / "demo.png").stat().st_size > 10_000
    assert list((tmp_path / "demo").glob("*_rate.fits"))
    assert "median pull" in answer.out


def test_step_runs_one_step_with_its_own_options(jwgpu, written, references, tmp_path):
    words = ["--out", tmp_path, "--references", references]
    answer = jwgpu("step", "dq_init", written.uncal, *words)
    assert answer.status == 0, answer.err
    made = next(tmp_path.glob("*_dq_init.fits"))
    assert jw.open(made).history[-1].step == "dq_init"
    answer = jwgpu("step", "jump", made, *words, "--rejection_threshold", "7")
    assert answer.status == 0, answer.err
    record = jw.open(next(tmp_path.glob("*_jump.fits"))).history[-1]
    assert record.parameters["rejection_threshold"] == 7.0
    answer = jwgpu("step", "ramp_fit", made, *words)
    assert {p.name.rsplit("_", 1)[1] for p in tmp_path.glob("*_rate*.fits")} == {"rate.fits", "rateints.fits"}


def test_step_help_comes_from_the_signature(jwgpu):
    answer = jwgpu("step", "jump", "--help")
    assert answer.status == 0
    assert all(f"--{name}" in answer.out for name in [*steps.jump.parameters, *steps.jump.references])


def test_step_on_the_wrong_kind_of_file(jwgpu, written, references, tmp_path):
    jwgpu("run", written.uncal, "--out", tmp_path, "--references", references)
    answer = jwgpu("step", "jump", next(tmp_path.glob("*_rate.fits")), "--references", references)
    assert answer.status == 2
    assert "works on a ramp" in answer.err


def test_list(jwgpu):
    answer = jwgpu("list")
    assert all(name in answer.out for name in steps.names())
    assert "rejection_threshold = 4.0" in jwgpu("list", "jump").out
    assert jwgpu("list", "jmup").status == 2


def test_associate(jwgpu, tmp_path):
    simulate.dithers(2, size=16).write(tmp_path)
    simulate.dithers(1, "MIRI", size=16).write(tmp_path)
    answer = jwgpu("associate", tmp_path)
    assert answer.status == 0, answer.err
    paths = [line for line in answer.out.splitlines() if line.endswith(".json")]
    assert [p.rpartition("/")[2] for p in paths] == [f"jw09999-o001_image3_{k:05d}_asn.json" for k in (1, 2)]
    assert [len(jw.associations.read(path).product().members) for path in paths] == [1, 2]
    assert jwgpu("associate", *tmp_path.glob("*_cal.fits"), "--level", "3", "--out", tmp_path / "new").status == 0
    answer = jwgpu("associate", tmp_path / "new")
    assert answer.status == 2
    assert "holds no _rate.fits or _cal.fits files" in answer.err


def test_compare(jwgpu, written, references, tmp_path):
    for name, words in {"a": [], "b": [], "c": ["--set", "jump.rejection_threshold=2"]}.items():
        jwgpu("run", written.uncal, "--out", tmp_path / name, "--references", references, *words)
    a, b, c = (next((tmp_path / name).glob("*_rate.fits")) for name in "abc")
    assert jwgpu("compare", a, b).status == 0
    answer = jwgpu("compare", a, c, "--json")
    assert answer.status == 1
    assert json.loads(answer.out)["same"] is False
    assert jwgpu("compare", a, tmp_path / "missing.fits").status == 2


def test_info(jwgpu):
    answer = jwgpu("info")
    assert answer.status == 0
    for word in ("device", "CPU kernels", "numpy", "CRDS_PATH"):
        assert word in answer.out


def test_version_and_unknown_command(jwgpu):
    assert jw.__version__ in jwgpu("--version").out
    assert jwgpu("calibrate").status == 2


def test_a_rate_gets_its_place_on_the_sky(jwgpu, written, references, tmp_path):
    jwgpu("run", written.uncal, "--out", tmp_path, "--references", references)
    rate = next(tmp_path.glob("*_rate.fits"))
    answer = jwgpu("step", "assign_wcs", rate, "--out", tmp_path, "--references", references)
    assert answer.status == 0, answer.err
    image = jw.open(next(tmp_path.glob("*_assign_wcs.fits")))
    assert image.history[-1].references["filteroffset"].endswith("filteroffset.asdf")
    ra, dec = image.wcs(20.0, 30.0)
    assert image.wcs.invert(ra, dec) == pytest.approx((20, 30), abs=0.01)


def test_a_catalogue_of_a_mosaic(jwgpu, tmp_path):
    from mosaics import mosaic

    field = mosaic()
    (tmp_path / "references").mkdir()
    path = jw.save(field.image, tmp_path / "field_i2d.fits")
    words = ["--references", tmp_path / "references", "--no-pars", "--npixels", "9", "--out", tmp_path]
    answer = jwgpu("step", "source_catalog", path, *words)
    assert answer.status == 0, answer.err
    assert "source_catalog: complete" in answer.out
    assert field.matched(jw.open(tmp_path / "field_cat.ecsv"))[0].size == field.x.size
    assert (tmp_path / "field_segm.fits").exists()
