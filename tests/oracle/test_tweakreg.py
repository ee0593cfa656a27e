"""tweakreg against that of jwst 3.0.0: the same sources, and the same WCS."""

from __future__ import annotations

import numpy as np
import official_images
import pytest
from alignments import ABSOLUTE, CLOSE, SET, align, offsets
from astropy.table import Table

import jwgpu as jw
from jwgpu import simulate
from jwgpu.numerics.sources import Stars
from jwgpu.steps.tweakreg.find import Finder, Segments, find
from jwgpu.wcs import WCS

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SAME = 1e-4
"""Pixels by which places may differ."""


def official(images, folder, **parameters):
    from jwst.tweakreg import TweakRegStep

    return official_images.run(TweakRegStep, images, folder, **parameters)


def apart(ours, models) -> list[float]:
    """Return by how many pixels the two disagree on where places on the sky fall, at most."""
    rows, columns = ours[0].shape
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, columns - 1, 7), np.linspace(0, rows - 1, 7)))
    found = []
    for image, model in zip(ours, models):
        (ra, dec), (a, d) = image.wcs(x, y), model.meta.wcs(x, y)
        pixel = image.meta.photometry.pixelarea_arcsecsq**0.5 / 3600
        east = (np.remainder(ra - a + 180, 360) - 180) * np.cos(np.radians(d))
        found.append(float(np.hypot(east, dec - d).max() / pixel))
    return found


@pytest.fixture(scope="module")
def field():
    return simulate.dithers(4, **SET)


@pytest.fixture(scope="module")
def detectors():
    return simulate.dithers(3, detectors=("NRCB1", "NRCB2"), size=256, n_stars=60, separation=0.4, n_galaxies=0)


DAO = dict(starfinder="dao", sharplo=0.2, sharphi=1.0, roundlo=-1.0, roundhi=1.0)


@pytest.mark.parametrize("finder", ["iraf", "dao", "segmentation"])
@pytest.mark.parametrize("instrument", ["NIRCAM", "MIRI"])
def test_same_sources(finder, instrument, tmp_path):
    """Of all of them, in all columns, on a background of several boxes with missing pixels."""
    from jwst.tweakreg import TweakRegStep
    from stdatamodels.jwst import datamodels

    image = simulate.dithers(1, instrument, size=300, n_stars=90, background_tilt=0.5, bad_pixels=0.004)[0]
    limits = {k: v for k, v in DAO.items() if k != "starfinder"} if finder == "dao" else {}
    with datamodels.open(str(jw.save(image, tmp_path / image.name))) as model:
        table = TweakRegStep(starfinder=finder, bkg_boxsize=70, kernel_fwhm=2.3, **limits)._find_sources(model)
    found = find(image, Finder(finder, kernel_fwhm=2.3, bkg_boxsize=70), Stars(**limits), Segments())
    assert len(found) == len(table) > 15
    # Moments of float32 pixels, summed in another order.
    for ours, theirs, limit in (("x", "xcentroid", SAME / 10), ("y", "ycentroid", SAME / 10)):
        assert np.abs(found[ours] - np.array(table[theirs])).max() < limit
    np.testing.assert_allclose(found["flux"], np.array(table["flux"]), rtol=1e-4)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"fitgeometry": "shift", "nclip": 0},
        {"fitgeometry": "rscale", "sigma": 2.0},
        {"fitgeometry": "general", "brightest": 60},
        {"use2dhist": False, "xoffset": 0.01, "yoffset": -0.01},
        {"expand_refcat": True},
        {"expand_refcat": True, "enforce_user_order": True, "minobj": 30},
        DAO,
        {"starfinder": "segmentation"},
    ],
    ids=str,
)
def test_same_alignment(field, parameters, tmp_path):
    ours, report = align(field.images, **CLOSE, **parameters)
    theirs = official(field.images, tmp_path, **CLOSE, **parameters)
    assert max(apart(ours, theirs)) < SAME
    assert (report.exposures["status"] == "aligned").sum() == 3
    for image, model in zip(ours, theirs):
        assert image.history[-1].status == model.meta.cal_step.tweakreg == "COMPLETE"
        assert list(image.wcs.frames) == list(model.meta.wcs.available_frames)
    for name in ("crval1", "crval2", "cd1_1", "cd2_1", "a_2_0", "b_0_2"):
        expected = getattr(theirs[1].meta.wcsinfo, name)
        assert ours[1].meta.wcsinfo.get(name) == pytest.approx(expected, rel=1e-4, abs=1e-13)


