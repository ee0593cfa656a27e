"""A ramp of MIRI taken on the ground, with an early header that has holes.

Nothing but read-out and dark: integration 1 settles from idling for two seconds, the first group lies low and the last
one high, as MIRI's do; the pixels beyond the border (columns 0 to 3) see nothing; one pixel is hot.
"""

import warnings

import numpy as np
import official
import pytest
from astropy.io import fits
from commandline import command

import jwgpu
from jwgpu import steps
from jwgpu.io.incomplete import IncompleteHeaderWarning
from jwgpu.reference.local import write_cache

WITHOUT = ("dq_init", "saturation", "reset", "linearity", "rscd", "dark_current")
HOT = (37, 4)


@pytest.fixture
def exposure(real_data):
    found = sorted((real_data / "miri-ground-ramp").glob("MIRI_*.fits"))
    if not found:
        pytest.skip(f"{real_data} holds no miri-ground-ramp")
    return found[0]


@pytest.fixture
def references(constant):
    frame = ("MIRI", "MIRIMAGE", (1024, 1032))
    return {"gain": constant("gain", *frame, 5.5), "readnoise": constant("readnoise", *frame, 7.0)}


@pytest.fixture
def ramp(exposure):
    with pytest.warns(IncompleteHeaderWarning):
        return jwgpu.open(exposure)


def test_one_warning_names_what_is_missing_and_what_is_assumed(exposure):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ramp = jwgpu.open(exposure)
    assert [w.category for w in caught] == [IncompleteHeaderWarning]
    words = str(caught[0].message)
    missing, assumed = words.split(" Assumed: ")
    for keyword in ("EXP_TYPE", "FASTAXIS", "SLOWAXIS", "FILTER"):
        assert keyword in missing
    for assumption in ("EXP_TYPE = MIR_IMAGE", "FASTAXIS = 1", "SLOWAXIS = 2"):
        assert assumption in assumed
    assert "Unknown, and left out: FILTER" in assumed
    assert ramp.data.shape == (5, 50, 64, 72)
    assert ramp.meta.exposure.type == "MIR_IMAGE"


def test_slopes(ramp, references):
    refs = jwgpu.references(ramp, folder=references["gain"].parent)
    fitted = steps.ramp_fit(steps.jump(ramp, refs.gain, refs.readnoise), refs.gain, refs.readnoise)
    rates, errors = fitted.rateints.data, fitted.rateints.err
    assert rates.shape == (5, 64, 72)
    assert np.isfinite(rates).all()
    assert (errors > 0).all()
    inside = np.s_[:, :, 4:68]
    medians = np.median(rates[inside], axis=(1, 2))
    assert (medians > 0).all()
    assert medians[0] > 3 * medians[1:].max()  # settles from idling
    assert medians[1:].max() < 10  # DN/s: dark
    assert np.abs(np.median(rates[1:, :, :4])) < medians[1:].min() + 1.0  # the border sees no more than that
    later, noise = rates[inside][1:], errors[inside][1:]
    for one in range(3):
        pull = (later[one] - later[3]) / np.hypot(noise[one], noise[3])
        assert np.abs(np.median(pull)) < 1.5
        assert 0.8 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 2.0
    hot = rates[1:, *HOT]
    assert hot.min() > 100
    assert np.ptp(hot) < 0.1 * hot.mean()
    rise = (ramp.data[1:, -1, *HOT] - ramp.data[1:, 0, *HOT]) / (49 * ramp.meta.exposure.group_time)
    np.testing.assert_allclose(hot, rise, rtol=0.05)


def test_command_line(exposure, ramp, references, tmp_path, capsys):
    folder = references["gain"].parent
    skips = [word for step in WITHOUT for word in ("--skip", step)]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        command("run", exposure, "--out", tmp_path, "--references", folder, *skips)
    printed = capsys.readouterr()
    assert printed.err.count("incomplete header") == 1
    assert "without refpix" in printed.out
    refs = jwgpu.references(ramp, folder=folder)
    fitted = steps.ramp_fit(steps.jump(steps.lastframe(ramp), refs.gain, refs.readnoise), refs.gain, refs.readnoise)
    for suffix, image in (("rate", fitted.rate), ("rateints", fitted.rateints)):
        with fits.open(tmp_path / f"{exposure.stem}_{suffix}.fits") as hdus:
            np.testing.assert_array_equal(hdus["SCI"].data, image.data)
            assert hdus[0].header["S_JUMP"] == hdus[0].header["S_RAMP"] == "COMPLETE"
            assert hdus[0].header["S_REFPIX"] == "SKIPPED"


def test_what_a_folder_lacks_is_said_at_once(exposure, references, tmp_path, capsys):
    with pytest.raises(AssertionError), warnings.catch_warnings():
        warnings.simplefilter("always")
        command("run", exposure, "--out", tmp_path, "--references", references["gain"].parent)
    words = " ".join(capsys.readouterr().err.split())
    assert "holds no mask, saturation, reset, linearity, rscd, dark reference" in words
    assert " ".join(f"--skip {step}" for step in WITHOUT) in words


@pytest.mark.oracle
def test_as_the_official_steps(ramp, references, tmp_path):
    """Fifty groups of a real detector: the same flags, slopes to 1e-5, variances to 1e-4."""
    pytest.importorskip("jwst")
    settings = write_cache(tmp_path / "crds", references.values())
    path = jwgpu.save(ramp, tmp_path / "miri_ramp.fits")
    with official.crds_settings(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from jwst.jump import JumpStep
        from jwst.ramp_fitting import RampFitStep

        flagged = JumpStep.call(str(path), expand_large_events=False, find_showers=False)
        theirs = RampFitStep.call(flagged, algorithm="OLS_C")
    refs = jwgpu.references(ramp, folder=references["gain"].parent)
    jumps = steps.jump(ramp, refs.gain, refs.readnoise)
    np.testing.assert_array_equal(jumps.groupdq, flagged.groupdq)
    assert (jumps.groupdq & 4).any()
    for mine, image in zip(steps.ramp_fit(jumps, refs.gain, refs.readnoise), theirs):
        np.testing.assert_array_equal(mine.dq, image.dq)
        assert (np.abs(mine.data - image.data) <= 1e-5 * np.abs(image.data) + 1e-3 * image.err).all()
        for name in ("var_poisson", "var_rnoise"):
            gap = np.abs(getattr(mine, name) - getattr(image, name))
            assert (gap <= 1e-4 * getattr(image, name) + 1e-3 * image.err**2).all(), name
