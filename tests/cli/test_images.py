"""`jwgpu run` on rates, associations, calibrated images and folders, and all the way from raw exposures."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import associations, simulate


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A folder of calibrated images."""
    where = tmp_path_factory.mktemp("dithers")
    simulate.dithers(3, size=64, seed=3).write(where)
    (where / "asn.json").unlink()
    return where


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Raw exposures of a field, and a folder of references."""
    where = tmp_path_factory.mktemp("raw")
    made = simulate.dithers(2, size=64, seed=4)
    for k in range(2):
        written = simulate.write(made.raw(k), where / f"{k}", crds=False)
    return sorted(where.glob("*/*_uncal.fits")), written.references[0].parent


def names(folder):
    return sorted(path.name for path in folder.iterdir())


PRODUCT = "jw09999-o001_t001_nircam_clear-f200w"
CRF = [f"jw09999001001_02101_{k:05d}_nrcb1_o001_crf.fits" for k in (1, 2, 3)]


def test_a_mosaic_from_files_a_folder_or_an_association(jwgpu, calibrated, tmp_path):
    (asn,) = associations.associate(calibrated)
    path = asn.write(calibrated, "one_asn.json")
    files = sorted(calibrated.glob("*_cal.fits"))
    for k, words in enumerate((files, [calibrated], [path])):
        out = tmp_path / f"o{k}"
        answer = jwgpu("run", *words, "--out", out, "--references", calibrated, "--no-pars")
        assert answer.status == 0, answer.err
        assert PRODUCT in answer.out
        assert set(names(out)) >= set(CRF)
        for name in CRF:
            assert all(array.same for array in jw.compare(out / name, tmp_path / "o0" / name).arrays)
    image = jw.open(out / CRF[0])
    assert image.meta.asn.table_name == "one_asn.json"


def test_steps_are_saved_and_set(jwgpu, calibrated, tmp_path):
    words = ["--save-steps", "--set", "skymatch.subtract=true", "--max-memory", "500M", "--scratch", tmp_path / "s"]
    answer = jwgpu("run", calibrated, "--out", tmp_path / "o", "--references", calibrated, *words)
    assert answer.status == 0, answer.err
    assert f"{CRF[0].removesuffix('crf.fits')}skymatch.fits" in names(tmp_path / "o")
    image = jw.open(tmp_path / "o" / CRF[0])
    assert next(r for r in image.history if r.step == "skymatch").parameters["subtract"] is True
    assert names(tmp_path / "s") == []


def test_rates_with_their_backgrounds(jwgpu, raw, tmp_path):
    files, references = raw
    rates = tmp_path / "rates"
    answer = jwgpu("run", *files, "--out", rates, "--references", references)
    assert answer.status == 0, answer.err
    one, other = sorted(rates.glob("*_rate.fits"))
    (asn,) = associations.associate([one])
    product = associations.Product(
        "mine_nrcb1", (*asn.products[0].members, associations.Member(other.name, "background"))
    )
    path = associations.Association((product,), "image2", rates).write(rates, "mine_asn.json")
    answer = jwgpu("run", path, "--out", tmp_path / "a", "--references", references)
    assert answer.status == 0, answer.err
    assert "mine_nrcb1_cal.fits" in names(tmp_path / "a")
    made = jw.open(tmp_path / "a" / "mine_nrcb1_cal.fits")
    record = next(r for r in made.history if r.step == "bkg_subtract")
    assert record.exposures == {"background": [other.name]}
    assert made.meta.asn.table_name == "mine_asn.json"
    words = ["--set", f"bkg_subtract.background={other}", "--out", tmp_path / "b", "--references", references]
    answer = jwgpu("run", one, *words)
    assert answer.status == 0, answer.err
    again = jw.open(next((tmp_path / "b").glob("*_cal.fits")))
    np.testing.assert_array_equal(again.data, made.data)


def test_from_raw_to_mosaic(jwgpu, raw, tmp_path):
    files, references = raw
    words = ["--out", tmp_path, "--references", references, "--set", "jump.rejection_threshold=5"]
    answer = jwgpu("run", *files, "--to", "image3", *words)
    assert answer.status == 0, answer.err
    made = {name.rpartition("_")[2] for name in names(tmp_path)}
    assert made >= {"rate.fits", "rateints.fits", "cal.fits", "crf.fits"}
    done = [r.step for r in jw.open(next(tmp_path.glob("*_crf.fits"))).history]
    assert [name for name in done if name in ("jump", "photom", "skymatch")] == ["jump", "photom", "skymatch"]


def test_one_failure_does_not_stop_the_rest(jwgpu, calibrated, tmp_path):
    bad = tmp_path / "bad_asn.json"
    bad.write_text("{")
    broken = tmp_path / "broken_cal.fits"
    shutil.copy(next(calibrated.glob("*_cal.fits")), broken)
    broken.write_bytes(broken.read_bytes()[:20000])
    answer = jwgpu("run", bad, broken, calibrated, "--out", tmp_path / "o", "--references", calibrated)
    assert answer.status == 2
    assert "is no JSON" in answer.err
    assert "broken_cal.fits" in answer.err
    assert not (tmp_path / "o").exists() or not list((tmp_path / "o").glob(".*"))


def test_what_cannot_be_run(jwgpu, calibrated, tmp_path):
    (tmp_path / "empty").mkdir()
    spectra = tmp_path / "spectra_asn.json"
    members = (associations.Member(str(next(calibrated.glob("*_cal.fits")))),)
    associations.Association((associations.Product("x", members),), "spec2").write(tmp_path, spectra.name)
    for words, said in (
        ([tmp_path / "empty"], "holds no _cal.fits, _rate.fits or _uncal.fits"),
        ([tmp_path / "none.json"], "cannot be read"),
        ([spectra], "asn_type spec2"),
        ([calibrated, "--to", "image3", "--pipeline", calibrated], "--to runs one pipeline after the other"),
        ([calibrated, "--set", "jump.rejection_threshold=5"], "has no step 'jump'"),
    ):
        answer = jwgpu("run", *words, "--out", tmp_path / "o", "--references", calibrated)
        assert answer.status in (2, 3)
        assert said in answer.err
