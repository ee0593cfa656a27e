"""Alignment: what was injected is recovered, and what cannot be aligned is said."""

from __future__ import annotations

import gwcs
import numpy as np
import pytest
from alignments import BEST, CLOSE, SET, N, align, offsets
from astropy.table import Table

from jwgpu import io, simulate, steps
from jwgpu.data import PIXEL, Exposures
from jwgpu.errors import InputError


@pytest.fixture(scope="module")
def field():
    return simulate.dithers(4, **SET)


@pytest.fixture(scope="module")
def aligned(field):
    return align(field.images, **CLOSE, **BEST)


def test_pointing_errors_are_recovered(field, aligned):
    """Within 0.5 mas, in the mean over each image, from errors of several mas."""
    done, report = aligned
    before, after = (np.hypot(*offsets(images, field).mean(axis=2).T) for images in (field.images, done))
    assert before[1:].max() > 5
    assert after.max() < 0.5
    assert list(report.exposures["status"]) == ["reference", "aligned", "aligned", "aligned"]
    assert done.history[-1].status == "COMPLETE"
    notes = done.history[-1].notes
    assert notes["aligned"] == 3
    assert 0.01 < notes["uncertainty_mas"] < 0.2
    assert (after[1:] < 5 * notes["uncertainty_mas"]).all()


def test_rolls_are_recovered(field, aligned):
    errors = field.truth.errors[:, 2] - field.truth.errors[0, 2]
    assert aligned[1].exposures["rotation"][1:] == pytest.approx(errors[1:], abs=0.001)


def test_inputs_are_left_alone_and_arrays_shared(field, aligned):
    for before, after in zip(field.images, aligned[0]):
        assert after.data is before.data
        assert before.wcs.frames == ("detector", "v2v3", "v2v3vacorr", "world")
    assert aligned[0][0].wcs is field.images[0].wcs
    assert aligned[0][1].wcs.frames == ("detector", "v2v3", "v2v3vacorr", "v2v3corr", "world")


def test_headers_follow_the_wcs(field, aligned):
    before, after = field.images[2].meta.wcsinfo, aligned[0][2].meta.wcsinfo
    corner = np.array(after.s_region.split()[2:4], float)
    assert corner == pytest.approx(aligned[0][2].wcs.footprint()[0], abs=1e-8)
    assert after.s_region != before.s_region
    assert after.ctype1 == "RA---TAN-SIP" and after.cd1_1 is not None
    unapproximated, _ = align(field.images, sip_approx=False, **CLOSE, **BEST)
    assert unapproximated[2].meta.wcsinfo.cd1_1 is None


def test_the_report_says_what_was_matched(field, aligned):
    _, report = aligned
    rows, residuals = report.exposures, report.residuals
    assert (rows["n_matches"][1:] > 30).all() and (rows["n_used"] <= rows["n_matches"]).all()
    assert (1e3 * rows["rmse"][1:] > 1).all() and (1e3 * rows["rmse"][1:] < 5).all()
    middle = np.hypot(*(offsets(field.images, field) - offsets(aligned[0], field)).mean(axis=2).T)
    np.testing.assert_allclose(rows["moved"], middle, atol=0.2)
    for k in (1, 2, 3):
        own = residuals[(residuals["exposure"] == k) & residuals["used"]]
        assert len(own) == rows["n_used"][k]
        distance = np.hypot(own["east"], own["north"])
        assert distance.mean() == pytest.approx(1e3 * rows["mae"][k], rel=1e-3)
        assert abs(own["east"].mean()) < 0.05 and abs(own["north"].mean()) < 0.05
    assert (np.bincount(report.sources["exposure"]) == rows["n_sources"]).all()
    assert "reference; " in repr(report) and "mas in the mean" in repr(report)


def test_a_second_time_nothing_moves(field, aligned):
    again, report = align(aligned[0].members, **CLOSE, **BEST)
    assert report.exposures["moved"].max() < 0.05
    assert np.hypot(*offsets(again, field).mean(axis=2).T).max() < 0.5


@pytest.mark.parametrize("geometry", ["shift", "rscale", "general"])
def test_geometries(field, geometry):
    done, report = align(field.images, fitgeometry=geometry, **CLOSE, **BEST)
    assert np.hypot(*offsets(done, field).mean(axis=2).T).max() < 0.7
    if geometry == "shift":
        assert (report.exposures["rotation"][1:] == 0).all()


@pytest.mark.parametrize("finder", ["iraf", "segmentation"])
def test_finders(field, finder):
    done, report = align(field.images, starfinder=finder, **CLOSE)
    assert (report.exposures["status"][1:] == "aligned").all()
    assert np.hypot(*offsets(done, field).mean(axis=2).T).max() < {"iraf": 1.0, "segmentation": 2.0}[finder]


@pytest.mark.parametrize("where", [(359.9995, 12.0, 30.0), (0.0, -89.9999, 200.0), (123.0, 90.0, 0.0)])
def test_fields_at_the_edges_of_the_sky(where):
    made = simulate.dithers(3, field=where, **SET)
    done, _ = align(made.images, **CLOSE, **BEST)
    assert np.hypot(*offsets(done, made).mean(axis=2).T).max() < 0.5


