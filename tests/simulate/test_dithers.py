"""Dithered sets: every number that the truth claims is in the images."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest

from jwgpu import io, simulate, steps
from jwgpu.data import PIXEL
from jwgpu.errors import InputError
from jwgpu.simulate import field, instruments, pointing, psf
from jwgpu.simulate.header import FIELD, attitude
from jwgpu.wcs import newton

CLEAN = dict(noise=False, cosmic_rays=0.0, bad_pixels=0.0, n_galaxies=0)


PHASES = ((0.0, 0.0), (0.5, -0.5), (0.31, 0.07))


def centre(image):
    """Centre of light (x, y), from the central pixel."""
    grid = np.arange(len(image)) - len(image) // 2
    return image.sum(axis=0) @ grid, image.sum(axis=1) @ grid


@pytest.mark.parametrize("fwhm", [0.6, 1.0, 2.14, 3.2])
@pytest.mark.parametrize("phase", PHASES)
def test_the_stamp_of_a_star_holds_its_flux(fwhm, phase):
    image = psf.star(*phase, fwhm, psf.half_size(fwhm))
    assert image.sum() == pytest.approx(1, abs=psf.LOST)
    if fwhm > 2:  # pixels move the centre of narrower ones
        assert centre(psf.star(*phase, fwhm, 100)) == pytest.approx(phase, abs=1e-5)


def test_light_within_a_radius_is_that_of_the_image():
    """Of a star so wide that pixels do not blur it."""
    image = psf.star(0.0, 0.0, 40.0, 340)
    y, x = np.mgrid[-340:341, -340:341]
    for radius in (25.5, 60.5, 130.5):
        assert image[np.hypot(x, y) < radius].sum() == pytest.approx(psf.encircled(radius, 40.0), abs=2e-3)


@pytest.mark.parametrize("fwhm", [0.7, 2.14])
@pytest.mark.parametrize("radius", [0.8, 4.0])
@pytest.mark.parametrize("phase", PHASES)
def test_the_stamp_of_a_galaxy_holds_its_flux_wherever_it_lies(fwhm, radius, phase):
    image = psf.galaxy(*phase, radius**2 * np.array([[1.0, 0.4], [0.4, 0.6]]), fwhm)
    assert image.sum() == pytest.approx(1, abs=1e-4)
    if fwhm > 2:
        assert centre(image) == pytest.approx(phase, abs=1e-3)


def test_a_galaxy_has_half_of_its_light_within_its_radius():
    image = psf.galaxy(0.0, 0.0, 15.0**2 * np.eye(2), 0.5)
    y, x = np.mgrid[: len(image), : len(image)] - len(image) // 2
    assert image[np.hypot(x, y) < 15].sum() == pytest.approx(0.5, abs=0.01)


def test_a_small_set_is_quick():
    simulate.dithers(1, size=32)
    start = time.perf_counter()
    assert len(simulate.dithers(4).images) == 4
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("instrument", "detector"),
    [("NIRCAM", "NRCA3"), ("NIRCAM", "NRCALONG"), ("NIRISS", "NIS"), ("MIRI", "MIRIMAGE"), ("FGS", "GUIDER1")],
)
@pytest.mark.parametrize("siaf", [False, None])
def test_flux_and_place_of_a_star(instrument, detector, siaf):
    """Surface brightness times the areas of pixels is the catalogue's flux, its centre the catalogue's place."""
    made = simulate.dithers(2, instrument, detector, size=160, n_stars=1, separation=4.0, background=0.0, siaf=siaf,
                            **CLEAN)  # fmt: skip
    table = made.truth.catalogue[:1].copy()
    image = made[1]
    middle = made.truth.wcs[1].forward(70.3, 85.8)
    table["ra"], table["dec"] = middle
    maker = dataclasses.replace(made._made, table=table)
    light = maker.brightness(1) * image.area.astype(float) * image.meta.photometry.pixelarea_steradians * 1e6
    assert light.sum() == pytest.approx(table["flux"][0], rel=5e-5)
    y, x = np.mgrid[:160, :160]
    assert ((light * x).sum() / light.sum(), (light * y).sum() / light.sum()) == pytest.approx((70.3, 85.8), abs=0.01)
    assert image.meta.instrument.detector == detector
    assert image.area.mean() == pytest.approx(1, abs=0.05)
    assert image.meta.photometry.pixelarea_arcsecsq == instruments.DETECTORS[detector].scale ** 2


def test_pixels_have_the_noise_that_their_errors_say():
    made = simulate.dithers(2, "NIRISS", size=200)
    for k, image in enumerate(made):
        good = (image.dq == 0) & ~made.truth.mask(k)
        pull = ((image.data - made.truth.brightness(k)) / image.err)[good]
        assert abs(pull.mean()) < 5 / good.sum() ** 0.5
        assert pull.std() == pytest.approx(1, abs=0.02)
        np.testing.assert_allclose(image.err**2, image.var_poisson + image.var_rnoise, rtol=1e-5)


def test_cosmic_rays_bad_pixels_and_borders():
    made = simulate.dithers(2, size=128, cosmic_rays=2e-3)
    first, second = made.images
    for k, image in enumerate(made.images):
        hits = made.truth.hits[k]
        assert len(hits) > 20 and (hits["brightness"] > 0).all()
        light = (image.data - made.truth.brightness(k))[hits["y"], hits["x"]] - hits["brightness"]
        assert abs(light / image.err[hits["y"], hits["x"]]).max() < 5
        assert (image.dq[hits["y"], hits["x"]] == 0).all()
    assert np.array_equal(first.dq, second.dq)
    assert ((first.dq & PIXEL.REFERENCE_PIXEL) != 0)[:4].all()
    bad = (first.dq & PIXEL.DO_NOT_USE) != 0
    assert np.isnan(first.data[bad]).all() and np.isfinite(first.data[~bad]).all()
    assert 0.0005 < bad[4:-4, 4:-4].mean() < 0.005


def test_errors_are_those_that_were_asked_for():
    """A shift along V2 and V3 moves the field of all detectors alike, whatever the header says."""
    given = np.array([[0.02, -0.01], [0.0, 0.0], [-0.03, 0.015]])
    made = simulate.dithers(
        3, detectors=("NRCB1", "NRCB3"), size=64, pointing_error=given, roll_error=0.0, velocity=1.0
    )
    assert len(made) == 6
    np.testing.assert_array_equal(made.truth.errors[:, :2], given)
    for k, image in enumerate(made.images):
        place = made.truth.wcs[k].between("detector", "v2v3vacorr")
        back = made.truth.wcs[k].forward(31.5, 31.5)
        x, y = newton.invert(image.wcs.forward, *(np.array([c]) for c in back), (31.5, 31.5))
        nominal, true = (np.ravel(place(*c)) for c in ((x, y), (31.5, 31.5)))
        np.testing.assert_allclose(true - nominal, -given[k // 2], atol=1e-5)


def test_visits_share_an_error_and_a_roll():
    made = simulate.dithers(6, size=64, n_visits=2, visit_error=0.2, pointing_error=0.001, visit_roll=12.0)
    errors = made.truth.errors[:, :2]
    assert np.ptp(errors[:3], axis=0).max() < 0.01 and np.ptp(errors[3:], axis=0).max() < 0.01
    assert np.hypot(*(errors[0] - errors[5])) > 0.02
    metas = [image.meta for image in made.images]
    assert [m.observation.visit_number for m in metas] == ["001"] * 3 + ["002"] * 3
    assert metas[5].wcsinfo.roll_ref - metas[0].wcsinfo.roll_ref == pytest.approx(12, abs=1e-3)
    assert len({m.filename for m in metas}) == 6


def test_sky_steps_and_tilts():
    made = simulate.dithers(3, size=64, background=2.0, background_step=0.2, background_tilt=0.5, n_stars=0, **CLEAN)
    for k, image in enumerate(made.images):
        assert np.nanmedian(image.data) == pytest.approx(made.truth.backgrounds[k], rel=0.02)
        row = image.data[32, 8:-8]
        assert (row[-1] - row[0]) / made.truth.backgrounds[k] == pytest.approx(0.5 * 47 / 64, rel=0.02)
    assert np.ptp(made.truth.backgrounds) > 0.05


@pytest.mark.parametrize("where", [(359.9999, 12.0, 30.0), (0.0, -89.9999, 200.0), (123.0, 90.0, 0.0)])
def test_fields_at_the_edges_of_the_sky(where):
    made = simulate.dithers(3, size=64, field=where, n_stars=40)
    table = made.truth.catalogue
    for k, image in enumerate(made.images):
        x, y = made.truth.positions(k)
        inside = (x > 0) & (x < 63) & (y > 0) & (y < 63)
        assert inside.sum() > 15
        found = newton.invert(image.wcs.forward, table["ra"][inside], table["dec"][inside], (32.0, 32.0))
        assert np.hypot(found[0] - x[inside], found[1] - y[inside]).max() < 3
        assert len(image.meta.wcsinfo.s_region.split()) == 10


def test_attitudes_agree_with_those_of_headers():
    matrix = attitude(-122.4, -457.7, 53.1, -27.8, 47.3)
    assert pointing.reference(matrix, -122.4, -457.7) == pytest.approx((53.1, -27.8, 47.3))
    image = simulate.dithers(1, size=64, offsets=[[0, 0]], velocity=1.0)[0]
    assert image.wcs.forward(31.5 - 0.042, 31.5 + 0.151) == pytest.approx(FIELD[:2], abs=1e-9)
    header = image.meta.wcsinfo
    assert (header.ra_ref, header.dec_ref, header.roll_ref) == pytest.approx(FIELD)


def test_sources_keep_their_distance():
    made = simulate.dithers(2, size=128, n_stars=60, n_galaxies=5, separation=0.25)
    table = made.truth.catalogue
    assert table["nearest"].min() >= 0.25
    assert {"star", "galaxy"} == set(table["kind"])
    x, y = made.truth.positions(0)
    assert 40 < ((abs(x - 64) < 64) & (abs(y - 64) < 64)).sum() < 90


def test_detectors_that_overlap_share_sources():
    """The boxes of both guiders' miniatures lie apart; those of one detector twice are one."""
    boxes = [(np.zeros(2), np.ones(2) * 10), (np.ones(2) * 5, np.ones(2) * 15)]
    table = field.draw(np.random.default_rng(1), boxes, attitude(0, 0, 0, 0, 0), 1.0, 0.0, 0.1)
    assert len(table) == pytest.approx(175, abs=15)


