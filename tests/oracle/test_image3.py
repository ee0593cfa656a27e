"""Stage 3 of images end to end: `jwgpu run` and the official pipeline on the same dithers and the same CRDS cache.

Where the two differ, and why that is all right:

* Coordinates after alignment agree to 1e-4 pixel: sources are measured alike but for rounding. Levels of the sky agree
  to 2e-6 of the noise of a pixel.
* Outliers are the same.
* Mosaics lie on the same grid, with the same outline; values, errors and weights agree to 1e-4 where the weight is
  above 1% of its median.
* Catalogues have the same sources; positions agree to 2 mas, fluxes to 0.5%.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import official
import pytest
from commandline import command

import jwgpu as jw
from jwgpu import associations, simulate
from jwgpu.data import PIXEL
from jwgpu.wcs.mosaic import regions

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

ARCSEC = 3600.0
PIXEL_OFF, RELATIVE = 1e-4, 1e-4
OUTLINE = 1e-8
"""Degrees. Outlines of exposures have nine digits: where two cross at a small angle, the last one counts for more."""

CASES = {
    "NIRCam": dict(size=240, n_stars=60, n_galaxies=4, seed=5, separation=0.4, snr=60.0),
    "MIRI": dict(instrument="MIRI", size=200, n_stars=40, n_galaxies=2, seed=2, separation=1.0, snr=60.0),
}


@dataclasses.dataclass(frozen=True)
class Pair:
    """What both made of one association."""

    ours: Path
    theirs: Path

    def open(self, name):
        """Return a product of both, ours first."""
        return [jw.open(folder / name, device="cpu") for folder in (self.ours, self.theirs)]

    def product(self, ending):
        """Return the name of a product of the association."""
        (path,) = self.theirs.glob(f"*_{ending}")
        return path.name


@pytest.fixture(scope="module", params=CASES)
def pair(request, tmp_path_factory) -> Pair:
    """Run both on four dithers."""
    folder = tmp_path_factory.mktemp("image3")
    made = simulate.dithers(4, **CASES[request.param])
    written = simulate.write(made.raw(0), folder / "raw")
    made.write(folder / "cal")
    (asn,) = associations.associate(folder / "cal")
    path = asn.write(folder / "cal")
    with official.crds_settings(written.environment):
        official.image3(path, folder / "theirs")
        command("run", path, "--out", folder / "ours")
    return Pair(folder / "ours", folder / "theirs")


def names(pair):
    return sorted(path.name for path in pair.theirs.glob("*_crf.fits"))


def away(a, b):
    """Return by how many pixels of `b` two images differ in where pixels lie on the sky, at most."""
    x, y = np.random.default_rng(1).uniform(0, min(a.shape) - 2, (2, 50))
    (ra, dec), there = a.wcs(x, y), b.wcs(x, y)
    off = np.hypot((ra - there[0]) * np.cos(np.radians(dec)), dec - there[1])
    right = b.wcs(x + 1, y)
    return (off / np.hypot((right[0] - there[0]) * np.cos(np.radians(dec)), right[1] - there[1])).max()


def test_the_same_files(pair):
    ours, theirs = ({path.name for path in folder.iterdir()} for folder in (pair.ours, pair.theirs))
    assert theirs <= ours
    assert {name.rpartition("_")[2] for name in ours - theirs} <= {"tweakreg.fits"}


def test_aligned_alike(pair):
    """The same corrections, levels and steps."""
    for name in names(pair):
        a, b = pair.open(name)
        assert away(a, b) < PIXEL_OFF, name
        for step in ("tweakreg", "skymatch", "outlier_detection"):
            assert a.meta.get(f"cal_step.{step}") == b.meta.get(f"cal_step.{step}") == "COMPLETE", step
        noise = float(np.nanmedian(b.err))
        assert a.meta.background.level == pytest.approx(b.meta.background.level, abs=2e-6 * noise)
        assert a.meta.background.subtracted == b.meta.background.subtracted


def test_the_same_outliers(pair):
    for name in names(pair):
        a, b = pair.open(name)
        flags = [(image.dq & PIXEL.OUTLIER) != 0 for image in (a, b)]
        print(f"{name}: {flags[0].sum()} and {flags[1].sum()} outliers, {(flags[0] != flags[1]).sum()} differ")
        assert flags[1].any()
        assert (flags[0] == flags[1]).mean() > 0.999
        same = a.dq == b.dq
        np.testing.assert_array_equal(a.data[same], b.data[same])


def test_the_same_mosaic(pair):
    a, b = pair.open(pair.product("i2d.fits"))
    assert a.shape == b.shape
    assert away(a, b) < PIXEL_OFF
    found, expected = (np.concatenate(regions(image.meta.wcsinfo.s_region)) for image in (a, b))
    first = np.hypot(*(found - expected[0]).T).argmin()
    np.testing.assert_allclose(np.roll(found, -first, axis=0), expected, rtol=0, atol=OUTLINE)
    np.testing.assert_array_equal(np.isnan(a.data), np.isnan(b.data))
    np.testing.assert_array_equal(a.con, b.con)
    good = b.wht > 0.01 * np.median(b.wht)
    for name in ("data", "wht", "err", "var_poisson", "var_rnoise"):
        ours, theirs = getattr(a, name)[good], getattr(b, name)[good]
        off = np.abs(ours / theirs - 1)
        print(f"{name}: {np.nanpercentile(off, [50, 99, 99.9, 100])}")
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), name)
        assert np.nanmax(off) < RELATIVE, name
    assert a.meta.exposure.exposure_time == pytest.approx(b.meta.exposure.exposure_time)
    assert a.meta.resample.pointings == b.meta.resample.pointings == 4


def test_the_same_catalogue(pair):
    name = pair.product("cat.ecsv")
    a, b = (jw.open(folder / name) for folder in (pair.ours, pair.theirs))
    assert len(a) == len(b) > 20
    (ra, dec), (there, up) = a["sky_centroid"].T, b["sky_centroid"].T
    off = np.hypot((ra - there) * np.cos(np.radians(dec)), dec - up) * ARCSEC
    print(f"{len(a)} sources, worst {1000 * off.max():.2g} mas")
    assert off.max() < 0.002
    for name in ("aper30_flux", "aper50_flux", "aper70_flux", "aper_total_flux", "isophotal_flux"):
        ours, theirs = a[name], b[name]
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs), name)
        assert np.nanmax(np.abs(ours / theirs - 1)) < 5e-3, name
