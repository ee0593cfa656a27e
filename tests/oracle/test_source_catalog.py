"""source_catalog against that of jwst 3.0.0 on the same image, column by column; and Kron against photutils."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
from mosaics import apcorr, mosaic
from scipy import ndimage

from jwgpu import steps
from jwgpu.data import PIXEL, Image, Reference
from jwgpu.simulate import scene

pytest.importorskip("jwst")
pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore")]

HEAD = {"description": "x", "author": "x", "pedigree": "DUMMY", "useafter": "2020-01-01T00:00:00"}


@pytest.fixture(scope="module")
def image() -> Image:
    """A crowded field: stars and galaxies that touch, noise that varies, holes, an edge and an empty corner."""
    size = 360
    rng = np.random.default_rng(7)
    table = scene.sources(rng, (size, size), 150, 60)
    table["flux"] = np.minimum(table["flux"], 2e4)
    light = scene.render(table, (size, size), 2.2) / 12
    y, x = np.mgrid[:size, :size]
    err = np.sqrt(0.08**2 * (1 + x / size) + light / 300)
    noise = ndimage.uniform_filter(rng.normal(size=light.shape), 2) * 2
    data = 0.3 + 0.1 * np.sin(y / 90) + light + err * noise
    empty = (x + y < 90) | (y > size - 10) | (rng.random(light.shape) < 3e-4)
    data[empty] = err[empty] = np.nan
    dq = np.where(empty, PIXEL.DO_NOT_USE, 0).astype(np.uint32)
    like = mosaic().image
    return like.replace(
        data=data.astype(np.float32), err=err.astype(np.float32), dq=dq, wcs=_plane(size),
        meta=like.meta.set({"wcsinfo.crpix1": 181.0, "wcsinfo.crpix2": 170.0}),
    )  # fmt: skip


def _plane(size):
    from mosaics import tangent_plane

    return tangent_plane((size, size))


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    """Write both references; return what the official step calls them, and ours."""
    from astropy.table import Table
    from stdatamodels.jwst import datamodels

    folder = tmp_path_factory.mktemp("references")
    ours = apcorr()
    model = datamodels.NrcImgApcorrModel(apcorr_table=ours.apcorr_table)
    offsets = datamodels.ABVegaOffsetModel()
    offsets.abvega_offset = Table(rows=[("F150W", "CLEAR", 1.24)], names=("filter", "pupil", "abvega_offset"))
    paths = {}
    for kind, made, name in (("apcorr", model, "apcorr.fits"), ("abvegaoffset", offsets, "abvega.asdf")):
        for word, value in {**HEAD, "reftype": kind.upper()}.items():
            setattr(made.meta, word, value)
        made.meta.instrument.name, made.meta.instrument.detector = "NIRCAM", "NRCB1"
        if kind == "apcorr":
            made.meta.exposure.type = "NRC_IMAGE"
        made.save(str(folder / name))
        paths[f"override_{kind}"] = str(folder / name)
    return paths, folder


def official(image: Image, paths, folder, keep=False, **parameters):
    """Return the catalogue and the segmentation that jwst makes."""
    from jwst.source_catalog import SourceCatalogStep
    from stdatamodels.jwst import datamodels

    model = datamodels.ImageModel(
        data=image.data.copy(), err=image.err.copy(), dq=image.dq.copy(), wht=(image.dq == 0).astype(np.float32)
    )
    model.meta.wcs = image.wcs.gwcs
    model.meta.bunit_data = model.meta.bunit_err = "MJy/sr"
    model.meta.wcsinfo.crpix1, model.meta.wcsinfo.crpix2 = 181.0, 170.0
    model.meta.photometry.pixelarea_steradians = image.meta.photometry.pixelarea_steradians
    model.meta.resample.pixel_scale_ratio = 1.0
    model.meta.observation.date, model.meta.observation.time = "2023-01-01", "00:00:00.000"
    for name in ("name", "detector", "filter", "pupil"):
        setattr(model.meta.instrument, name, image.meta.get(f"instrument.{name}"))
    model.meta.exposure.type = "NRC_IMAGE"
    model.meta.filename = "mosaic_i2d.fits"
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = SourceCatalogStep.call(
            model, **paths, **parameters, save_results=True, output_dir=str(folder), output_file="mosaic"
        )
    logging.disable(logging.NOTSET)
    path = folder / "mosaic_segm.fits"
    segmentation = datamodels.open(path).data if path.exists() else None
    if not keep:
        path.unlink(missing_ok=True)
    return table, segmentation


EXACT = ("label", "is_extended", "nn_label", "isophotal_area")
LOOSE = {"orientation": 0.01, "sky_orientation": 0.01, "sharpness": 1e-4, "roundness": 1e-4, "ellipticity": 1e-5}
"""Absolute, where differences of small numbers are divided by each other."""

CASES = {
    "defaults": {},
    "mesh": dict(bkg_boxsize=60),
    "small sources": dict(npixels=6, kernel_fwhm=1.5, contrast=0.01, nlevels=16, multithresh_mode="sinh"),
    "4 neighbours": dict(connectivity=4, snr_threshold=2.0, multithresh_mode="linear"),
    "whole sources": dict(deblend=False, kernel_fwhm=3.0, snr_threshold=5.0),
    "own background": dict(localbkg_width=8),
}


@pytest.mark.parametrize("case", CASES)
def test_same_as_official(image, references, crds_cache, case):
    paths, folder = references
    texts = {"connectivity": str(CASES[case].get("connectivity", 8))}  # an option of theirs is a text
    theirs, segmentation = official(image, paths, folder, **CASES[case] | texts)
    ours = steps.source_catalog(image, apcorr(), _offset(), **CASES[case])
    assert len(ours) == len(theirs) > 10
    np.testing.assert_array_equal(ours.segmentation, segmentation)
    _compare(ours, theirs)
    away = theirs["sky_centroid"].separation(_coordinates(ours["sky_centroid"])).mas
    assert away.max() < 0.01  # 2 mas are asked for


@pytest.mark.parametrize("starfinder", ["dao", "iraf"])
def test_star_finders_as_official(image, references, crds_cache, starfinder):
    paths, folder = references
    parameters = dict(starfinder=starfinder, snr_threshold=8.0, sharplo=0.2, roundlo=-0.5, roundhi=0.5, brightest=60)
    theirs, _ = official(image, paths, folder, **parameters)
    ours = steps.source_catalog(image, apcorr(), _offset(), **parameters)
    assert len(ours) == len(theirs) > 10
    _compare(ours, theirs)


def _offset() -> Reference:
    from mosaics import abvegaoffset

    return abvegaoffset()


def _coordinates(pairs):
    from astropy.coordinates import SkyCoord

    return SkyCoord(*pairs.T, unit="deg")


def _compare(ours, theirs) -> None:
    """Compare all official columns: fluxes to 1e-5, where 0.5% are asked for."""
    for name in theirs.colnames:
        column = theirs[name]
        if hasattr(column, "ra"):
            column = np.stack((column.ra.deg, column.dec.deg), axis=-1)
        column = np.asarray(getattr(column, "value", column))
        if np.isnan(column.astype(float)).all():  # star finders know no shapes
            assert np.isnan(ours[name]).all(), name
        elif name in EXACT:
            np.testing.assert_array_equal(ours[name], column, err_msg=name)
        elif name.startswith("sky_") and column.ndim == 2:
            np.testing.assert_allclose(ours[name], column, rtol=0, atol=1e-9, err_msg=name)
        else:
            kept = np.isfinite(column)
            np.testing.assert_array_equal(np.isfinite(ours[name]), kept, err_msg=name)
            scale = dict(rtol=0, atol=LOOSE[name]) if name in LOOSE else dict(rtol=1e-5, atol=1e-12)
            np.testing.assert_allclose(ours[name][kept], column[kept], err_msg=name, **scale)


@pytest.mark.parametrize("method", ["correct", "mask", "none"])
@pytest.mark.parametrize("kron_params", [None, [2.5, 1.4], [2.0, 0.5, 6.0]])
def test_kron_as_photutils(image, method, kron_params):
    from photutils.segmentation import SegmentationImage, SourceCatalog

    from jwgpu.numerics import smooth
    from jwgpu.steps.source_catalog import finding

    parameters = dict(apermask_method=method, kron_params=kron_params)
    ours = steps.source_catalog(image, apcorr(), **parameters)
    hidden = image.dq != 0
    above, _ = finding.background(image.data, hidden, 1000)
    theirs = SourceCatalog(
        above, SegmentationImage(ours.segmentation), error=image.err, mask=hidden, aperture_mask_method=method,
        convolved_data=smooth.gaussian(above, 2.0 / smooth.FWHM), kron_params=kron_params or (2.5, 1.4, 0.0),
    )  # fmt: skip
    jansky = 1e6 * image.meta.photometry.pixelarea_steradians
    np.testing.assert_allclose(ours["kron_radius"], theirs.kron_radius.value, rtol=1e-6)
    np.testing.assert_allclose(ours["kron_flux"] / jansky, theirs.kron_flux, rtol=1e-6)
    np.testing.assert_allclose(ours["kron_flux_err"] / jansky, theirs.kron_flux_err, rtol=1e-6)


def test_official_products_open_and_ours_are_official(image, references, crds_cache, tmp_path):
    from stdatamodels.jwst import datamodels

    import jwgpu as jw

    paths, _ = references
    theirs, segmentation = official(image, paths, tmp_path, keep=True)
    opened = jw.open(tmp_path / "mosaic_cat.ecsv")
    assert len(opened) == len(theirs)
    np.testing.assert_array_equal(opened.segmentation, segmentation)
    ours = steps.source_catalog(image, apcorr(), _offset())
    assert set(theirs.colnames) <= set(ours.table.dtype.names)
    for name in theirs.colnames:
        assert opened.columns[name].unit == ours.columns[name].unit, name
        assert opened.columns[name].format == ours.columns[name].format, name
    jw.save(ours, tmp_path / "ours_cat.ecsv")
    with datamodels.open(tmp_path / "ours_segm.fits") as model:
        assert isinstance(model, datamodels.SegmentationMapModel)
        np.testing.assert_array_equal(model.data, ours.segmentation)
        x, y = ours["xcentroid"], ours["ycentroid"]
        np.testing.assert_allclose(np.stack(model.meta.wcs(x, y), axis=-1), ours["sky_centroid"], rtol=0, atol=1e-10)
