"""`jwgpu run` and parameter references: found, named, overruled, declined; darks; steps off by default."""

import numpy as np
import pytest
import yaml
from astropy.io import fits

import jwgpu as jw
from jwgpu import simulate
from jwgpu.reference.local import write_cache

HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


def write(folder, cls, values, **more):
    """Write a parameter reference as CRDS has them."""
    meta = {"reftype": f"pars-{cls.lower()}", "useafter": "2015-01-01T00:00:00", "instrument": {"name": "NIRCAM"}}
    tree = {"class": f"jwst.somewhere.{cls}", "meta": meta, "name": cls, "parameters": values, **more}
    path = folder / f"jwst_nircam_pars-{cls.lower()}_0001.asdf"
    path.write_text(HEAD + yaml.safe_dump(tree) + "...\n")
    return path


def records(folder):
    return {r.step: r for r in jw.open(next(folder.glob("*_rate.fits"))).history}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the CRDS client
def test_those_of_crds_are_applied_and_named(jwgpu, tmp_path, monkeypatch):
    files = simulate.write(simulate.tiny("nircam", n_integrations=1), tmp_path, crds=False)
    values = {"rejection_threshold": 6.0, "flag_4_neighbors": False, "of_the_future": 3}
    pars = write(tmp_path, "JumpStep", values)
    for name, value in write_cache(tmp_path / "crds", [*files.references, pars]).items():
        monkeypatch.setenv(name, value)
    answer = jwgpu("run", files.uncal, "--out", tmp_path / "a", "--set", "jump.rejection_threshold=4.0")
    assert answer.status == 0, answer.err
    assert answer.out.count(f"parameters of {pars.name}") == 1
    assert "does not have, not applied: jump.of_the_future = 3" in answer.out
    jump = records(tmp_path / "a")["jump"]
    assert (jump.parameters["rejection_threshold"], jump.parameters["flag_4_neighbors"]) == (4.0, False)
    assert jump.origins == {"rejection_threshold": "user", "flag_4_neighbors": pars.name}
    answer = jwgpu("run", files.uncal, "--out", tmp_path / "b", "--no-pars")
    assert answer.status == 0, answer.err
    assert pars.name not in answer.out
    assert records(tmp_path / "b")["jump"].parameters["flag_4_neighbors"] is True


def test_those_of_the_folder_and_those_that_are_named(jwgpu, written, references, tmp_path):
    write(references, "JumpStep", {"rejection_threshold": 6.0, "flag_4_neighbors": False})
    steps = [{"class": "jwst.jump.jump_step.JumpStep", "name": "jump", "parameters": {"rejection_threshold": 7.0}}]
    mine = write(tmp_path, "Detector1Pipeline", {}, steps=steps)
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references, "--pars", mine)
    assert answer.status == 0, answer.err
    jump = records(tmp_path / "o")["jump"]
    assert (jump.parameters["rejection_threshold"], jump.parameters["flag_4_neighbors"]) == (7.0, False)


def test_a_wrong_file_is_named(jwgpu, written, references, tmp_path):
    words = ["run", written.uncal, "--out", tmp_path / "o", "--references", references, "--pars"]
    answer = jwgpu(*words, tmp_path / "missing.asdf")
    assert (answer.status, "missing.asdf does not exist" in answer.err) == (2, True)
    answer = jwgpu(*words, write(tmp_path, "Image2Pipeline", {}))
    assert (answer.status, "pars-image2pipeline" in answer.err) == (2, True)
    assert not list((tmp_path / "o").iterdir())


def test_a_saved_pipeline_is_run_as_it_is(jwgpu, written, references, tmp_path):
    write(references, "JumpStep", {"rejection_threshold": 6.0})
    mine = jw.pipelines.detector1().save(tmp_path / "mine.toml")
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references, "--pipeline", mine)
    assert answer.status == 0, answer.err
    assert records(tmp_path / "o")["jump"].origins == {}