def test_same_alignment_of_groups(detectors, tmp_path):
    ours, report = align(detectors.images, **CLOSE)
    theirs = official(detectors.images, tmp_path, **CLOSE)
    assert max(apart(ours, theirs)) < SAME
    assert (report.exposures["n_matches"][2::2] == report.exposures["n_matches"][3::2]).all()


def test_both_skip_what_cannot_be_aligned(field, tmp_path):
    images = [field.images[0], simulate.dithers(1, field=(10.0, 80.0, 3.0), **SET)[0]]
    images[1] = images[1].replace(
        meta=images[1].meta.set({"observation.exposure_number": "9", "filename": "b_cal.fits"})
    )
    ours, _ = align(images, **CLOSE)
    theirs = official(images, tmp_path, **CLOSE)
    assert max(apart(ours, theirs)) < 1e-8
    assert ours.history[-1].status == "SKIPPED"
    # The official step says COMPLETE of an exposure that it could not align.
    assert theirs[0].meta.cal_step.tweakreg == "COMPLETE"


def test_alignment_of_one_exposure_with_a_catalogue(field, tmp_path):
    """Where no source counts twice, both do the same."""
    stars = field.truth.catalogue[field.truth.catalogue["kind"] == "star"]
    path = str(tmp_path / "sky.ecsv")
    Table({"ra": stars["ra"], "dec": stars["dec"]}).write(path)
    image = field.images[1:2]
    ours, _ = align(image, abs_refcat=path, **ABSOLUTE)
    theirs = official(image, tmp_path, abs_refcat=path, **ABSOLUTE)
    assert max(apart(ours, theirs)) < SAME
    assert ours[0].wcs.gwcs.name == theirs[0].meta.wcs.name


def test_sources_of_several_exposures_count_once(field, tmp_path):
    """Both lie near the truth; ours nearer, as the official step takes the lowest of the places of each star."""
    stars = field.truth.catalogue[field.truth.catalogue["kind"] == "star"]
    path = str(tmp_path / "sky.ecsv")
    Table({"ra": stars["ra"], "dec": stars["dec"]}).write(path)
    parameters = dict(abs_refcat=path, **ABSOLUTE, **CLOSE)
    ours, _ = align(field.images, **parameters)
    theirs = official(field.images, tmp_path, **parameters)
    made = [image.replace(wcs=WCS(model.meta.wcs)) for image, model in zip(field.images, theirs)]
    a, b = (np.hypot(*offsets(those, field, relative=False).mean(axis=2).T) for those in (ours, made))
    assert a.max() < b.max() < 5


def test_a_corrected_wcs_is_corrected_again_by_the_official_step(field, tmp_path):
    first, _ = align(field.images, **CLOSE)
    again, _ = align(first.members, **CLOSE)
    theirs = official(first.members, tmp_path, **CLOSE)
    assert max(apart(again, theirs)) < SAME


def test_the_official_pipeline_reads_aligned_images(field, tmp_path):
    from jwst.datamodels import ModelLibrary
    from stdatamodels.jwst import datamodels

    done, _ = align(field.images, **CLOSE)
    for image in done:
        path = jw.save(image, tmp_path / image.name)
        with datamodels.open(str(path)) as model:
            assert model.meta.cal_step.tweakreg == "COMPLETE"
            np.testing.assert_allclose(model.meta.wcs(10.0, 20.0), image.wcs(10.0, 20.0), atol=1e-12)
    assert len(ModelLibrary([str(p) for p in tmp_path.glob("*_cal.fits")])) == 4
