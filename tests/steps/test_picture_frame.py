"""The picture frame goes, group by group; sources stay; what does not apply says so."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

import jwgpu as jw
from jwgpu import pipelines, simulate, steps
from jwgpu.data import PIXEL, Image, Meta
from jwgpu.errors import InputError

SHAPE = (240, 220)
META = {"instrument.name": "NIRSPEC", "subarray.name": "FULL", "exposure.type": "NRS_IFU"}
GLOW = simulate.glow.pattern(np.zeros(SHAPE, bool))
REFERENCE = make_reference("pictureframe", data=0.3 * GLOW + 7)


def exposure(strengths, pedestal=0.0, n_integrations=2):
    """Return a ramp of noise, a bright stripe and a glow of these strengths, and the same without the glow."""
    rng = np.random.default_rng(5)
    clean = rng.normal(0, 0.02, (n_integrations, len(strengths), *SHAPE))
    clean[..., 120:130, :] += 100 * np.arange(len(strengths))[:, None, None]
    glow = np.multiply.outer(strengths, GLOW) + pedestal * np.arange(len(strengths))[:, None, None]
    times = dict(group_time=10.0, frame_time=10.0)
    ramps = [make_ramp(data, **times) for data in (clean + glow, clean)]
    return [ramp.replace(meta=ramp.meta.set(META)) for ramp in ramps]


def references(gain=2.0, readnoise=0.2):
    return [
        make_reference(kind, data=np.full(SHAPE, value)) for kind, value in (("gain", gain), ("readnoise", readnoise))
    ]


@pytest.mark.parametrize("pedestal", [0.0, 3.0])
def test_the_glow_and_its_pedestal_go_and_light_stays(pedestal):
    ramp, clean = exposure([0.0, 4.0, 3.0, 9.0], pedestal)
    result = check_pure(steps.picture_frame, ramp, REFERENCE, *references())
    np.testing.assert_array_equal(result.data[:, 0], ramp.data[:, 0])
    np.testing.assert_allclose(result.data, clean.data, atol=0.05)
    notes = result.history[-1].notes
    assert 0 < notes["background_centre"] < notes["background_edge"]


def test_light_in_what_is_hidden_does_not_count():
    """Failed-open shutters too faint for clipping bias the level, unless they are flagged and masked."""
    ramp, clean = exposure([0.0, 4.0])
    lit = (slice(None), 1, slice(20, 220), slice(80, 110))
    ramp.data[lit] += 0.15
    ramp.pixeldq[lit[2:]] = PIXEL.MSA_FAILED_OPEN
    left = {}
    for masked in (True, False):
        result = steps.picture_frame(ramp, REFERENCE, *references(), mask_science_regions=masked)
        left[masked] = np.median((result.data - clean.data)[:, 1, 4:20])
        assert ("not_masked" in result.history[-1].notes) == masked
    assert abs(left[True]) < 0.005 < abs(left[False])


@pytest.mark.parametrize("exp_type, hidden", [("NRS_IFU", True), ("NRS_MSASPEC", True), ("NRS_FIXEDSLIT", False)])
def test_fixed_slits_are_background_where_they_are_not_the_subject(exp_type, hidden):
    data = np.random.default_rng(3).normal(1, 0.1, (2048, 160)).astype(np.float32)
    meta = Meta(META | {"exposure.type": exp_type})
    image = Image(data=data, dq=np.zeros(data.shape, np.uint32), unit="DN/s", meta=meta)
    reference = make_reference("pictureframe", data=simulate.glow.pattern(np.zeros(data.shape, bool)))
    with jw.byproducts() as left:
        steps.picture_frame(image, reference, save_mask=True)
    mask = left["pctfrm_mask"].data.astype(bool)
    assert mask[922:1116].any() != hidden
    assert mask[:922].mean() > 0.9 and mask[1116:].mean() > 0.9


def test_rates_are_corrected_plane_by_plane():
    rng = np.random.default_rng(1)
    planes = rng.normal(0, 0.1, (3, *SHAPE)) + np.multiply.outer([1.0, 2.0, 5.0], GLOW)
    cube = Image(data=planes.astype(np.float32), unit="DN/s", meta=Meta(META))
    with jw.byproducts() as left:
        result = check_pure(steps.picture_frame, cube, REFERENCE, save_correction=True)
    for plane in result.data:
        assert np.abs(np.median(plane[4:20])) < 0.02
    np.testing.assert_array_equal(left["pctfrm_correction"].data, result.data - cube.data)
    one = steps.picture_frame(cube.replace(data=cube.data[2]), REFERENCE)
    np.testing.assert_allclose(one.data, result.data[2], atol=0.02)


def test_the_correction_of_a_ramp_is_left_beside_it():
    ramp, _ = exposure([0.0, 4.0, 9.0])
    with jw.byproducts() as left:
        result = steps.picture_frame(ramp, REFERENCE, *references(), save_correction=True)
    np.testing.assert_array_equal(left["pctfrm_correction"].data, result.data - ramp.data)
    assert not left["pctfrm_correction"].data[:, 0].any()


def test_missing_values_stay_missing_and_hurt_nobody():
    ramp, clean = exposure([0.0, 4.0, 9.0])
    ramp.data[:, 2, 30:40, 30:40] = np.nan
    data = REFERENCE.data.copy()
    data[100, 100] = np.nan
    result = steps.picture_frame(ramp, make_reference("pictureframe", data=data), *references())
    np.testing.assert_array_equal(np.isnan(result.data[:, 2, 30:40, 30:40]), True)
    assert np.isnan(result.data[:, 1:, 100, 100]).all()
    np.testing.assert_allclose(result.data[:, 2, 50:70], clean.data[:, 2, 50:70], atol=0.05)


SKIPS = {
    "subarray": (lambda r: r.replace(meta=r.meta.set({"subarray.name": "SUB2048"})), "only NIRSpec full frames"),
    "instrument": (lambda r: r.replace(meta=r.meta.set({"instrument.name": "NIRCAM"})), "only NIRSpec full frames"),
    "one group": (lambda r: r.replace(data=r.data[:, :1], groupdq=r.groupdq[:, :1]), "one group"),
    "all saturated": (lambda r: r.replace(groupdq=r.groupdq | np.uint8(2)), "no pixel of the centre"),
}


@pytest.mark.parametrize("what", SKIPS)
def test_it_says_why_it_does_not_apply(what):
    change, words = SKIPS[what]
    ramp = change(exposure([0.0, 4.0])[0])
    result = steps.picture_frame(ramp, REFERENCE, *references())
    assert result.history[-1].status == "SKIPPED"
    assert words in result.history[-1].reason
    assert result.data is ramp.data


@pytest.mark.parametrize("missing", [0, 1])
def test_a_ramp_needs_gain_and_read_noise(missing):
    given = references()
    given[missing] = None
    reason = steps.picture_frame(exposure([0.0, 4.0])[0], REFERENCE, *given).history[-1].reason
    assert ("gain", "readnoise")[missing] in reason


@pytest.mark.parametrize("data", [np.ones(SHAPE), np.full(SHAPE, np.nan)])
def test_a_reference_without_contrast_is_an_error(data):
    with pytest.raises(InputError, match="same level in the centre and along the edge"):
        steps.picture_frame(exposure([0.0, 4.0])[0], make_reference("pictureframe", data=data), *references())


def test_a_simulated_glow_goes():
    """What the edge of the rate has more than the centre falls below a twentieth of what it was."""
    made = simulate.tiny("nirspec_picture_frame", size=(384, 384), n_integrations=1, sky=0.0, one_over_f=0.0)
    pipeline = pipelines.choose(made.ramp)
    contrast = []
    for calls in (pipeline, pipeline.including("picture_frame")):
        left = calls.run(made.ramp, made.references, progress=False).rate.data - made.truth.rate
        contrast.append(np.nanmedian(left[8:20, 8:-8]) - np.nanmedian(left[76:-64, 76:-64]))
    assert contrast[0] > 0.25
    assert abs(contrast[1]) < 0.05 * contrast[0]