def test_one_step_takes_them_too_and_says_so(jwgpu, written, references, tmp_path):
    write(references, "JumpStep", {"rejection_threshold": 6.0, "flag_4_neighbors": False, "skip": True})
    mine = tmp_path / "jump.cfg"
    mine.write_text("class = jwst.jump.JumpStep\nrejection_threshold = 7.0\n")
    toml = jw.pipelines.detector1().set("jump", rejection_threshold=8.0).save(tmp_path / "mine.toml")
    cases = {
        "found": ([], (6.0, False)),
        "given": (["--pars", mine], (7.0, False)),
        "said": (["--pars", mine, "--rejection_threshold", "9"], (9.0, False)),
        "declined": (["--no-pars"], (4.0, True)),
        "saved": (["--pipeline", toml], (8.0, True)),
    }
    for name, (words, expected) in cases.items():
        words += ["--out", tmp_path / name, "--references", references]
        answer = jwgpu("step", "jump", written.uncal, *words)
        assert answer.status == 0, answer.err
        record = jw.open(next((tmp_path / name).iterdir())).history[-1]
        assert (record.status, record.step) == ("COMPLETE", "jump")
        assert (record.parameters["rejection_threshold"], record.parameters["flag_4_neighbors"]) == expected, name
        assert ("rejection_threshold = 7.0 from jump.cfg" in answer.out) == (name == "given")
    assert jwgpu("step", "emicorr", written.uncal, "--pipeline", toml).status == 2


def test_files_named_in_a_pipeline(jwgpu, written, references, tmp_path):
    flags = np.zeros(jw.open(written.uncal).shape[-2:], np.int32)
    flags[7, 9] = jw.PIXEL.DO_NOT_USE
    fits.writeto(tmp_path / "mine.fits", flags)
    p = jw.pipelines.detector1().set("dq_init", user_supplied_dq=tmp_path / "mine.fits")
    words = ["--out", tmp_path / "o", "--references", references, "--pipeline", p.save(tmp_path / "mine.toml")]
    answer = jwgpu("run", written.uncal, *words)
    assert answer.status == 0, answer.err
    assert records(tmp_path / "o")["dq_init"].references["user_supplied_dq"] == "mine.fits"
    (tmp_path / "mine.fits").unlink()
    answer = jwgpu("run", written.uncal, *words)
    assert (answer.status, "mine.fits does not exist" in answer.err) == (2, True)


def test_steps_off_by_default_can_be_asked_for(jwgpu, written, references, tmp_path):
    words = ["run", written.uncal, "--references", references]
    assert jwgpu(*words, "--out", tmp_path / "off").status == 0
    assert records(tmp_path / "off")["charge_migration"].reason == "off by default"
    with fits.open(next((tmp_path / "off").glob("*_rate.fits"))) as hdus:
        assert hdus[0].header["S_CHGMIG"] == "SKIPPED"
    assert jwgpu(*words, "--out", tmp_path / "on", "--set", "charge_migration.skip=false").status == 0
    assert records(tmp_path / "on")["charge_migration"].status == "COMPLETE"


def test_a_dark_becomes_a_dark(jwgpu, written, references, tmp_path):
    dark = tmp_path / "jw09999001001_02101_00001_nrcb1_uncal.fits"
    with fits.open(written.uncal) as hdus:
        hdus[0].header["EXP_TYPE"] = "NRC_DARK"
        hdus.writeto(dark)
    answer = jwgpu("run", dark, "--out", tmp_path / "o", "--references", references)
    assert answer.status == 0, answer.err
    (product,) = (tmp_path / "o").iterdir()
    assert product.name == dark.name.replace("_uncal", "_dark")
    assert jw.open(product).data.ndim == 4
    answer = jwgpu("run", product, "--out", tmp_path / "o", "--references", references)
    assert (answer.status, "through stage 1 already" in answer.err) == (2, True)


def test_list_shows_every_table(jwgpu):
    out = jwgpu("list").out
    assert all(label in out for label in jw.pipelines.table.TABLES)
    assert "[charge_migration]" in out
    assert "NRC_DARK" in out
