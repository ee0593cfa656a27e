"""Stripes go, scenes and sources stay; truth comes back; what does not apply says so."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

import jwgpu as jw
from jwgpu import pipelines, simulate, steps
from jwgpu.data import GROUP, Image, Meta
from jwgpu.errors import InputError
from jwgpu.numerics import nsclean

SHAPE = (64, 96)
META = {"instrument.name": "NIRCAM", "instrument.detector": "NRCA1", "exposure.type": "NRC_IMAGE",
        "subarray.name": "FULL", "subarray.slowaxis": 2, "subarray.fastaxis": -1}  # fmt: skip
MODES = {
    "rows": META,
    "columns": META | {"instrument.name": "NIRISS", "subarray.slowaxis": -1, "exposure.type": "NIS_IMAGE"},
}
ALL = make_reference("user_mask", data=np.ones(SHAPE))


def stripes(rng, along, n=1):
    """Return stripes along rows or columns, (n, y, x)."""
    lines = rng.normal(0, 5, (n, SHAPE[along == "columns"]))
    return np.broadcast_to(lines[:, :, None] if along == "rows" else lines[:, None, :], (n, *SHAPE))


def image(data, along="rows", **changes):
    return Image(data=np.asarray(data, np.float32), unit="DN/s", meta=Meta(MODES[along] | changes))


@pytest.mark.parametrize("background_method", ["median", None])
@pytest.mark.parametrize("along", MODES)
def test_pure_stripes_go(along, background_method):
    noise = stripes(np.random.default_rng(1), along)[0]
    noise = noise - np.median(noise)
    result = check_pure(
        steps.clean_flicker_noise, image(noise + 20, along), user_mask=ALL, background_method=background_method,
        n_sigma=0.0,
    )  # fmt: skip
    # Without a background, it counts as noise.
    np.testing.assert_allclose(result.data, 20 if background_method else 0, atol=2e-5)


@pytest.mark.parametrize("along", MODES)
@pytest.mark.parametrize("method", ["median", "model"])
def test_a_flat_scene_stays(along, method):
    result = steps.clean_flicker_noise(image(np.full(SHAPE, 7.5), along), background_method=method)
    np.testing.assert_array_equal(result.data, np.float32(7.5))


def test_groups_keep_their_light_and_lose_their_stripes():
    """A source as bright as a thousand times the noise keeps its slope, as the draft masks it."""
    rng = np.random.default_rng(2)
    light = 3 * np.arange(6)[:, None, None] * np.ones(SHAPE)
    light[:, 20:30, 40:50] += 1000 * np.arange(6)[:, None, None]
    noise = stripes(rng, "rows", 6) / 5
    read = rng.normal(0, 1, (6, *SHAPE))
    ramp = make_ramp((light + noise + read)[None], group_time=10.0, frame_time=10.0)
    ramp = ramp.replace(meta=ramp.meta.set(META))
    blank = [make_reference(kind, data=np.full(SHAPE, v)) for kind, v in (("gain", 2.0), ("readnoise", 5.0))]
    result = check_pure(steps.clean_flicker_noise, ramp, *blank)
    np.testing.assert_array_equal(result.data[0, 0], ramp.data[0, 0])
    given, left = (np.diff(data - light, axis=0) for data in (ramp.data[0], result.data[0]))
    lines = [np.std(array.mean(axis=2)) for array in (given, left)]
    assert lines[0] > 1.2  # of the differences of stripes of 1
    assert lines[1] < 0.2 * lines[0]
    assert abs(np.mean(left[:, 20:30, 40:50])) < 0.25  # 500 reads of 1.4, ten lines with errors of 0.2 in five groups


def test_hits_and_unknown_pixels_take_no_part():
    data = np.zeros((1, 2, *SHAPE), np.float32)
    data[0, 1, 10, :60] = 1e4
    data[0, 1, 11, 5] = np.nan
    flags = np.zeros(data.shape, np.uint8)
    flags[0, 1, 10, :60] = GROUP.JUMP_DET
    ramp = make_ramp(data, groupdq=flags)
    result = steps.clean_flicker_noise(ramp.replace(meta=ramp.meta.set(META)), user_mask=ALL, n_sigma=0.0)
    np.testing.assert_array_equal(result.data, data)


def test_amplifiers_have_stripes_of_their_own():
    lines = np.random.default_rng(3).normal(0, 5, (SHAPE[0], 4))
    noise = (lines - np.median(lines)).repeat(SHAPE[1] // 4, axis=1)
    given = dict(user_mask=ALL, n_sigma=0.0, background_method=None)
    left = {by: steps.clean_flicker_noise(image(noise), fit_by_channel=by, **given).data.std() for by in (True, False)}
    assert left[True] < 1e-4 < 1 < left[False]


@pytest.mark.parametrize("good", [0.3, 1.0])
def test_frequencies_that_are_fitted_go_from_every_pixel(good):
    """A sum of low frequencies in time, of which some pixels are known."""
    height, width = 32, 64
    tick = np.arange(height)[:, None] * (width + nsclean.NEW_LINE) + np.arange(width)
    n = height * (width + nsclean.NEW_LINE)
    noise = sum(np.cos(2 * np.pi * k * tick / n + k) for k in (1, 2, 4)).astype(np.float32)
    known = np.random.default_rng(4).random(noise.shape) < good
    found, empty = nsclean.subarray(noise, known, (1061.0, 1211.0, 49943.0, 49957.0))
    assert empty == 0
    assert np.std((noise - found)[6:-6]) < 0.35 * noise.std()


def test_truth_comes_back():
    """Of the 1/f noise of a simulated exposure the lines of the rate lose half; sources keep their flux.

    The rest runs within lines, or within an amplifier, or belongs to groups in which strong lines were clipped.
    """
    made = simulate.tiny("nircam", size=(192, 192), one_over_f=12.0, n_groups=5, n_stars=8, n_galaxies=0)
    pipeline = pipelines.choose(made.ramp)
    cleaning = pipeline.including("clean_flicker_noise")
    scatter, flux = [], []
    for calls in (pipeline, cleaning, cleaning.set("clean_flicker_noise", fit_by_channel=True)):
        left = calls.run(made.ramp, made.references, progress=False).rate.data - made.truth.rate
        dark = made.truth.rate < np.nanpercentile(made.truth.rate, 80)
        lines = np.nanmedian(np.where(dark, left, np.nan)[8:-8, 8:-8], axis=1)
        scatter.append(np.nanstd(lines))
        flux.append(np.nanmedian(left[~dark]) - np.nanmedian(left[dark]))
    assert scatter[1] < 0.65 * scatter[0]
    assert scatter[2] < 0.5 * scatter[0]
    assert np.abs(np.diff(flux)).max() < 0.2 * scatter[0]


SKIPS = {
    "fft": ({}, {"fit_method": "fft"}, "fit_method='fft' is for NIRSpec spectra"),
    "MIRI": ({"exposure.type": "MIR_MRS"}, {}, "of MIRI, images alone"),
    "median image": ({}, {"background_method": "median_image"}, "not done yet"),
}


@pytest.mark.parametrize("what", SKIPS)
def test_it_says_why_it_does_not_apply(what):
    changes, parameters, words = SKIPS[what]
    given = image(np.ones(SHAPE), **changes)
    result = steps.clean_flicker_noise(given, **parameters)
    assert result.history[-1].status == "SKIPPED"
    assert words in result.history[-1].reason
    assert result.data is given.data


def test_a_ramp_of_one_group_or_without_gain_says_so():
    ramp = make_ramp(np.ones((1, 3, *SHAPE)), group_time=1.0, frame_time=1.0)
    ramp = ramp.replace(meta=ramp.meta.set(META))
    assert "no gain reference" in steps.clean_flicker_noise(ramp).history[-1].reason
    one = ramp.replace(data=ramp.data[:, :1], groupdq=ramp.groupdq[:, :1])
    assert "one group" in steps.clean_flicker_noise(one).history[-1].reason


def test_masks_must_fit():
    mask = make_reference("user_mask", data=np.ones((3, *SHAPE)))
    with pytest.raises(InputError, match="give one plane, or one for each integration"):
        steps.clean_flicker_noise(image(np.ones((2, *SHAPE))), user_mask=mask)
    with pytest.raises(InputError, match="expected two numbers above 0"):
        steps.clean_flicker_noise(image(np.ones(SHAPE)), background_box_size=[0, 3])


def test_by_products_add_up():
    rng = np.random.default_rng(5)
    cube = image(rng.normal(0, 0.1, (3, *SHAPE)) + stripes(rng, "rows", 3) + 4)
    with jw.byproducts() as left:
        result = steps.clean_flicker_noise(cube, save_mask=True, save_background=True, save_noise=True)
    np.testing.assert_allclose(cube.data + left["flicker_noise"].data, result.data, atol=1e-5)
    np.testing.assert_allclose(left["flicker_bkg"].data, 4, atol=3)
    again = make_reference("user_mask", data=left["mask"].data)
    np.testing.assert_array_equal(steps.clean_flicker_noise(cube, user_mask=again).data, result.data)
