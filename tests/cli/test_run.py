"""`jwgpu run`: products, status, and what it says when something is wrong."""

import errno
import shutil

import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw
from jwgpu import simulate, steps


def products(folder):
    return sorted(path.name.removeprefix("jw09999001001_02101_00001_nrcb1_") for path in folder.iterdir())


def test_uncal_becomes_rate_and_rateints(jwgpu, written, references, tmp_path):
    out = tmp_path / "new" / "products"
    answer = jwgpu("run", written.uncal, "--out", out, "--references", references)
    assert answer.status == 0, answer.err
    assert products(out) == ["rate.fits", "rateints.fits"]
    rate = jw.open(next(out.glob("*_rate.fits")))
    assert rate.unit == "DN/s"
    assert [r.step for r in rate.history] == jw.pipelines.detector1().names()
    assert str(next(out.glob("*_rate.fits"))) in answer.out


def test_parameters_skips_overrides_and_steps(jwgpu, written, references, tmp_path):
    gain = references.parent / "other_gain.fits"
    shutil.copy(next(references.glob("*gain*")), gain)
    words = ["--set", "jump.rejection_threshold=6", "--set", f"ramp_fit.gain={gain}", "--skip", "refpix"]
    words += ["--set", "dark_current.skip=true", "--save-steps"]
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references, *words)
    assert answer.status == 0, answer.err
    records = {r.step: r for r in jw.open(next((tmp_path / "o").glob("*_rate.fits"))).history}
    assert records["jump"].parameters["rejection_threshold"] == 6.0
    assert records["ramp_fit"].references["gain"] == "other_gain.fits"
    assert records["jump"].references["gain"] != "other_gain.fits"
    assert records["refpix"].status == records["dark_current"].status == "SKIPPED"
    assert "linearity.fits" in products(tmp_path / "o")
    assert "refpix.fits" not in products(tmp_path / "o")
    with fits.open(next((tmp_path / "o").glob("*_rate.fits"))) as hdus:
        assert hdus[0].header["S_REFPIX"] == "SKIPPED"
        assert hdus[0].header["S_JUMP"] == "COMPLETE"


def test_little_memory_gives_the_same_rate_and_leaves_nothing(jwgpu, written, references, tmp_path, monkeypatch):
    from jwgpu.backend import memory
    from jwgpu.pipelines import room

    ramp = jw.open(written.uncal)
    enough = jwgpu("run", written.uncal, "--out", tmp_path / "whole", "--references", references)
    monkeypatch.setattr(memory, "used", lambda: 0)
    monkeypatch.setattr(room, "_BESIDE", 0)
    words = ["--max-memory", str(int(1.5 * ramp.nbytes)), "--scratch", tmp_path / "scratch"]
    seen = []
    monkeypatch.setattr(room, "_check", lambda exposure, folder, *rest: seen.append(folder))
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "pieces", "--references", references, *words)
    assert (enough.status, answer.status) == (0, 0), answer.err
    assert seen == [tmp_path / "scratch"]
    assert list((tmp_path / "scratch").iterdir()) == []
    whole, pieces = (jw.open(next((tmp_path / folder).glob("*_rate.fits"))) for folder in ("whole", "pieces"))
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(pieces.arrays()[name], array)


def test_flags_of_the_user(jwgpu, written, references, tmp_path):
    mine = tmp_path / "mine.fits"
    flags = np.zeros(jw.open(written.uncal).shape[-2:], np.int32)
    flags[7, 9] = jw.PIXEL.DO_NOT_USE
    fits.writeto(mine, flags)
    words = ["--out", tmp_path / "o", "--references", references]
    answer = jwgpu("run", written.uncal, *words, "--set", f"dq_init.user_supplied_dq={mine}")
    assert answer.status == 0, answer.err
    rate = jw.open(next((tmp_path / "o").glob("*_rate.fits")))
    assert np.isnan(rate.data[7, 9]) and rate.dq[7, 9] & jw.PIXEL.DO_NOT_USE
    assert next(r for r in rate.history if r.step == "dq_init").references["user_supplied_dq"] == "mine.fits"
    answer = jwgpu("step", "dq_init", written.uncal, *words, "--user_supplied_dq", mine)
    assert answer.status == 0, answer.err
    assert jw.open(next((tmp_path / "o").glob("*_dq_init.fits"))).groupdq[..., 7, 9].all()


def test_the_averaged_dark_is_saved_under_the_name_asked_for(jwgpu, written, references, tmp_path):
    words = ["--out", tmp_path / "o", "--references", references, "--set", "dark_current.dark_output=averaged"]
    answer = jwgpu("run", written.uncal, *words)
    assert answer.status == 0, answer.err
    assert str(tmp_path / "o" / "averaged.fits") in answer.out
    with fits.open(tmp_path / "o" / "averaged.fits") as hdus:
        assert hdus[0].header["REFTYPE"].lower() == "dark"
        assert hdus[0].header["NGROUPS"] == len(hdus["SCI"].data) == jw.open(written.uncal).n_groups


