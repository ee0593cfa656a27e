"""Mosaics and their catalogues against the truth: fluxes of isolated stars, and how large their errors are."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.numerics import apertures as circles
from jwgpu.steps.source_catalog import calibration

ENERGY = (30, 50, 70)


class Stars:
    """Isolated stars in a mosaic of four dithers, as catalogued, and as they are in the same mosaic without noise."""

    def __init__(self, made, quiet, ratio: float):
        self.ratio = ratio
        noisy, still = (steps.resample(jw.Exposures.of(s.images), pixel_scale_ratio=ratio) for s in (made, quiet))
        refs = made.references_at(ratio)
        catalogs = [steps.source_catalog(noisy, refs.apcorr, correlated_noise=kind) for kind in ("measured", "none")]
        truth = made.truth.catalogue
        x, y = noisy.wcs.invert(truth["ra"], truth["dec"], with_bounding_box=False)
        away = np.hypot(x[:, None] - catalogs[0]["xcentroid"], y[:, None] - catalogs[0]["ycentroid"])
        row, whole = away.argmin(axis=1), np.isfinite(catalogs[0]["aper_total_flux"])  # not where the mosaic ends
        chosen = (truth["nearest"] > 0.55) & (away.min(axis=1) < 1 / ratio) & whole[row]
        row, self.flux = row[chosen], truth["flux"][chosen]
        self.catalogs = [catalog.table[row] for catalog in catalogs]
        self.where = calibration.apertures(still, refs.apcorr, ENERGY)
        self.true = [self.light(still, x[chosen], y[chosen], k) for k in range(3)]
        places = (self.catalogs[0][name] for name in ("xcentroid", "ycentroid"))
        self.quiet = [self.light(still, *p, k) for p in [tuple(places)] for k in range(3)]
        self.mosaic = noisy

    def light(self, mosaic, x, y, k: int) -> np.ndarray:
        """Return the light in circles, Jy."""
        circle = circles.Ellipses.circles(x, y, self.where.radius[k])
        level = circles.annulus(mosaic.data, x, y, self.where.inner, self.where.outer)[0]
        light = circles.photometry(mosaic.data, mosaic.err, circle)[0] - level * circle.area
        return light * 1e6 * mosaic.meta.photometry.pixelarea_steradians


@pytest.fixture(scope="module")
def sets():
    options = dict(size=512, n_stars=420, n_galaxies=0, separation=0.5, snr=12.0, cosmic_rays=0.0, bad_pixels=0.0,
                   pointing_error=0.0, roll_error=0.0, seed=3)  # fmt: skip
    return [simulate.dithers(4, noise=noise, **options) for noise in (True, False)]


@pytest.fixture(scope="module", params=[1.0, 0.5])
def stars(request, sets) -> Stars:
    return Stars(*sets, request.param)


def test_errors_of_fluxes_are_what_fluxes_scatter(stars):
    """Corrected for correlated noise, pulls have unit width within 10%; as they are, errors are too large or right."""
    for k, energy in enumerate(ENERGY):
        fluxes, errors = ([c[f"aper{energy}_flux{end}"] for c in stars.catalogs] for end in ("", "_err"))
        width, naive = (np.std((flux - stars.quiet[k]) / error) for flux, error in zip(fluxes, errors))
        print(f"scale {stars.ratio}, {energy}%, {len(fluxes[0])} stars: pulls {width:.3f}, uncorrected {naive:.3f}")
        assert len(fluxes[0]) > 140
        assert width == pytest.approx(1, abs=0.1)
        assert naive < 1.1


def test_fluxes_are_those_of_the_stars(stars):
    """Within 1%, on any scale; how a star falls on the pixels of the dithers scatters the light of each."""
    for k, energy in enumerate(ENERGY):
        share = stars.true[k] * stars.where.correction[k] / stars.flux
        print(f"scale {stars.ratio}, {energy}%: {np.mean(share):.4f} +- {np.std(share):.4f}")
        assert np.mean(share) == pytest.approx(1, abs=0.01)
