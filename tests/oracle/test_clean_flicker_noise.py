"""clean_flicker_noise against that of jwst 3.0.0: ramps, rates and rates per integration, both methods."""

from __future__ import annotations

import numpy as np
import pytest
from official import model_of
from ramps import make_reference

import jwgpu as jw
from jwgpu import pipelines, simulate, steps
from jwgpu.steps.clean_flicker_noise import autoparam

pytest.importorskip("jwst")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ROUNDING = 2e-5
"""Of the largest noise: levels are float32, and a background model float64 there."""
FFT = 2e-3
"""Of the largest noise: matrices are inverted in complex64 there, and solved in double precision here."""


@pytest.fixture
def official(monkeypatch, crds_cache):
    """Return a function that cleans an exposure officially, with the gain and read noise given."""
    from jwst.clean_flicker_noise import clean_flicker_noise as cfn
    from jwst.ramp_fitting import RampFitStep
    from stdatamodels.jwst import datamodels

    def clean(exposure, references, flat=None, **parameters):
        overrides = {
            "override_gain": model(references["gain"], datamodels.GainModel, exposure),
            "override_readnoise": model(references["readnoise"], datamodels.ReadnoiseModel, exposure),
        }
        monkeypatch.setattr(
            cfn, "make_rate", lambda r, input_dir="", return_cube=False: RampFitStep.call(r, **overrides)[return_cube]
        )
        monkeypatch.setattr(cfn, "read_flat_file", lambda *_: flat)
        out, mask, background, noise, status = cfn.do_correction(
            model_of(exposure), save_mask=True, save_background=True, save_noise=True, **parameters
        )
        assert status == "COMPLETE"
        return out.data, mask.data, background.data, noise.data

    def model(reference, kind, exposure):
        made = kind(data=reference.data.copy())
        rows, columns = reference.data.shape
        start = {name: exposure.meta.get(f"subarray.{name}", 1) for name in ("xstart", "ystart")}
        made.update({"meta": {"subarray": {**start, "xsize": columns, "ysize": rows}}})
        return made

    return clean


@pytest.fixture(scope="module")
def exposures():
    """Return a function that gives ramp, rate and rates per integration of a mode, and the references; made once."""
    made = {}

    def get(mode, **changes):
        if mode not in made:
            simulation = simulate.tiny(mode, **changes)
            run = pipelines.choose(simulation.ramp).run(
                simulation.ramp, simulation.references, progress=False, keep=["jump"]
            )
            nouns = {"ramp": run["jump"], "rate": run.rate, "rateints": run.rateints}
            made[mode] = nouns, {kind: simulation.references.get(kind) for kind in ("gain", "readnoise", "flat")}
        return made[mode]

    return get


def compare(noun, references, official, tolerance=ROUNDING, flat=None, **parameters):
    """Check mask, background, result and noise."""
    theirs, mask, background, noise = official(noun, references, flat=flat, **parameters)
    given = dict(gain=references["gain"], readnoise=references["readnoise"])
    if flat is not None:
        given["flat"] = make_reference("flat", data=flat)
        parameters["apply_flat_field"] = True
    with jw.byproducts() as left:
        ours = steps.clean_flicker_noise(
            noun, **given, save_mask=True, save_background=True, save_noise=True, **parameters
        )
    assert ours.history[-1].status == "COMPLETE", ours.history[-1].reason
    np.testing.assert_array_equal(left["mask"].data, mask)
    largest = np.nanmax(np.abs(noise))
    assert largest > 0
    level = tolerance * largest + 1e-6 * np.nanmax(np.abs(noun.data))
    np.testing.assert_array_equal(np.isnan(ours.data), np.isnan(theirs))
    np.testing.assert_allclose(ours.data, theirs, rtol=0, atol=level, equal_nan=True)
    np.testing.assert_allclose(left["flicker_noise"].data, noise, rtol=0, atol=2 * level, equal_nan=True)
    np.testing.assert_allclose(left["flicker_bkg"].data, background, rtol=0, atol=level)


MODES = ("nircam", "niriss", "nirspec_sub", "miri", "fgs_image")
"""Slow axes along y and along x."""


@pytest.mark.parametrize("mode, background_method", [
    *((mode, "model") for mode in MODES), ("nircam", "median"), ("niriss", None), ("miri", "median"),
])  # fmt: skip
def test_medians_of_a_ramp(mode, background_method, exposures, official):
    nouns, references = exposures(mode)
    compare(nouns["ramp"], references, official, background_method=background_method)


@pytest.mark.parametrize("kind, parameters", [
    ("rate", {"n_sigma": 0.0}), ("ramp", {"n_sigma": 3.0, "single_mask": False}), ("rateints", {"single_mask": False}),
    ("rateints", {"fit_histogram": True}), ("rate", {"background_method": "model", "background_box_size": [8, 16]}),
], ids=str)  # fmt: skip
def test_parameters(kind, parameters, exposures, official):
    nouns, references = exposures("nircam")
    compare(nouns[kind], references, official, **parameters)


@pytest.mark.parametrize("mode", ["nircam", "niriss"])
def test_with_a_flat(mode, exposures, official):
    nouns, references = exposures(mode)
    flat = np.random.default_rng(4).normal(1, 0.05, nouns["rate"].shape).astype(np.float32)
    compare(nouns["ramp"], references, official, flat=flat)


