"""picture_frame against that of jwst 3.0.0: ramps, rates and rates per integration."""

from __future__ import annotations

import numpy as np
import pytest
from official import model_of

import jwgpu as jw
from jwgpu import pipelines, simulate, steps

pytest.importorskip("jwst")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def official(monkeypatch, crds_cache):
    """Return a function that corrects an exposure officially, on a frame of any size.

    Rows and columns of edges and centre are those of 2048 pixels there; they are counted from the border here.
    """
    from jwst.clean_flicker_noise import clean_flicker_noise as cfn
    from jwst.picture_frame import picture_frame as module
    from jwst.ramp_fitting import RampFitStep
    from stdatamodels.jwst import datamodels

    def correct(exposure, references, without_wcs=False, **parameters):
        size = exposure.shape[-1]
        monkeypatch.setattr(module, "UPPER_EDGE_REGION", (size - 63, size - 5))
        monkeypatch.setattr(module, "CENTER_REGION", (76, size - 64))
        overrides = {
            "override_gain": model(references["gain"], datamodels.GainModel),
            "override_readnoise": model(references["readnoise"], datamodels.ReadnoiseModel),
        }
        monkeypatch.setattr(cfn, "make_rate", lambda ramp: RampFitStep.call(ramp, **overrides)[0])
        if without_wcs:  # nothing but what is known without
            monkeypatch.setattr(cfn, "post_process_rate", lambda rate, **_: rate)
            monkeypatch.setattr(cfn, "mask_slits", lambda rate, mask: mask)
            monkeypatch.setattr(cfn, "mask_ifu_slices", lambda rate, mask: mask)
        frame = datamodels.PictureFrameModel(data=references["pictureframe"].data.copy())
        return module.correct_picture_frame(
            model_of(exposure), frame, save_mask=True, save_correction=True, **parameters
        )  # fmt: skip

    def model(reference, kind):
        made = kind(data=reference.data.copy())
        rows, columns = reference.data.shape
        made.update({"meta": {"subarray": {"xstart": 1, "ystart": 1, "xsize": columns, "ysize": rows}}})
        return made

    return correct


def exposures(mode="nirspec_picture_frame", exp_type="NRS_MSASPEC", **changes):
    """Return ramp, rate and rates per integration with a glow, and the references."""
    made = simulate.tiny(mode, **changes)
    run = pipelines.choose(made.ramp).run(made.ramp, made.references, progress=False, keep=["jump"])
    nouns = {"ramp": run["jump"], "rate": run.rate, "rateints": run.rateints}
    rng = np.random.default_rng(8)
    for name, noun in nouns.items():
        flags = rng.choice(np.uint32([0, jw.data.PIXEL.MSA_FAILED_OPEN]), noun.shape[-2:], p=[0.9, 0.1])
        dq = noun.pixeldq if name == "ramp" else noun.dq
        meta = noun.meta.set({"exposure.type": exp_type})
        nouns[name] = noun.replace(**{"pixeldq" if name == "ramp" else "dq": dq | flags}, meta=meta)
    kinds = ("pictureframe", "gain", "readnoise")
    return nouns, {kind: made.references.get(kind) for kind in kinds}


def compare(noun, references, official, **parameters):
    """Check mask, result and correction; return the largest difference of the data."""
    both = {"n_sigma": 2.0, **parameters}
    theirs, mask, correction, status = official(noun, references, **both)
    both.pop("without_wcs", None)
    with jw.byproducts() as left:
        ours = steps.picture_frame(noun, *references.values(), save_mask=True, save_correction=True, **both)
    assert (ours.history[-1].status, status) == ("COMPLETE", "COMPLETE")
    np.testing.assert_array_equal(left["pctfrm_mask"].data, mask.data)
    np.testing.assert_array_equal(ours.data, theirs.data)
    np.testing.assert_array_equal(left["pctfrm_correction"].data, correction.data)
    assert 0.05 < np.mean(mask.data) < 1
    assert np.nanmax(np.abs(correction.data)) > 0.1


@pytest.mark.parametrize("n_sigma", [2.0, 0.7, 0.0])
@pytest.mark.parametrize("kind", ["ramp", "rate", "rateints"])
def test_without_science_regions(kind, n_sigma, official):
    """The same bits, of mask, result and correction."""
    nouns, references = exposures()
    compare(nouns[kind], references, official, mask_science_regions=False, n_sigma=n_sigma)


@pytest.mark.parametrize("exp_type", ["NRS_MSASPEC", "NRS_IFU", "NRS_FIXEDSLIT"])
@pytest.mark.parametrize("kind", ["ramp", "rate", "rateints"])
def test_with_what_is_known_without_a_wcs(kind, exp_type, official):
    nouns, references = exposures(exp_type=exp_type)
    compare(nouns[kind], references, official, without_wcs=True, mask_science_regions=True)


@pytest.mark.slow
@pytest.mark.parametrize("exp_type", ["NRS_MSASPEC", "NRS_FIXEDSLIT"])
def test_a_full_frame(exp_type, official):
    """Its edges and the rows of the fixed slits as they are there."""
    nouns, references = exposures(exp_type=exp_type, size=(2048, 2048), n_groups=3, n_integrations=1, n_stars=300)
    for kind in ("ramp", "rate"):
        compare(nouns[kind], references, official, without_wcs=True, mask_science_regions=True)


@pytest.mark.parametrize("change", ["subarray", "one group", "nothing left"])
def test_what_does_not_apply(change, official):
    nouns, references = exposures()
    noun = nouns["ramp"]
    if change == "subarray":
        noun = noun.replace(meta=noun.meta.set({"subarray.name": "ALLSLITS"}))
    elif change == "one group":
        noun = noun.replace(data=noun.data[:, :1], groupdq=noun.groupdq[:, :1])
    else:
        noun = nouns["rate"].replace(data=np.zeros_like(nouns["rate"].data))
    *_, status = official(noun, references, mask_science_regions=False)
    ours = steps.picture_frame(noun, *references.values(), mask_science_regions=False)
    assert status == ours.history[-1].status == "SKIPPED"
    np.testing.assert_array_equal(ours.data, noun.data)