@pytest.mark.parametrize("parameters", [{"refine": True}, {"starfinder": "segmentation", "refine": True}], ids=str)
@pytest.mark.parametrize("device", ["fakecupy", pytest.param("cupy", marks=pytest.mark.gpu)], indirect=True)
def test_the_same_on_a_device(field, parameters, device):
    expected, _ = align(field.images[:2], **CLOSE, **parameters)
    done, report = align([device.put(image) for image in field.images[:2]], **CLOSE, **parameters)
    assert done[1].device == "gpu" and report.exposures["status"][1] == "aligned"
    assert done[1].wcs(10.0, 20.0) == pytest.approx(expected[1].wcs(10.0, 20.0), abs=1e-12)


def test_better_places_leave_less_scatter(field):
    plain, fine = (align(field.images, refine=refine, **CLOSE)[1].exposures["rmse"][1:] for refine in (False, True))
    assert (fine < 0.6 * plain).all()


def test_a_telescope_that_rolls():
    made = simulate.dithers(4, n_visits=2, visit_roll=70.0, visit_error=0.3, **SET)
    done, report = align(made.images, searchrad=3.0, **CLOSE, **BEST)
    assert (report.exposures["status"][1:] == "aligned").all()
    assert report.exposures["moved"][2] > 100
    assert np.hypot(*offsets(done, made).mean(axis=2).T).max() < 0.5


def flipped(image):
    """Return an image whose columns run the other way, in its WCS too."""
    from astropy.modeling import bind_bounding_box
    from astropy.modeling.models import Identity, Scale, Shift

    from jwgpu.wcs import WCS

    pipeline = [(s.frame, s.transform) for s in image.wcs.gwcs.pipeline]
    frame, first = pipeline[0]
    turned = (Scale(-1.0) | Shift(image.shape[1] - 1.0)) & Identity(1) | first
    bind_bounding_box(turned, first.bounding_box.bounding_box(order="F"), order="F")
    wcs = WCS(gwcs.WCS([(frame, turned), *pipeline[1:]]))
    arrays = {name: np.ascontiguousarray(array[:, ::-1]) for name, array in image.arrays().items()}
    return image.replace(wcs=wcs, **arrays)


def test_a_detector_of_the_other_parity(field):
    plain, _ = align(field.images[:2], **CLOSE, **BEST)
    done, _ = align((field.images[0], flipped(field.images[1])), **CLOSE, **BEST)
    x, y = np.meshgrid(np.arange(0, N, 60.0), np.arange(0, N, 60.0))
    a, b = plain[1].wcs(x, y), done[1].wcs(N - 1 - x, y)
    assert np.hypot((a[0] - b[0]) * np.cos(np.radians(a[1])), a[1] - b[1]).max() * 3600e3 < 0.5


def test_detectors_of_an_exposure_move_together():
    made = simulate.dithers(3, detectors=("NRCB1", "NRCB2"), size=256, n_stars=60, separation=0.4, n_galaxies=0,
                            roll_error=0.0005)  # fmt: skip
    done, report = align(made.images, separation=0.3, tolerance=0.2, **BEST)
    assert list(report.exposures["group"]) == [0, 0, 1, 1, 2, 2]
    assert (report.exposures["status"][2:] == "aligned").all()
    assert report.exposures["n_matches"][2] == report.exposures["n_matches"][3] > 40
    assert np.hypot(*offsets(done, made).mean(axis=2).T).max() < 0.5


def test_the_reference_grows_where_exposures_do_not_overlap_the_first():
    shifts = np.array([[0, 0], [7, 0], [14, 0.5], [21, -0.5]])  # of 12 arcsec
    made = simulate.dithers(4, offsets=shifts, **{**SET, "n_stars": 160, "separation": 0.35})
    fixed, report = align(made.images, **CLOSE, **BEST)
    assert report.exposures["status"][3] == "failed" and "matches, fewer than minobj" in report.exposures["reason"][3]
    assert fixed[3].wcs is made.images[3].wcs
    assert fixed.history[-1].notes["failed"] == [2, 3] or fixed.history[-1].notes["failed"] == [3]
    for order in (False, True):
        grown, report = align(made.images, expand_refcat=True, enforce_user_order=order, **CLOSE, **BEST)
        assert sorted(report.exposures["status"]) == ["aligned"] * 3 + ["reference"]
        moved = offsets(grown, made).mean(axis=2)
        assert np.hypot(*np.diff(moved, axis=0).T).max() < 1.0


