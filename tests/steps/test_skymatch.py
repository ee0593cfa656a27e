"""The sky of exposures: steps between them come back, whatever overlaps with what, anywhere on the sky."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.data import PIXEL, Exposures, Meta, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.sky_level import Level
from jwgpu.steps.skymatch import Statistic, match

CLEAN = dict(size=128, n_stars=0, n_galaxies=0, cosmic_rays=0.0, pointing_error=0.0, roll_error=0.0, siaf=False,
             background=1.0)  # fmt: skip


@pytest.fixture(scope="module")
def dithers():
    """Four dithers of an empty field whose sky differs from one to the next by more than the noise."""
    return simulate.dithers(4, background_step=0.25, **CLEAN)


def levels(images):
    return np.array([image.meta.get("background.level", np.nan) for image in images])


def with_level(image, value, noise=0.01, seed=0):
    """Return an image of nothing but a level and noise, with its pixels that are not to be used."""
    data = np.random.default_rng(seed).normal(value, noise, image.shape).astype(np.float32)
    return image.replace(data=np.where(np.isnan(image.data), np.float32(np.nan), data))


@pytest.mark.parametrize("skystat", ["mode", "median", "mean", "midpt"])
def test_steps_of_the_sky_come_back(dithers, skystat):
    matched = steps.skymatch(Exposures.of(dithers.images), skystat=skystat)
    truth = dithers.truth.backgrounds - dithers.truth.backgrounds.min()
    noise = float(np.nanmedian(dithers.images[0].err))
    np.testing.assert_allclose(levels(matched), truth, rtol=0, atol=(0.2 if skystat == "mode" else 0.03) * noise)
    assert levels(matched).min() == 0
    for before, after in zip(dithers.images, matched):
        assert after.data is before.data
        assert (after.meta.background.method, after.meta.background.subtracted) == ("match", False)
        assert after.history[-1].status == "COMPLETE"


def test_up_is_the_other_way_round(dithers):
    down, up = (levels(steps.skymatch(Exposures.of(dithers.images), match_down=d)) for d in (True, False))
    assert up.max() == 0
    np.testing.assert_allclose(up - up.min(), down, rtol=0, atol=1e-12)


def test_global_match_leaves_the_lowest_at_nothing(dithers):
    matched = steps.skymatch(Exposures.of(dithers.images), skymethod="global+match", skystat="median")
    np.testing.assert_allclose(levels(matched), dithers.truth.backgrounds, rtol=0.02)
    local = steps.skymatch(Exposures.of(dithers.images), skymethod="local", skystat="median")
    np.testing.assert_allclose(levels(local), dithers.truth.backgrounds, rtol=0.02)
    everywhere = steps.skymatch(Exposures.of(dithers.images), skymethod="global", skystat="median")
    assert (levels(everywhere) == levels(local).min()).all()


@pytest.mark.parametrize("method", ["local", "global", "match", "global+match"])
def test_subtracting_takes_the_level_off(dithers, method):
    noted = steps.skymatch(Exposures.of(dithers.images), skymethod=method)
    taken = steps.skymatch(Exposures.of(dithers.images), skymethod=method, subtract=True)
    np.testing.assert_array_equal(levels(noted), levels(taken))
    for image, before, level in zip(taken, dithers.images, levels(noted)):
        np.testing.assert_array_equal(image.data, before.data - np.float32(level))
        assert image.meta.background.subtracted is True
        assert image.err is before.err


def test_a_second_subtraction_adds_up(dithers):
    once = steps.skymatch(Exposures.of(dithers.images), subtract=True)
    raised = once.with_members([m.replace(data=m.data + np.float32(k)) for k, m in enumerate(once)])
    twice = steps.skymatch(raised, subtract=True)
    np.testing.assert_allclose(levels(twice) - levels(once), [0, 1, 2, 3], rtol=0, atol=0.01)
    with pytest.raises(InputError, match="subtracted before; go on with subtract=True"):
        steps.skymatch(once)


def test_the_order_of_exposures_does_not_matter(dithers):
    forward = levels(steps.skymatch(Exposures.of(dithers.images)))
    backward = levels(steps.skymatch(Exposures.of(dithers.images[::-1])))
    np.testing.assert_allclose(forward, backward[::-1], rtol=0, atol=1e-12)


def test_detectors_of_an_exposure_share_a_level():
    made = simulate.dithers(2, detectors=["NRCB1", "NRCB2"], background_step=0.25, step=0.3, **CLEAN)
    matched = steps.skymatch(Exposures.of(made.images), skymethod="global+match", skystat="median")
    found = levels(matched)
    assert found[0] == found[1] and found[2] == found[3]
    np.testing.assert_allclose(found[[0, 2]], made.truth.backgrounds[[0, 2]], rtol=0.02)


FIELDS = [(0.0001, 30.0, 20.0), (359.9999, -5.0, 100.0), (10.0, 89.9999, 0.0), (250.0, -89.9999, 77.0)]


@pytest.mark.parametrize("field", FIELDS)
def test_anywhere_on_the_sky(field):
    made = simulate.dithers(3, background_step=0.25, field=field, visit_roll=40.0, n_visits=2, **CLEAN)
    matched = steps.skymatch(Exposures.of(made.images), skystat="median")
    truth = made.truth.backgrounds - made.truth.backgrounds.min()
    np.testing.assert_allclose(levels(matched), truth, rtol=0, atol=0.03 * float(np.nanmedian(made.images[0].err)))


def test_a_chain_of_overlaps_is_matched():
    """Only neighbours overlap: the level of the last follows from all steps on the way."""
    made = simulate.dithers(4, offsets=[[3.0 * k, 0.0] for k in range(4)], background_step=0.25, **CLEAN)
    matched = steps.skymatch(Exposures.of(made.images), skystat="median")
    truth = made.truth.backgrounds - made.truth.backgrounds.min()
    np.testing.assert_allclose(levels(matched), truth, rtol=0, atol=0.1 * float(np.nanmedian(made.images[0].err)))
    assert matched.history[-1].notes["overlaps"] == 3


def test_an_exposure_apart_is_left_as_it_is():
    made = simulate.dithers(3, offsets=[[0, 0], [0.5, 0], [600.0, 0]], background_step=0.25, **CLEAN)
    matched = steps.skymatch(Exposures.of(made.images), subtract=True)
    assert [m.history[-1].status for m in matched] == ["COMPLETE", "COMPLETE", "SKIPPED"]
    assert "no other exposure overlaps it" in matched[2].history[-1].reason
    assert "background.level" not in matched[2].meta
    assert matched[2].data is made.images[2].data
    everywhere = steps.skymatch(Exposures.of(made.images), skymethod="global+match")
    assert np.isfinite(levels(everywhere)).all()


def test_sets_apart_are_matched_each_for_itself():
    made = simulate.dithers(4, offsets=[[0, 0], [0.5, 0], [600, 0], [600.5, 0]], background_step=0.25, **CLEAN)
    images = [with_level(m, v, seed=k) for k, (m, v) in enumerate(zip(made.images, (1.0, 2.0, 5.0, 7.0)))]
    matched = steps.skymatch(Exposures.of(images), skystat="median")
    assert matched.history[-1].notes["sets"] == 2
    np.testing.assert_allclose(levels(matched) - levels(matched).min(), [0.5, 1.5, 0, 2], rtol=0, atol=2e-3)


def test_levels_of_many_groups_are_those_of_all_equations_at_once():
    """Two chains of 60 and 40 groups, with noise, and one group apart: the shortest least squares solution."""
    rng = np.random.default_rng(1)
    truth, n = rng.normal(size=101), 101
    found, equations = {}, []
    for i in range(100):
        for j in range(i + 1, 60 if i < 60 else 100):
            sizes = rng.integers(100, 5000, 2)
            values = truth[[i, j]] + rng.normal(0, 0.01, 2)
            found[i, j], found[j, i] = (Level(float(v), int(s)) for v, s in zip(values, sizes))
            weight, row = sizes.mean(), np.zeros(n)
            row[[i, j]] = weight, -weight
            equations.append([*row, weight * (values[0] - values[1])])
    equations = np.array(equations)
    expected = np.linalg.lstsq(equations[:, :n], equations[:, n], rcond=1e-12)[0]
    levels = match.differences(found, n)
    assert np.isnan(levels[100])
    np.testing.assert_allclose(levels[:100], expected[:100], rtol=0, atol=1e-12)
    for part in (slice(0, 60), slice(60, 100)):
        assert np.std((levels - truth)[part]) < 0.004
    assert match.sets(found, n) == 2


@pytest.mark.parametrize("method", ["local", "global", "match", "global+match"])
def test_an_exposure_without_usable_pixels(dithers, method):
    dead = dithers.images[1].replace(dq=np.full(dithers.images[1].shape, PIXEL.DO_NOT_USE, np.uint32))
    matched = steps.skymatch(Exposures.of([dithers.images[0], dead, *dithers.images[2:]]), skymethod=method)
    found = levels(matched)
    assert np.isfinite(found[[0, 2, 3]]).all()
    assert np.isfinite(found[1]) == ("global" in method)


def test_nothing_to_match_is_skipped(dithers):
    for images in ([dithers.images[0]], [m.replace(dq=m.dq | PIXEL.DO_NOT_USE) for m in dithers.images]):
        matched = steps.skymatch(Exposures.of(images))
        assert matched.history[-1].status == "SKIPPED"
        assert all(after is not None and "background.level" not in after.meta for after in matched)
    dark = [m.replace(dq=m.dq | PIXEL.DO_NOT_USE) for m in dithers.images]
    assert "usable" in steps.skymatch(Exposures.of(dark), skymethod="local").history[-1].reason
    assert steps.skymatch(Exposures.of(dithers.images[:1]), skymethod="local").history[-1].status == "COMPLETE"


def test_flags_decide_which_pixels_count(dithers):
    """Half of the pixels are 10 too high and flagged PERSISTENCE."""
    raised = []
    for image in dithers.images:
        left = np.arange(image.shape[1]) < image.shape[1] // 2
        flags = image.dq | np.where(left, PIXEL.PERSISTENCE, np.uint32(0))
        raised.append(image.replace(data=image.data + np.float32(10) * left, dq=flags))
    strict = steps.skymatch(Exposures.of(raised), skymethod="local", dqbits="~DO_NOT_USE+PERSISTENCE", skystat="median")
    np.testing.assert_allclose(levels(strict), dithers.truth.backgrounds, rtol=0.03)
    loose = steps.skymatch(Exposures.of(raised), skymethod="local", skystat="mean")
    np.testing.assert_allclose(levels(loose), dithers.truth.backgrounds + 5, atol=0.3)
    with pytest.raises(InputError, match="no data quality flags"):
        steps.skymatch(Exposures.of(raised), dqbits="~BROKEN")


def test_many_vertices_agree_with_the_corners(dithers):
    few, many = (levels(steps.skymatch(Exposures.of(dithers.images), stepsize=n)) for n in (None, 16))
    np.testing.assert_allclose(few, many, rtol=0, atol=0.05 * float(np.nanmedian(dithers.images[0].err)))


def test_exposures_in_files_give_the_same(dithers, tmp_path):
    paths = [jw.save(image, tmp_path / f"{k}_{image.name}") for k, image in enumerate(dithers.images)]
    lazy = Exposures.of([jw.open(path, lazy=True) for path in paths], scratch=str(tmp_path))
    for subtract in (False, True):
        inside = steps.skymatch(Exposures.of(dithers.images), subtract=subtract)
        outside = steps.skymatch(lazy, subtract=subtract)
        np.testing.assert_array_equal(levels(inside), levels(outside))
        for one, other in zip(inside, outside.loaded()):
            np.testing.assert_array_equal(one.data, other.data)


def skylist(*rows):
    return Reference("skylist", "sky.txt", {"skylist": np.array(list(rows), [("name", "U80"), ("sky", "f8")])})


def test_levels_from_a_list(dithers):
    names = [image.name for image in dithers.images]
    mine = skylist((names[2], 3.0), (names[0].removesuffix(".fits"), 1.0), (names[1], 2.0),
                   (names[3].removesuffix("_cal.fits"), 4.0))  # fmt: skip
    matched = steps.skymatch(Exposures.of(dithers.images), mine, skymethod="user", subtract=True)
    np.testing.assert_array_equal(levels(matched), [1, 2, 3, 4])
    np.testing.assert_array_equal(matched[3].data, dithers.images[3].data - np.float32(4))
    assert matched[0].meta.background.method == "user"


def test_lists_that_do_not_fit(dithers):
    images, names = Exposures.of(dithers.images), [image.name for image in dithers.images]
    with pytest.raises(InputError, match="give skylist"):
        steps.skymatch(images, skymethod="user")
    with pytest.raises(InputError, match="has 1 levels for 4"):
        steps.skymatch(images, skylist((names[0], 1.0)), skymethod="user")
    with pytest.raises(InputError, match="has 2 lines for"):
        steps.skymatch(images, skylist(*[(n, 1.0) for n in (names[0], names[0], *names[1:3])]), skymethod="user")


def test_headers_at_odds(dithers):
    image = dithers.images[0]
    odd = image.replace(meta=image.meta.set({"background.level": 1.0}))
    with pytest.raises(InputError, match="set both"):
        steps.skymatch(Exposures.of([odd, *dithers.images[1:]]))


@pytest.mark.parametrize("wrong", [{"nclip": -1}, {"lsigma": 0.0}, {"usigma": -1.0}, {"binwidth": 0.0}])
def test_numbers_that_cannot_be(dithers, wrong):
    with pytest.raises(InputError, match="more than 0"):
        steps.skymatch(Exposures.of(dithers.images), **wrong)


def test_exposures_that_cannot_be_matched(dithers):
    with pytest.raises(InputError, match="run assign_wcs"):
        steps.skymatch(Exposures.of([m.replace(wcs=None) for m in dithers.images]))
    with pytest.raises(InputError, match="one plane"):
        steps.skymatch(Exposures.of([m.replace(data=m.data[None], dq=m.dq[None]) for m in dithers.images]))
    assert steps.skymatch.complete({})["nclip"] == Statistic().nclip
    assert Meta().background.level is None


def tilted(dithers, rng, size=0.5):
    """Return exposures with slopes along x and y added, which are none on average."""
    slopes = rng.normal(0, size, (len(dithers), 2))
    slopes -= slopes.mean(axis=0)
    n = dithers.images[0].shape[0]
    y, x = np.indices((n, n)) / (n - 1) - 0.5
    return [m.replace(data=m.data + (a * x + b * y).astype(np.float32)) for m, (a, b) in zip(dithers.images, slopes)]


@pytest.mark.parametrize("field", [(80.0, -69.5, 10.0), (359.9999, 89.999, 0.0)])
def test_tilts_between_exposures_are_evened_out(field):
    made = simulate.dithers(4, background_step=0.25, field=field, **{**CLEAN, "n_stars": 30, "size": 256, "snr": 30})
    images = tilted(made, np.random.default_rng(3))
    matched = steps.skymatch(Exposures.of(images), matching="plane")
    flat = steps.skymatch(Exposures.of(images))
    noise = float(np.nanmedian(images[0].err))
    left = {"plane": [], "offset": []}
    for name, result in (("plane", matched), ("offset", flat)):
        stars = [made.truth.brightness(k) - np.float32(made.truth.backgrounds[k]) for k in range(4)]
        rest = [m.data - np.float32(m.meta.background.level) - light for m, light in zip(result, stars)]
        blocks = np.array([np.nanmedian(r.reshape(8, 32, 8, 32), axis=(1, 3)) for r in rest])[:, 1:-1, 1:-1]
        left[name] = np.ptp(blocks - blocks.mean(axis=0), axis=0).max()
    assert left["plane"] < 0.7 * noise < 5 * noise < left["offset"]
    assert matched[0].meta.background.subtracted is False
    taken = steps.skymatch(Exposures.of(images), matching="plane", subtract=True)
    np.testing.assert_allclose(
        taken[1].data, matched[1].data - np.float32(matched[1].meta.background.level), rtol=0, atol=1e-5
    )


def test_planes_of_skies_that_are_not_tilted(dithers):
    images = simulate.dithers(4, background_step=0.25, **{**CLEAN, "size": 256}).images
    offset, plane = (steps.skymatch(Exposures.of(images), matching=m, skystat="median") for m in ("offset", "plane"))
    np.testing.assert_allclose(levels(offset), levels(plane), rtol=0, atol=0.05 * float(np.nanmedian(images[0].err)))
    everywhere = steps.skymatch(Exposures.of(images), skymethod="global+match", matching="plane", skystat="median")
    lowest = images[int(np.argmin(levels(plane)))]
    assert levels(everywhere).min() == pytest.approx(float(np.nanmedian(lowest.data)), rel=0.02)


def test_planes_where_nothing_overlaps():
    made = simulate.dithers(2, offsets=[[0, 0], [600, 0]], **CLEAN)
    assert steps.skymatch(Exposures.of(made.images), matching="plane").history[-1].status == "SKIPPED"