def test_the_same_seed_gives_the_same_bits_in_any_order():
    first, second = (simulate.dithers(3, size=64, seed=5) for _ in range(2))
    b = [second[k] for k in (2, 0, 1)]
    for k, image in zip((2, 0, 1), b):
        assert first[k].data.tobytes() == image.data.tobytes()
    assert simulate.dithers(3, size=64, seed=6)[0].data.tobytes() != first[0].data.tobytes()


def test_indexing():
    made = simulate.dithers(3, size=32)
    assert made[-1].name == made[2].name
    assert [i.name for i in made[1:]] == [i.name for i in made.images[1:]]
    assert made.images is made.images
    with pytest.raises(IndexError, match="image 3 of 3"):
        made[3]
    assert repr(made).startswith("<Dithers: 3 images of")


def test_written_images_come_back(tmp_path):
    made = simulate.dithers(2, "MIRI", size=64)
    *paths, association = made.write(tmp_path / "set")
    listed = json.loads(association.read_text())["products"][0]["members"]
    assert [m["expname"] for m in listed] == [p.name for p in paths] == [i.name for i in made.images]
    for path, image in zip(paths, made.images):
        read = io.open(path)
        np.testing.assert_array_equal(read.data, image.data)
        assert read.unit == "MJy/sr"
        assert read.wcs(10.0, 20.0) == pytest.approx(image.wcs(10.0, 20.0), abs=1e-12)
        assert read.meta.cal_step.photom == "COMPLETE"
    with pytest.raises(InputError, match="cannot be written"):
        made.write(paths[0])


