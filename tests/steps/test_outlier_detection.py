"""Outliers: cosmic rays are found, stars are not; nothing depends on tiles, files or order; anywhere on the sky."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.backend import memory
from jwgpu.data import PIXEL, Exposures, Image, Meta
from jwgpu.errors import InputError

FLAGS = np.uint32(PIXEL.OUTLIER | PIXEL.DO_NOT_USE)
STEADY = dict(pointing_error=0.0, roll_error=0.0, siaf=False)


@pytest.fixture(scope="module")
def dithers():
    return simulate.dithers(4, size=128, cosmic_rays=2e-3, **STEADY)


def flagged(image):
    return (image.dq & PIXEL.OUTLIER) != 0


def strong(made, k, sigma):
    """Return the pixels of an image in which a cosmic ray left more than so many times the error."""
    amplitude = np.zeros(made.images[k].shape)
    hits = made.truth.hits[k]
    amplitude[hits["y"], hits["x"]] = hits["brightness"]
    with np.errstate(invalid="ignore"):
        return amplitude > sigma * made.images[k].err


def same(one, other):
    for a, b in zip(one.loaded(), other.loaded()):
        for name, array in a.arrays().items():
            np.testing.assert_array_equal(array, getattr(b, name), err_msg=name)


def test_cosmic_rays_are_found_and_nothing_else(dithers):
    cleaned = steps.outlier_detection(Exposures.of(dithers.images))
    found = wanted = wrong = 0
    for k, (before, after) in enumerate(zip(dithers.images, cleaned)):
        bright = strong(dithers, k, 10)
        wanted += bright.sum()
        found += (bright & flagged(after)).sum()
        wrong += (flagged(after) & ~ndimage.binary_dilation(dithers.truth.mask(k), np.ones((3, 3)))).sum()
        new = flagged(after)
        np.testing.assert_array_equal(after.dq, before.dq | np.where(new, FLAGS, np.uint32(0)))
        for name in ("data", "err", "var_poisson", "var_rnoise", "var_flat"):
            expected = np.where(after.dq & PIXEL.DO_NOT_USE != 0, np.float32(np.nan), getattr(before, name))
            np.testing.assert_array_equal(getattr(after, name), expected, err_msg=name)
        assert after.area is before.area and after.wcs is before.wcs
    assert wanted > 150
    assert found > 0.92 * wanted
    assert wrong < 1e-4 * 4 * dithers.images[0].data.size
    assert cleaned.history[-1].notes["outliers"] == [int(flagged(image).sum()) for image in cleaned]


def test_more_of_the_stronger_ones_are_found(dithers):
    cleaned = steps.outlier_detection(Exposures.of(dithers.images))
    share = []
    for low, high in ((2, 4), (4, 6), (6, 10), (10, 1e9)):
        some = [strong(dithers, k, low) & ~strong(dithers, k, high) for k in range(4)]
        share.append(sum((s & flagged(m)).sum() for s, m in zip(some, cleaned)) / sum(s.sum() for s in some))
    assert share == sorted(share)
    assert share[0] < 0.5 and share[-1] > 0.9


@pytest.mark.parametrize("fwhm, spoilt", [(1.0, 0.25), (1.4, 0.1)])
def test_cores_of_undersampled_stars_are_spared(fwhm, spoilt):
    made = simulate.dithers(4, size=160, fwhm=fwhm, n_stars=60, n_galaxies=0, snr=300.0, cosmic_rays=1e-3, **STEADY)
    lost, found = [], []
    for balance in (0.0, 0.2):
        cleaned = steps.outlier_detection(Exposures.of(made.images), balance=balance)
        cores = hits = 0
        for k, image in enumerate(cleaned):
            rays = ndimage.binary_dilation(made.truth.mask(k), np.ones((3, 3)))
            x, y = (np.rint(c[np.isfinite(c)]).astype(int) for c in made.truth.positions(k))
            seen = (x > 3) & (x < 156) & (y > 3) & (y < 156)
            around = ndimage.maximum_filter(flagged(image) & ~rays, 3)
            cores += around[y[seen], x[seen]].sum()
            hits += (strong(made, k, 8) & flagged(image)).sum()
        lost.append(cores)
        found.append(hits)
    n = 4 * len(made.truth.catalogue) * 0.3
    assert lost[0] > spoilt * n
    assert lost[1] < 0.12 * lost[0]
    assert found[1] > 0.93 * found[0] > 100


@pytest.mark.parametrize("resample_data", [True, False])
def test_tiles_and_files_make_no_difference(dithers, tmp_path, resample_data):
    whole = steps.outlier_detection(Exposures.of(dithers.images), resample_data=resample_data)
    with memory.tiles_of(40_000):
        same(steps.outlier_detection(Exposures.of(dithers.images), resample_data=resample_data), whole)
    paths = [jw.save(image, tmp_path / image.name) for image in dithers.images]
    lazy = Exposures.of([jw.open(path, lazy=True) for path in paths], scratch=str(tmp_path))
    with memory.tiles_of(60_000):
        same(steps.outlier_detection(lazy, resample_data=resample_data), whole)


def test_order_does_not_matter(dithers):
    forward = steps.outlier_detection(Exposures.of(dithers.images))
    last_first = Exposures.of([dithers.images[k] for k in (0, 3, 2, 1)])  # the first says how the grid lies
    backward = steps.outlier_detection(last_first)
    for k, m in zip((0, 3, 2, 1), backward):
        np.testing.assert_array_equal(m.dq, forward[k].dq)


@pytest.mark.parametrize("field", [(0.0001, 30.0, 20.0), (10.0, 89.9999, 0.0), (250.0, -89.9999, 77.0)])
def test_anywhere_on_the_sky(field):
    made = simulate.dithers(3, size=96, field=field, cosmic_rays=2e-3, n_visits=3, visit_roll=60.0, step=0.05, **STEADY)
    cleaned = steps.outlier_detection(Exposures.of(made.images))
    wanted = [strong(made, k, 12) & ~np.isnan(made.images[k].data) for k in range(3)]
    middle = (slice(24, 72), slice(24, 72))
    found = sum((w & flagged(m))[middle].sum() for w, m in zip(wanted, cleaned))
    assert found > 0.9 * sum(w[middle].sum() for w in wanted) > 10


def test_detectors_of_either_parity():
    """The long-wavelength detectors of the two modules look at the sky in mirror images."""
    made = simulate.dithers(
        3, detectors=["NRCALONG", "NRCBLONG"], size=96, cosmic_rays=2e-3, n_stars=0, n_galaxies=0, **STEADY
    )
    cleaned = steps.outlier_detection(Exposures.of(made.images))
    assert [len(group) for group in cleaned.groups()] == [2, 2, 2]
    found = sum((strong(made, k, 12) & flagged(m)).sum() for k, m in enumerate(cleaned))
    assert found > 0.85 * sum(strong(made, k, 12).sum() for k in range(6))


def test_exposures_apart_have_nothing_to_be_compared_with():
    made = simulate.dithers(3, size=96, offsets=[[0, 0], [0.4, 0], [30, 0]], cosmic_rays=2e-3, fwhm=2.5, **STEADY)
    cleaned = steps.outlier_detection(Exposures.of(made.images))
    # Of two medians are means: only half of the difference to the other is left.
    assert all(flagged(m).any() for m in cleaned[:2])


@pytest.mark.parametrize("resample_data", [True, False])
def test_an_exposure_without_usable_pixels(dithers, resample_data):
    dead = dithers.images[1].replace(dq=dithers.images[1].dq | PIXEL.DO_NOT_USE)
    others = [dithers.images[k] for k in (0, 2, 3)]
    cleaned = steps.outlier_detection(Exposures.of([others[0], dead, *others[1:]]), resample_data=resample_data)
    assert np.isnan(cleaned[1].data).all()
    assert all(flagged(cleaned[k]).any() for k in (0, 2, 3))


def test_one_exposure_is_skipped(dithers):
    for images, words in (
        (dithers.images[:1], "there is one"),
        ([dithers.images[0], dithers.images[0]], "at the same time"),
    ):
        cleaned = steps.outlier_detection(Exposures.of(images))
        assert cleaned.history[-1].status == "SKIPPED" and words in cleaned.history[-1].reason
        assert cleaned[0].data is images[0].data
    assert "give a set" in steps.outlier_detection(dithers.images[0]).history[-1].reason
    spectra = [m.replace(meta=m.meta.set({"exposure.type": "NRC_WFSS"})) for m in dithers.images]
    assert "NRC_WFSS" in steps.outlier_detection(Exposures.of(spectra)).history[-1].reason


def test_a_level_of_the_sky_that_is_noted_counts(dithers):
    raised = [m.replace(data=m.data + np.float32(k)) for k, m in enumerate(dithers.images)]
    plain = steps.outlier_detection(Exposures.of(dithers.images))
    noted = steps.outlier_detection(steps.skymatch(Exposures.of(raised)))
    taken = steps.outlier_detection(steps.skymatch(Exposures.of(raised), subtract=True))
    neither = steps.outlier_detection(Exposures.of(raised))
    for k, image in enumerate(plain):
        for other in (noted, taken):
            assert (flagged(other[k]) != flagged(image)).mean() < 1e-3
    assert np.mean([flagged(m).mean() for m in neither]) > 0.5


def test_median_and_blots_are_by_products(dithers):
    with jw.byproducts() as left:
        steps.outlier_detection(Exposures.of(dithers.images), save_intermediate_results=True)
    assert sorted(left) == ["blot_1", "blot_2", "blot_3", "blot_4", "median"]
    assert left["blot_2"].shape == dithers.images[1].shape
    sky = np.nanmedian(left["median"].data)
    assert sky == pytest.approx(np.median(dithers.truth.backgrounds), rel=0.2)
    off = left["blot_2"].data - dithers.truth.brightness(1)
    assert np.nanpercentile(abs(off), 90) < np.nanmedian(dithers.images[1].err)
    with jw.byproducts() as left:
        steps.outlier_detection(Exposures.of(dithers.images))
    assert not left


def series(kind="NRC_TSIMAGE", n=30):
    rng = np.random.default_rng(7)
    data = rng.normal(5, 0.1, (n, 16, 20)).astype(np.float32)
    data += np.linspace(0, 3, n, dtype=np.float32)[:, None, None]  # the star rises, slowly
    dq = np.zeros(data.shape, np.uint32)
    dq[:, 3, 4] = PIXEL.DO_NOT_USE
    return Image(data=data, err=np.full(data.shape, 0.1, np.float32), dq=dq, unit="MJy/sr",
                 meta=Meta({"filename": "series", "exposure.type": kind}))  # fmt: skip


def test_integrations_of_a_time_series():
    image = series()
    image.data[12, 8, 9] += 2
    image.data[20, 2, 2] -= 2
    cleaned = steps.outlier_detection(image, snr="8 1", rolling_window_width=9)
    assert isinstance(cleaned, Image)
    np.testing.assert_array_equal(np.argwhere(flagged(cleaned))[:2], [[12, 8, 9], [20, 2, 2]][:2])
    assert np.isnan(cleaned.data[12, 8, 9]) and np.isnan(cleaned.data[:, 3, 4]).all()
    # A median of all integrations does not follow the rise.
    for width in (1, 30, 99):
        assert flagged(steps.outlier_detection(image, snr="8 1", rolling_window_width=width)).mean() > 0.1
    together = steps.outlier_detection(Exposures.of([image, image]), snr="8 1", rolling_window_width=9)
    np.testing.assert_array_equal(together[1].dq, cleaned.dq)


def test_integrations_behind_a_coronagraph():
    image = series("NRC_CORON", 7)
    image = image.replace(data=image.data - np.linspace(0, 3, 7, dtype=np.float32)[:, None, None])
    data = image.data.copy()
    data[3, 5, 5] += 4
    cleaned = steps.outlier_detection(image.replace(data=data), snr="8 1")
    assert np.argwhere(flagged(cleaned)).tolist() == [[3, 5, 5]]


@pytest.mark.parametrize("name", ["snr", "scale"])
@pytest.mark.parametrize("words", ["", "5", "5 4 3", "five four"])
def test_two_numbers_are_needed(dithers, name, words):
    with pytest.raises(InputError, match=f"outlier_detection.{name} = .*give two numbers"):
        steps.outlier_detection(Exposures.of(dithers.images), **{name: words})


def test_exposures_that_cannot_be_compared(dithers):
    first, *others = dithers.images
    for wrong, words in (
        (first.replace(wcs=None), "run assign_wcs"),
        (first.replace(err=None), "has no err array"),
        (first.replace(**{n: a[None] for n, a in first.arrays().items()}), "a plane for each integration"),
    ):
        with pytest.raises(InputError, match=words):
            steps.outlier_detection(Exposures.of([wrong, *others]))
    small = first.replace(**{name: array[:64] for name, array in first.arrays().items()})
    with pytest.raises(InputError, match="with resample_data off all have one shape"):
        steps.outlier_detection(Exposures.of([*others, small]), resample_data=False)
    with pytest.raises(InputError, match="it is a share"):
        steps.outlier_detection(Exposures.of(dithers.images), balance=1.5)
    with pytest.raises(InputError, match="pixfrac"):
        steps.outlier_detection(Exposures.of(dithers.images), pixfrac=2.0)