def test_persistence_goes_from_exposure_to_exposure(jwgpu, written, references, tmp_path):
    """In one command, and in two through a file: a star of the first exposure is flagged in the second."""
    files = [tmp_path / f"jw0999900100{n}_02101_00001_nrcb1_uncal.fits" for n in (1, 2)]
    with fits.open(written.uncal) as hdus:
        hdus["SCI"].data[:, 2:, 20:24, 30] = 65535
        hdus.writeto(files[0])
    with fits.open(written.uncal) as hdus:
        for name in ("int_start_MJD_UTC", "int_mid_MJD_UTC", "int_end_MJD_UTC"):
            hdus["INT_TIMES"].data[name] += 300 / 86400
        hdus.writeto(files[1])
    words = [
        "--references",
        references,
        "--set",
        "persistence.skip=false",
        "--set",
        "persistence.persistence_time=2000",
    ]

    def flagged(out, number):
        rate = jw.open(next((tmp_path / out).glob(f"*100{number}_*_rate.fits")))
        return (rate.dq[20:24, 30] & jw.PIXEL.PERSISTENCE) != 0

    assert jwgpu("run", files[1], "--out", tmp_path / "alone", *words).status == 0
    assert not flagged("alone", 2).any()
    answer = jwgpu("run", *files, "--out", tmp_path / "together", *words)
    assert answer.status == 0, answer.err
    assert flagged("together", 1).all() and flagged("together", 2).all()
    kept = tmp_path / "kept.asdf"
    words += ["--set", f"persistence.save_persistence={kept}", "--set", f"persistence.persistence_array_file={kept}"]
    for file in files:
        answer = jwgpu("run", file, "--out", tmp_path / "resumed", *words)
        assert answer.status == 0, answer.err
        assert str(kept) in answer.out
    for together in (tmp_path / "together").glob("*_rate*.fits"):
        assert jw.compare(together, tmp_path / "resumed" / together.name).same


def test_one_failure_does_not_stop_the_rest(jwgpu, written, references, tmp_path):
    bad = tmp_path / "bad_uncal.fits"
    bad.write_text("not FITS")
    answer = jwgpu("run", bad, written.uncal, "--out", tmp_path / "o", "--references", references)
    assert answer.status == 2
    assert "bad_uncal.fits" in answer.err
    assert products(tmp_path / "o") == ["rate.fits", "rateints.fits"]


def test_a_ramp_goes_on_after_its_last_step_and_gives_the_same_rate(jwgpu, written, references, tmp_path):
    words = ["--references", references]
    jwgpu("run", written.uncal, "--out", tmp_path / "whole", "--save-steps", *words)
    ramp = next((tmp_path / "whole").glob("*_linearity.fits"))
    answer = jwgpu("run", ramp, "--out", tmp_path / "rest", *words)
    assert answer.status == 0, answer.err
    assert products(tmp_path / "rest") == ["rate.fits", "rateints.fits"]
    whole, rest = (next((tmp_path / name).glob("*_rate.fits")) for name in ("whole", "rest"))
    assert jw.compare(whole, rest, rtol=0).same


def test_a_rate_becomes_a_calibrated_image(jwgpu, written, references, tmp_path):
    jwgpu("run", written.uncal, "--out", tmp_path, "--references", references)
    rates = sorted(tmp_path.glob("*_rate*.fits"))
    answer = jwgpu("run", *rates, "--out", tmp_path / "o", "--references", references)
    assert answer.status == 0, answer.err
    assert {"cal.fits", "calints.fits"} <= set(products(tmp_path / "o"))
    assert "without bkg_subtract: there are no background exposures" in answer.out
    for suffix in ("cal", "calints"):
        image = jw.open(next((tmp_path / "o").glob(f"*_{suffix}.fits")))
        assert (image.unit, image.per_integration) == ("MJy/sr", suffix == "calints")
        assert image.wcs is not None


def test_a_saved_pipeline(jwgpu, written, references, tmp_path):
    mine = jw.pipelines.detector1().without("jump").save(tmp_path / "mine.toml")
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references, "--pipeline", mine)
    assert answer.status == 0, answer.err
    with fits.open(next((tmp_path / "o").glob("*_rate.fits"))) as hdus:
        assert hdus[0].header["S_JUMP"] == "SKIPPED"


def test_references_through_crds(jwgpu, tmp_path, monkeypatch):
    files = simulate.write(simulate.tiny("nircam", n_integrations=1), tmp_path)
    for name, value in files.environment.items():
        monkeypatch.setenv(name, str(value))
    answer = jwgpu("run", files.uncal, "--out", tmp_path / "o")
    assert answer.status == 0, answer.err
    with fits.open(next((tmp_path / "o").glob("*_rate.fits"))) as hdus:
        assert hdus[0].header["CRDS_CTX"] == files.environment["CRDS_CONTEXT"]
        assert hdus[0].header["R_GAIN"].startswith("crds://")