def test_what_cannot_be_aligned_is_said(field):
    flagged = field.images[1].replace(dq=field.images[1].dq | np.uint32(PIXEL.DO_NOT_USE))
    empty = field.images[2].replace(data=np.zeros_like(field.images[2].data))
    done, report = align((field.images[0], flagged, empty, field.images[3]), **CLOSE, **BEST)
    assert list(report.exposures["status"]) == ["reference", "failed", "failed", "aligned"]
    assert list(report.exposures["reason"][1:3]) == ["no sources"] * 2
    assert done.history[-1].status == "COMPLETE" and done.history[-1].notes["failed"] == [1, 2]
    assert done.history[-1].notes["why"] == "no sources"
    assert done.history[-1].remark.startswith(
        f"2 of 4 exposures not aligned ({flagged.name}, {empty.name}): no sources"
    )
    done, report = align((flagged, empty), **CLOSE)
    assert done.history[-1].status == "SKIPPED" and "no sources" in done.history[-1].reason
    done, _ = align((flagged, field.images[0]), **CLOSE)
    assert "no other exposure with sources" in done.history[-1].reason


def test_exposures_in_files_stay_there(field, tmp_path):
    """Of each, in its turn, the image and its flags are read."""
    paths = [io.save(image, tmp_path / image.name) for image in field.images]
    lazy = Exposures.of([io.open(path, lazy=True) for path in paths])
    done = steps.tweakreg(lazy, **CLOSE, **BEST)
    expected, _ = align(field.images, **CLOSE, **BEST)
    for a, b, c in zip(done, expected, lazy):
        assert a.data is c.data
        assert a.wcs(10.0, 20.0) == pytest.approx(b.wcs(10.0, 20.0), abs=1e-12)


def test_one_exposure_is_skipped(field):
    done = steps.tweakreg(Exposures.of(field.images[:1]))
    assert done.history[-1].status == "SKIPPED" and "single group" in done.history[-1].reason
    assert done[0].wcs is field.images[0].wcs
    done, report = align(field.images[:1], save_catalogs=True)
    assert len(report.sources) > 20 and done.history[-1].status == "SKIPPED"


def test_exposures_of_different_fields(field):
    other = simulate.dithers(1, field=(10.0, 80.0, 3.0), **SET)[0]
    other = other.replace(meta=other.meta.set({"observation.exposure_number": "9"}))
    done, report = align((field.images[0], other), **CLOSE, **BEST)
    assert done.history[-1].status == "SKIPPED" and "0 matches" in report.exposures["reason"][1]


def test_corrections_larger_than_the_search_are_dropped(field):
    """A scale that is off moves corners further than the search allows for."""
    from jwgpu.wcs import WCS, tangent

    image = field.images[1]
    plane = tangent.plane(image.wcs.gwcs, image.meta)
    off = image.replace(wcs=WCS(tangent.corrected(image.wcs.gwcs, plane.moved(np.eye(2) * 1.02, np.zeros(2)))))
    parameters = dict(searchrad=0.05, tolerance=0.04, separation=0.6, fitgeometry="general", minobj=4, **BEST)
    done, report = align((field.images[0], off), **parameters)
    assert done.history[-1].status == "SKIPPED"
    assert done[1].wcs is off.wcs
    assert report.exposures["status"][1] == "failed"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (dict(separation=0.5, tolerance=0.4), "separation = 0.5 is too small"),
        (dict(abs_refcat="x", abs_separation=0.5), "abs_separation = 0.5 is too small"),
        (dict(searchrad=0.0), "searchrad = 0.0"),
        (dict(nclip=-1), "nclip = -1"),
        (dict(kernel_fwhm=0.0), "kernel_fwhm = 0.0"),
        (dict(brightest=0), "brightest = 0"),
        (dict(snr_threshold=-1.0), "snr_threshold"),
        (dict(starfinder="segmentation", kron_params=[1.0]), "kron_params"),
        (dict(starfinder="daofind"), "expected 'dao'"),
        (dict(minobjects=3), "did you mean 'minobj'"),
    ],
)
def test_bad_parameters(field, parameters, words):
    with pytest.raises(InputError, match=words):
        align(field.images[:2], **parameters)


def test_images_without_a_wcs_are_refused(field):
    with pytest.raises(InputError, match="run assign_wcs"):
        align((field.images[0], field.images[1].replace(wcs=None)), **CLOSE)


def test_the_report_is_saved(field, tmp_path):
    done, report = align(field.images[:2], save_catalogs=True, **CLOSE, **BEST)
    path = io.save(report, out=tmp_path)
    assert path.name == "field_tweakreg.fits"
    rows = Table.read(path, hdu="EXPOSURES")
    assert list(rows["status"]) == ["reference", "aligned"]
    assert len(Table.read(path, hdu="RESIDUALS")) == rows["n_matches"][1]
    sources = Table.read(tmp_path / f"{done[1].name.removesuffix('.fits')}_cat.ecsv")
    assert len(sources) == rows["n_sources"][1]
    with pytest.raises(InputError, match="exists already"):
        io.save(report, path, overwrite=False)


def test_aligned_images_are_saved_and_come_back(aligned, tmp_path):
    image = aligned[0][1]
    read = io.open(io.save(image, tmp_path / "a_tweakreg.fits"))
    assert read.wcs(10.0, 20.0) == pytest.approx(image.wcs(10.0, 20.0), abs=1e-12)
    assert read.meta.cal_step.tweakreg == "COMPLETE"
    assert read.wcs.frames == image.wcs.frames