@pytest.mark.parametrize("slowaxis", [2, -1])
def test_amplifiers_one_by_one(slowaxis, official):
    """Channels are 512 pixels of 2048 there."""
    shape = (24, 2048) if slowaxis == 2 else (2048, 24)
    rng = np.random.default_rng(5)
    data = rng.normal(1, 0.1, shape).astype(np.float32)
    meta = {"instrument.name": "NIRCAM", "instrument.detector": "NRCA1", "exposure.type": "NRC_IMAGE",
            "subarray.name": "FULL", "subarray.slowaxis": slowaxis}  # fmt: skip
    lines = rng.normal(0, 0.2, (24, 4)).repeat(512, axis=1)
    image = jw.data.Image(
        data=data + (lines if slowaxis == 2 else lines.T).astype(np.float32), dq=np.zeros(shape, np.uint32),
        unit="DN/s", meta=jw.data.Meta(meta),
    )  # fmt: skip
    blank = {kind: make_reference(kind, data=np.ones(shape)) for kind in ("gain", "readnoise")}
    compare(image, blank, official, fit_by_channel=True)
    cleaned = steps.clean_flicker_noise(image, fit_by_channel=True).data
    assert cleaned.std() < 1.1 * data.std() < 0.6 * image.data.std()


@pytest.mark.parametrize("kind", ["ramp", "rateints"])
@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_frequencies_of_a_subarray(detector, kind, exposures, official):
    nouns, references = exposures("nirspec_sub")
    noun = nouns[kind].replace(meta=nouns[kind].meta.set({"instrument.detector": detector}))
    compare(noun, references, official, FFT, fit_method="fft", n_sigma=3.0)


@pytest.mark.parametrize("subarray", ["ALLSLITS", "SUBS200A1"])
def test_frequencies_of_a_large_subarray(subarray, official):
    """In many stretches, with gaps."""
    noun, blank = strip((40, 160), subarray)
    compare(noun, blank, official, FFT, fit_method="fft")


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_frequencies_of_a_full_frame(detector, official):
    """Lines of 2048 pixels: there, this size alone is a full frame."""
    noun, blank = strip((2048, 2048), "FULL", detector)
    compare(noun, blank, official, FFT, fit_method="fft")


def strip(shape, subarray, detector="NRS1"):
    """Return a NIRSpec rate with a spectrum, 1/f noise along its columns, and references that are not looked at."""
    rng = np.random.default_rng(6)
    noise = simulate.electronics.pink(rng, shape[1], shape[0]).T
    data = (rng.normal(0, 0.3, shape) + noise).astype(np.float32)
    data[shape[0] // 3 : shape[0] // 2] += 30
    meta = {"instrument.name": "NIRSPEC", "instrument.detector": detector, "exposure.type": "NRS_FIXEDSLIT",
            "subarray.name": subarray, "subarray.slowaxis": 1}  # fmt: skip
    image = jw.data.Image(data=data, dq=np.zeros(shape, np.uint32), unit="DN/s", meta=jw.data.Meta(meta))
    return image, {kind: make_reference(kind, data=np.ones((2, 2))) for kind in ("gain", "readnoise")}


@pytest.mark.parametrize("kind", ["NRC_IMAGE", "NIS_IMAGE"])
@pytest.mark.parametrize("scene", ["flat", "tilted", "crowded", "stepped", "noisy"])
def test_automatic_parameters(kind, scene, monkeypatch):
    """The same choice, and the same numbers it rests on."""
    from jwst.clean_flicker_noise import autoparam as module
    from stdatamodels.jwst import datamodels

    shape = (2048, 96) if kind == "NIS_IMAGE" else (96, 2048)
    image = images(scene, shape)
    slow = 1 if kind == "NIS_IMAGE" else 2
    made = datamodels.ImageModel(image.copy())
    made.meta.subarray.slowaxis = slow
    seen = {}
    decide = module._image_decision_tree
    monkeypatch.setattr(module, "_image_decision_tree", lambda *a: (seen.update(zip("pqmoarc", a)), decide(*a)))
    theirs = getattr(module, {"NRC_IMAGE": "nircam", "NIS_IMAGE": "niriss"}[kind] + "_image_parameters")(made, None)
    method, by_channel, numbers = autoparam.choose(image, kind, slow)
    assert (method, by_channel) == (theirs["background_method"], theirs["fit_by_channel"])
    named = [numbers[n] for n in ("masked", "step", "slope", "ratio", "scatter")]
    np.testing.assert_allclose(named, [seen[k] for k in "moarc"], rtol=2e-3, atol=1e-6)


def images(scene, shape):
    """Return a rate of some kind, (y, x) float32."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = 0.5 + rng.normal(0, 0.02, shape)
    long = np.argmax(shape)
    if scene == "tilted":
        image += 5e-4 * (x + y)
    elif scene == "crowded":
        image[rng.random(shape) < 0.2] += 3
    elif scene == "stepped":
        image += 0.3 * ((x if long else y) // 512 % 2)
    elif scene == "noisy":
        image += rng.normal(0, 0.1, max(shape))[None if long else slice(None), slice(None) if long else None]
    return image.astype(np.float32)
