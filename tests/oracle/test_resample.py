"""resample against that of jwst 3.0.0: the same grid, values, weights, variances, context and header."""

from __future__ import annotations

import warnings

import asdf
import numpy as np
import pytest
from astropy.io import fits
from official import crds_settings

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.wcs.mosaic import regions

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SIZE = 200
CASES = {
    "defaults": {},
    "small drops": {"pixfrac": 0.6, "pixel_scale_ratio": 0.7},
    "turned": {"rotation": 20.0, "pixel_scale": 0.04, "weight_type": "exptime"},
    "placed": {"crval": [53.1624, -27.7914], "crpix": [120.0, 90.0], "output_shape": [210, 190], "fillval": "-1.5"},
    "gaussian": {"kernel": "gaussian"},
    "point": {"kernel": "point", "propagate_dq": True},
    "turbo": {"kernel": "turbo", "pixfrac": 0.8},
    "lanczos2": {"kernel": "lanczos2"},
    "lanczos3": {"kernel": "lanczos3", "pixel_scale_ratio": 0.8},
    "given": {},
}


COMMON = (
    "exposure.exposure_time exposure.measurement_time exposure.duration exposure.start_time exposure.end_time "
    "exposure.effective_exposure_time exposure.mid_time exposure.elapsed_exposure_time observation.date_beg "
    "observation.date_end instrument.detector instrument.filter resample.pixfrac resample.kernel resample.pointings "
    "resample.weight_type resample.pixel_scale_ratio photometry.pixelarea_steradians photometry.pixelarea_arcsecsq"
).split()


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Four dithers of NIRCam with noise, flags and a level to take off, in memory and in files."""
    folder = tmp_path_factory.mktemp("resample")
    made = []
    for k, image in enumerate(simulate.dithers(4, size=SIZE, seed=3)):
        meta = image.meta.set({"background.level": 0.1 * k, "background.subtracted": k % 2 == 1,
                               "background.method": "match"})  # fmt: skip
        flat = np.random.default_rng(k).uniform(0, 1e-5, image.shape).astype(np.float32)
        flat[np.isnan(image.data)] = np.nan
        made.append(image.replace(meta=meta, var_flat=flat))
    return jw.Exposures.of(made, product_name="mosaic"), [jw.save(m, folder / m.name) for m in made], folder


@pytest.fixture(scope="module", params=CASES)
def both(request, exposures, _empty_crds):
    from jwst.datamodels import ModelLibrary
    from jwst.resample import ResampleStep

    images, paths, folder = exposures
    ours, theirs = dict(CASES[request.param]), dict(CASES[request.param])
    if request.param == "given":
        grid = jw.common_grid(images, rotation=-35.0, pixel_scale=0.035)
        asdf.AsdfFile({"wcs": grid.gwcs, "pixel_scale": 0.035}).write_to(folder / "grid.asdf")
        ours["output_wcs"] = theirs["output_wcs"] = str(folder / "grid.asdf")
    with crds_settings(_empty_crds), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        library = ModelLibrary([str(path) for path in paths])
        theirs = ResampleStep.call(library, **theirs)
    return request.param, steps.resample(images, **ours), theirs


def well_covered(name, theirs):
    """Return the pixels to compare: officially light is lost at the edge of a mosaic that cuts exposures."""
    good = theirs.wht > 0.01 * np.median(theirs.wht[theirs.wht > 0])
    if name == "placed":
        good[:3], good[-3:], good[:, :3], good[:, -3:] = False, False, False, False
    return good


def close(name, found, expected, rtol, atol=0.0):
    """Compare; the Lanczos function is read from a table of steps, where 1e-8 pixels decide between two entries."""
    if "lanczos" not in name:
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
        return
    away = abs(found - expected) - atol
    assert (away > rtol * abs(expected)).mean() < 0.005
    assert (away > 0.05 * abs(expected)).mean() < 1e-5


def test_same_grid(both):
    _, ours, theirs = both
    assert ours.data.shape == theirs.data.shape
    x, y = np.random.default_rng(0).uniform(0, SIZE, (2, 100))
    sky, expected = (w(x, y, with_bounding_box=False) for w in (ours.wcs, theirs.meta.wcs))
    np.testing.assert_allclose(sky, expected, atol=1e-10, rtol=0)


def test_same_values_and_weights(both):
    name, ours, theirs = both
    good = well_covered(name, theirs)
    close(name, ours.wht[good], theirs.wht[good], rtol=1e-4)
    scale = np.nanmedian(abs(theirs.data[good]))
    close(name, ours.data[good], theirs.data[good], rtol=1e-4, atol=1e-4 * scale)


def test_same_errors(both):
    name, ours, theirs = both
    good = well_covered(name, theirs)
    for label in ("var_rnoise", "var_poisson", "var_flat", "err"):
        found, expected = getattr(ours, label)[good], getattr(theirs, label)[good]
        known = np.isfinite(expected)
        assert (np.isfinite(found) == known).all(), label
        close(name, found[known], expected[known], rtol=2e-4)


def test_same_context(both):
    """The same exposures in every pixel, but where officially edges are lost, or rounding leaves a bit."""
    name, ours, theirs = both
    different = ours.con[0] != theirs.con[0]
    lost = ours.wht > theirs.wht * (1 + 1e-4)
    rounding = abs(ours.wht - theirs.wht) <= 1e-5 * ours.wht
    assert not (different & ~lost & ~rounding).any()
    assert different.mean() < 0.01
    assert not (different & well_covered(name, theirs) & ~lost).sum() > 0.001 * different.size


def test_same_filling(both):
    _, ours, theirs = both
    empty = (theirs.wht == 0) & (ours.wht == 0)
    np.testing.assert_array_equal(ours.data[empty], theirs.data[empty])


def test_same_header(both):
    _, ours, theirs = both
    flat = theirs.to_flat_dict(include_arrays=False)
    wanted = [f"meta.{path}" for path in COMMON]
    wanted += [p for p in flat if p.startswith("meta.wcsinfo.") and p not in ("meta.wcsinfo.s_region",)]
    for path in wanted:
        found, expected = ours.meta.get(path.removeprefix("meta.")), flat.get(path)
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=1e-5 if "ratio" in path else 1e-7, abs=1e-9), path
        else:
            assert found == expected, path
    assert ours.meta.get("background.level") is None
    for left in ("v2_ref", "ra_ref", "vparity", "a_order", "cd1_1"):
        assert ours.meta.get(f"wcsinfo.{left}") is None


def test_same_outline(both):
    """Vertex for vertex; where outlines of nine digits cross at a small angle, the last of them counts."""
    _, ours, theirs = both
    found, expected = (regions(m.meta.wcsinfo.s_region) for m in (ours, theirs))
    assert len(found) == len(expected) == 1
    first = np.hypot(*(found[0] - expected[0][0]).T).argmin()
    np.testing.assert_allclose(np.roll(found[0], -first, axis=0), expected[0], rtol=0, atol=1e-8)


def test_light_at_the_edge(exposures, _empty_crds, tmp_path):
    """Where a mosaic cuts exposures, ours has the light that the official one has on a larger grid, not where it cuts.

    The official drizzle leaves out pixels of an exposure whose centres fall beyond the edge.
    """
    from jwst.datamodels import ModelLibrary
    from jwst.resample import ResampleStep

    images, paths, _ = exposures
    place, size, more = {"crval": [53.1624, -27.7914]}, np.array([110, 90]), 3

    def of(around):
        middle = (size - 1) / 2 + around
        return {**place, "crpix": middle.tolist(), "output_shape": (size + 2 * around).tolist()}

    with crds_settings(_empty_crds), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        models = [ResampleStep.call(ModelLibrary([str(p) for p in paths]), **of(k)) for k in (0, more)]
        models[0].save(tmp_path / "official_i2d.fits")
    cut, whole = models[0].wht, models[1].wht[more:-more, more:-more]
    ours = steps.resample(images, output_wcs=str(tmp_path / "official_i2d.fits")).wht
    np.testing.assert_allclose(ours, whole, rtol=1e-4)
    lost = cut < 0.99 * whole
    assert lost.sum() > 50
    assert not lost[1:-1, 1:-1].any()


def test_rules_of_blending():
    """Metadata are combined as the official schema says; the table has its columns."""
    from jwst.model_blender._schemautil import parse_schema
    from stdatamodels.jwst import datamodels

    from jwgpu.data.blend import RULES

    columns, rules, _ = parse_schema(datamodels.ImageModel().schema)
    combined = {path.removeprefix("meta.") for path, rule in rules.items() if rule != "first"}
    assert set(RULES) == combined
    assert columns["meta.exposure.exposure_time"] == "EFFEXPTM"


def test_table_of_headers(exposures, tmp_path):
    images, _, _ = exposures
    path = jw.save(steps.resample(images), tmp_path / "mosaic_i2d.fits")
    from stdatamodels.jwst import datamodels

    table = fits.getdata(path, "HDRTAB")
    assert list(table["FILENAME"]) == [image.name for image in images]
    np.testing.assert_allclose(table["EFFEXPTM"], images[0].meta.get("exposure.exposure_time"))
    with datamodels.open(path) as model:
        assert model.meta.wcs(10.0, 20.0) == pytest.approx(jw.open(path).wcs(10.0, 20.0), abs=1e-12)
        assert model.con.shape[0] == 1
        assert fits.getheader(path, "SCI")["NOISESCL"] == pytest.approx(1.5, abs=0.1)