def test_guider(jwgpu, tmp_path):
    files = simulate.write(simulate.tiny("fgs_acq1"), tmp_path, crds=False)
    answer = jwgpu("run", files.uncal, "--out", tmp_path / "o", "--references", files.references[0].parent)
    assert answer.status == 0, answer.err
    assert [path.name for path in (tmp_path / "o").iterdir()] == [files.uncal.name.replace("_uncal", "_cal")]


def spoil(path, change):
    with fits.open(path, mode="update") as hdus:
        change(hdus)


def shrink(hdus):
    hdus["SCI"].data = hdus["SCI"].data[:-1]


def other_detector(hdus):
    hdus[0].header["DETECTOR"] = "NRCB4"


def all_nan(hdus):
    hdus["SCI"].data = np.full_like(hdus["SCI"].data, np.nan)


@pytest.mark.parametrize("change", [shrink, other_detector, all_nan])
def test_a_wrong_reference_is_named(jwgpu, written, references, tmp_path, change):
    gain = references.parent / "my_gain.fits"
    shutil.copy(next(references.glob("*gain*")), gain)
    spoil(gain, change)
    override = ["--set", f"jump.gain={gain}"]
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references, *override)
    assert answer.status == 2
    assert "my_gain.fits" in answer.err
    assert "Traceback" not in answer.err
    assert products(tmp_path / "o") == []


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path):
    path.write_text("hello")


def product_of_another_level(path):
    spoil(path, lambda hdus: hdus[0].header.update({"DATAMODL": "IFUCubeModel", "S_IFUCUB": "COMPLETE"}))


def no_groups(path):
    def change(hdus):
        hdus["SCI"].data = hdus["SCI"].data[:, :0]

    spoil(path, change)


@pytest.mark.parametrize("damage", [truncated, text, product_of_another_level, no_groups])
def test_a_damaged_exposure_is_named_and_nothing_is_left_behind(jwgpu, written, references, tmp_path, damage):
    file = tmp_path / written.uncal.name
    shutil.copy(written.uncal, file)
    damage(file)
    before = file.read_bytes()
    answer = jwgpu("run", file, "--out", tmp_path / "o", "--references", references)
    assert answer.status == 2, answer.err
    assert file.name in answer.err
    assert "Traceback" not in answer.err
    assert products(tmp_path / "o") == []
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "jmup.rejection_threshold=5"], "did you mean 'jump'"),
        (["--set", "jump.rejection_treshold=5"], "did you mean 'rejection_threshold'"),
        (["--skip", "jmup"], "did you mean 'jump'"),
        (["--references", "nowhere"], "does not exist"),
        (["--device", "gpu"], "no usable GPU"),
        (["--pipeline", "nowhere.toml"], "cannot be read"),
        (["--max-memory", "much"], "no amount of memory; write it as 2G"),
    ],
)
def test_wrong_words_are_answered_with_status_2(jwgpu, written, tmp_path, words, said):
    from jwgpu import backend

    if "gpu" in words and backend.probe()[0]:
        pytest.skip("there is a GPU")
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", *words)
    assert answer.status == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_missing_file_and_output_folder_that_is_a_file(jwgpu, written, tmp_path):
    assert jwgpu("run", tmp_path / "missing_uncal.fits").status == 2
    (tmp_path / "file").write_text("")
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "file")
    assert answer.status == 2
    assert "--out" in answer.err or "file" in answer.err


def test_failed_processing_is_status_3_and_debug_shows_the_traceback(jwgpu, written, references, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the well ran dry")

    monkeypatch.setattr(steps.linearity, "function", broken)
    words = ["run", written.uncal, "--out", tmp_path / "o", "--references", references]
    answer = jwgpu(*words)
    assert answer.status == 3
    assert "the well ran dry" in answer.err
    assert "Traceback" not in answer.err
    assert products(tmp_path / "o") == []
    from jwgpu.cli import main

    with pytest.raises(RuntimeError, match="ran dry"):
        main([*map(str, words), "--debug"])


def test_a_full_disk_leaves_nothing_half_written(jwgpu, written, references, tmp_path, monkeypatch):
    from jwgpu.io import fitsfile

    real, written_so_far = fitsfile.write_image, []

    def fill_up(stream, name, *rest):
        written_so_far.append(name)
        if len(written_so_far) == 8:  # in the middle of the second product
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(stream, name, *rest)

    monkeypatch.setattr(fitsfile, "write_image", fill_up)
    answer = jwgpu("run", written.uncal, "--out", tmp_path / "o", "--references", references)
    assert answer.status == 2
    assert "the disk is full" in answer.err
    assert products(tmp_path / "o") == ["rate.fits"]