def test_raw_exposures_show_the_same_field():
    """The ramp's rate, assigned its place on the sky by its references, is the image's."""
    made = simulate.dithers(2, "NIRISS", size=64, bad_pixels=0.0)
    raw = made.raw(1, n_groups=4)
    image = made[1]
    assert raw.ramp.name == image.name.replace("_cal", "_uncal")
    electrons = made.truth.brightness(1) / image.meta.photometry.conversion_megajanskys * 1.61
    good = raw.truth.bad_pixels == 0
    ratio = raw.truth.rate_electron[good] / electrons[good]
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    assert np.std(ratio) < 0.2  # quantum efficiency
    rate = image.replace(meta=raw.ramp.meta, wcs=None)
    placed = steps.assign_wcs(rate, raw.references.distortion, raw.references.filteroffset)
    assert placed.wcs(10.0, 20.0) == pytest.approx(image.wcs(10.0, 20.0), abs=1e-11)
    np.testing.assert_array_equal(raw.references.area.data, image.area)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(instrument="NIRSPEC"), "instrument with an imager"),
        (dict(n=0), "0 exposures"),
        (dict(n_groups=1), "1 groups"),
        (dict(n=2, n_visits=3), "3 visits"),
        (dict(detectors="NIS"), "NRCB1"),
        (dict(size=4096), "larger"),
        (dict(offsets=[[0, 0]]), "offsets has shape"),
        (dict(pointing_error=[0.1, 0.2]), "pointing_error has shape"),
    ],
)
def test_impossible_sets_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        simulate.dithers(**arguments)
