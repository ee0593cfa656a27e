"""source_catalog: known stars found and measured, errors honest on mosaics, edges and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from mosaics import FWHM, JANSKY, SKY, abvegaoffset, apcorr, mosaic

from jwgpu import steps
from jwgpu.data import PIXEL, Meta, SourceCatalog
from jwgpu.errors import InputError
from jwgpu.steps.source_catalog import Grouping


@pytest.fixture(scope="module")
def field():
    return mosaic()


@pytest.fixture(scope="module")
def catalog(field) -> SourceCatalog:
    return steps.source_catalog(field.image, apcorr(), abvegaoffset())


def test_every_star_is_found_once(field, catalog):
    truth, found = field.matched(catalog)
    assert truth.size == field.x.size
    assert np.unique(found).size == truth.size
    assert len(catalog) == truth.size
    assert catalog.history[-1].notes["sources"] == len(catalog)


def test_positions_and_sky(field, catalog):
    truth, found = field.matched(catalog)
    for name, true in (("xcentroid", field.x), ("ycentroid", field.y)):
        away = np.abs(catalog[name][found] - true[truth])
        assert away.max() < 0.12
        assert np.median(away) < 0.03
    ra, dec = field.image.wcs(catalog["xcentroid"], catalog["ycentroid"])
    np.testing.assert_array_equal(catalog["sky_centroid"], np.stack((ra, dec), axis=-1))


def test_fluxes_of_stars_are_theirs(field, catalog):
    """Within 1% in the mean, and as far as their errors say one by one."""
    truth, found = field.matched(catalog)
    ratio = catalog["aper_total_flux"][found] / field.flux[truth]
    assert np.mean(ratio) == pytest.approx(1, abs=0.01)
    pull = (catalog["aper_total_flux"][found] - field.flux[truth]) / catalog["aper_total_flux_err"][found]
    assert np.abs(pull).max() < 5
    np.testing.assert_allclose(catalog["aper_bkg_flux"], JANSKY * SKY, rtol=0.15)


def test_magnitudes_follow_from_fluxes(catalog):
    mag = -2.5 * np.log10(catalog["aper50_flux"]) + 8.9
    np.testing.assert_allclose(catalog["aper50_abmag"], mag)
    np.testing.assert_allclose(catalog["aper50_vegamag"], mag - 1.24)
    expected = 2.5 * np.log10(1 + catalog["kron_flux_err"] / catalog["kron_flux"])
    np.testing.assert_allclose(catalog["kron_abmag_err"], expected)


def test_stars_look_like_stars(field, catalog):
    assert not catalog["is_extended"].any()
    assert (catalog["ellipticity"] < 0.3).all()
    np.testing.assert_allclose(catalog["semimajor_sigma"], np.hypot(FWHM, 2.0) / 2.3548, rtol=0.2)  # smoothed
    np.testing.assert_allclose(catalog["CI_70_30"], catalog["aper70_flux"] / catalog["aper30_flux"])
    assert steps.source_catalog(field.image, apcorr(), ci1_star_threshold=1.0, ci2_star_threshold=1.0)[
        "is_extended"
    ].all()


def test_the_nearest_source(catalog):
    x, y = catalog["xcentroid"], catalog["ycentroid"]
    for row in catalog.table:
        other = catalog.table[catalog["label"] == row["nn_label"]][0]
        assert row["nn_dist"] == pytest.approx(np.hypot(other["xcentroid"] - row["xcentroid"],
                                                        other["ycentroid"] - row["ycentroid"]))  # fmt: skip
        far = np.sort(np.hypot(x - row["xcentroid"], y - row["ycentroid"]))
        assert row["nn_dist"] == pytest.approx(far[1])


def test_the_segmentation_shows_the_sources(catalog):
    segments = catalog.segmentation
    assert segments.dtype == np.int32
    np.testing.assert_array_equal(np.unique(segments), np.arange(len(catalog) + 1))
    at = np.rint(catalog["ycentroid"]).astype(int), np.rint(catalog["xcentroid"]).astype(int)
    np.testing.assert_array_equal(segments[at], catalog["label"])
    np.testing.assert_array_equal(np.bincount(segments.ravel())[1:], catalog["isophotal_area"])
    assert not segments[:8].any()


def test_orientations_on_the_sky():
    """North lies 33 degrees from the y axis in these images."""
    image = mosaic().image
    y, x = np.mgrid[:200, :200]
    data = np.where(np.isnan(image.data), np.nan, SKY)
    long = 40 * np.exp(-0.5 * (((x - 100) / 2) ** 2 + ((y - 100) / 9) ** 2))
    rng = np.random.default_rng(1)
    image = image.replace(data=(data + long + rng.normal(0, 0.05, data.shape)).astype(np.float32))
    row = steps.source_catalog(image).table[0]
    assert row["orientation"] % 180 == pytest.approx(90, abs=0.5)
    x0, y0 = row["xcentroid"], row["ycentroid"]
    (ra0, ra1), (dec0, dec1) = image.wcs(np.array([x0, x0]), np.array([y0, y0 + 10]))
    east = (ra1 - ra0) * np.cos(np.radians(dec0))
    angle = np.degrees(np.arctan2(east, dec1 - dec0)) % 180
    assert row["sky_orientation"] % 180 == pytest.approx(angle, abs=0.5)
    assert row["is_extended"]


def test_errors_on_a_mosaic_are_honest_once_corrected():
    """Noise that squares of three pixels share: naive errors are far too small, corrected ones right within 10%."""
    widths = {}
    for kind in ("none", "measured"):
        pulls = []
        for seed in range(4):
            field = mosaic(size=420, n=150, width=3, seed=seed, brightest=40.0)
            catalog = steps.source_catalog(field.image, apcorr(), abvegaoffset(), correlated_noise=kind)
            truth, found = field.matched(catalog, 1.5)
            for percent in (50, 70):
                light, error = catalog[f"aper{percent}_flux"][found], catalog[f"aper{percent}_flux_err"][found]
                expected = field.flux[truth] * (np.median(light) / np.median(field.flux[truth]))
                pulls.append((percent, (light - expected) / error))
        for percent in (50, 70):
            those = np.concatenate([p for q, p in pulls if q == percent])
            low, high = np.quantile(those, [0.16, 0.84])
            widths[kind, percent] = (high - low) / 2
    for percent in (50, 70):
        assert widths["none", percent] > 1.7
        assert widths["measured", percent] == pytest.approx(1, abs=0.1), widths


def test_the_correction_is_said(field):
    catalog = steps.source_catalog(field.image, apcorr(), abvegaoffset(), correlated_noise="measured")
    notes = catalog.history[-1].notes
    assert len(notes["error_factors"]) == 3
    plain = steps.source_catalog(field.image, apcorr(), abvegaoffset())
    for factor, percent in zip(notes["error_factors"], (30, 50, 70)):
        ratio = catalog[f"aper{percent}_flux_err"] / plain[f"aper{percent}_flux_err"]
        np.testing.assert_allclose(ratio, factor, rtol=1e-3)
    np.testing.assert_array_equal(catalog["aper70_flux"], plain["aper70_flux"])


def test_without_references_nothing_is_corrected(field):
    catalog = steps.source_catalog(field.image)
    np.testing.assert_array_equal(catalog["aper_total_flux"], catalog["aper3_flux"])
    np.testing.assert_array_equal(catalog["aper1_vegamag"], catalog["aper1_abmag"])


def test_apertures_follow_the_scale_of_the_pixels(field):
    half = field.image.replace(meta=field.image.meta.set({"resample.pixel_scale_ratio": 0.5}))
    wide = steps.source_catalog(half, apcorr())
    twice = apcorr()
    for name in ("radius", "skyin", "skyout"):
        twice.apcorr_table[name] *= 2
    np.testing.assert_array_equal(wide["aper50_flux"], steps.source_catalog(field.image, twice)["aper50_flux"])


@pytest.mark.parametrize("kind", ["dao", "iraf"])
def test_star_finders_find_stars_and_no_shapes(field, kind):
    wide = dict(snr_threshold=10.0, roundlo=-1.0, roundhi=1.0, sharplo=0.1)
    catalog = steps.source_catalog(field.image, apcorr(), starfinder=kind, **wide)
    truth, _ = field.matched(catalog)
    assert truth.size > 0.9 * field.x.size
    assert catalog.segmentation is None
    assert np.isnan(catalog["semimajor_sigma"]).all()
    assert np.isfinite(catalog["aper70_flux"]).all()
    none = steps.source_catalog(field.image, apcorr(), starfinder=kind, snr_threshold=1e6)
    assert len(none) == 0


def test_a_local_background_is_taken_from_sources(field):
    plain = steps.source_catalog(field.image)
    local = steps.source_catalog(field.image, localbkg_width=10)
    assert np.abs(local["isophotal_flux"] / plain["isophotal_flux"] - 1).max() < 0.05
    assert (local["isophotal_flux"] != plain["isophotal_flux"]).all()
    assert (local["kron_flux"] != plain["kron_flux"]).all()


def test_an_image_need_not_be_smoothed(field):
    catalog = steps.source_catalog(field.image, kernel_fwhm=0.0, npixels=9)
    assert field.matched(catalog)[0].size == field.x.size
    assert np.isnan(catalog["sharpness"]).all()


def test_touching_stars_are_told_apart(field):
    image = field.image
    data = image.data.copy()
    pair = np.flatnonzero(field.flux > np.median(field.flux))[0]
    x, y = round(field.x[pair]), round(field.y[pair])
    data[y - 6 : y + 7, x + 2 : x + 15] += image.data[y - 6 : y + 7, x - 6 : x + 7] - SKY
    doubled = image.replace(data=data)
    parted, joined = (steps.source_catalog(doubled, deblend=choice) for choice in (True, False))
    assert len(parted) == len(joined) + 1


@pytest.mark.parametrize("starfinder", ["segmentation", "dao"])
def test_an_image_of_which_nothing_was_seen_has_no_sources(field, starfinder):
    blind = field.image.replace(dq=np.full(field.image.shape, PIXEL.DO_NOT_USE, np.uint32))
    catalog = steps.source_catalog(blind, apcorr(), starfinder=starfinder)
    assert (len(catalog), catalog.history[-1].status) == (0, "COMPLETE")
    assert catalog.table.dtype.names == steps.source_catalog(field.image, apcorr()).table.dtype.names or (
        starfinder == "dao"
    )


def test_one_source_has_no_neighbour():
    field = mosaic(size=80, n=1)
    catalog = steps.source_catalog(field.image)
    assert (len(catalog), catalog["nn_label"][0]) == (1, -1)
    assert np.isnan(catalog["nn_dist"][0])


def test_some_sources_of_a_catalogue(catalog):
    bright = catalog.chosen(catalog["aper_total_flux"] > np.median(catalog["aper_total_flux"]))
    assert len(bright) == len(catalog) // 2
    assert bright.segmentation is catalog.segmentation
    assert "sources" in repr(bright)


def skipped(outcome) -> str:
    assert outcome.history[-1].status == "SKIPPED"
    return outcome.history[-1].reason


def test_optics_without_apertures_are_skipped(field):
    other = field.image.replace(meta=field.image.meta.set({"instrument.filter": "F999W"}))
    assert "no row for F999W CLEAR" in skipped(steps.source_catalog(other, apcorr()))
    assert "no row for F999W CLEAR" in skipped(steps.source_catalog(other, None, abvegaoffset()))
    spectra = field.image.replace(meta=field.image.meta.set({"instrument.name": "NIRSPEC"}))
    stack = field.image.replace(data=np.ones((2, 9, 9), np.float32))
    assert "stack of integrations" in skipped(steps.source_catalog(stack))
    assert "NIRSPEC has no apertures" in skipped(steps.source_catalog(spectra, apcorr()))


WRONG = {
    "energies": (dict(aperture_ee2=30), "three rising numbers"),
    "unknown energy": (dict(aperture_ee3=80), "0 rows for 80%.*from 30, 50, 70"),
    "connectivity": (dict(connectivity=6), "connectivity is out of range"),
    "kernel_fwhm": (dict(kernel_fwhm=0.0, starfinder="iraf"), "kernel_fwhm is out of range"),
    "npixels": (dict(npixels=0), "npixels is out of range"),
    "kron_params": (dict(kron_params=[1.0]), "kron_params is out of range"),
    "snr_threshold": (dict(snr_threshold=0.0), "snr_threshold is out of range"),
}


@pytest.mark.parametrize("what", WRONG)
def test_parameters_out_of_range(field, what):
    parameters, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        steps.source_catalog(field.image, apcorr(), **parameters)


LACKING = {
    "errors": (dict(err=None), "has no err; resample makes"),
    "coordinates": (dict(wcs=None), "has no wcs; run assign_wcs"),
    "a pixel area": (dict(meta=Meta({"filename": "a.fits"})), "pixelarea_steradians"),
}


@pytest.mark.parametrize("what", LACKING)
def test_images_that_lack_something(field, what):
    changes, words = LACKING[what]
    with pytest.raises(InputError, match=words):
        steps.source_catalog(field.image.replace(**changes))


def test_references_that_contradict_themselves(field):
    with pytest.raises(InputError, match="2 rings"):
        steps.source_catalog(field.image, apcorr(skyin=[8, 9, 8, 8, 8, 8]))
    with pytest.raises(InputError, match="2 rows for 30%"):
        steps.source_catalog(field.image, apcorr(eefraction=[0.3, 0.3, 0.7, 0.3, 0.5, 0.7]))
    with pytest.raises(InputError, match="2 rows for one filter"):
        steps.source_catalog(field.image, None, abvegaoffset(1.0, 2.0))


def test_no_empty_sky_to_measure_noise_on():
    field = mosaic(size=80, n=1)
    data = field.image.err.copy()
    data[::3, ::3] = np.nan
    with pytest.raises(InputError, match="too little empty sky"):
        steps.source_catalog(field.image.replace(err=data), correlated_noise="measured")


def test_the_step_is_pure_and_the_same_on_every_device(field, device):
    before = {name: array.copy() for name, array in field.image.arrays().items()}
    there = steps.source_catalog(device.put(field.image), apcorr(), grouping=Grouping(npixels=20))
    here = steps.source_catalog(field.image, apcorr(), npixels=20)
    for name in here.table.dtype.names:
        np.testing.assert_array_equal(there[name], here[name])
    assert there.device == "cpu"
    for name, array in field.image.arrays().items():
        np.testing.assert_array_equal(array, before[name])
