"""References of catalogues of simulated stars: the apertures hold what they say."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.numerics import apertures as circles
from jwgpu.simulate import apertures, files


@pytest.mark.parametrize("fwhm", [1.5, 2.1, 3.0])
def test_circles_hold_their_share_of_light(fwhm):
    made = simulate.dithers(
        1, size=300, n_stars=20, n_galaxies=0, separation=0.9, fwhm=fwhm, noise=False, cosmic_rays=0.0, bad_pixels=0.0,
        background=0.0,
    )  # fmt: skip
    image, (x, y) = made[0], made.truth.positions(0)
    inside = (np.abs(x - 149.5) < 100) & (np.abs(y - 149.5) < 100)
    area = 1e6 * image.meta.photometry.pixelarea_steradians * image.area
    for radius in (1.5, 2.5, 4.0):
        circle = circles.Ellipses.circles(x[inside], y[inside], radius)
        light, _ = circles.photometry(image.data * area, image.err, circle)
        share = light / made.truth.catalogue["flux"][inside]
        assert np.mean(share) == pytest.approx(float(apertures.encircled(radius, fwhm, 2)), abs=0.01)


@pytest.mark.parametrize("instrument", ["NIRCAM", "NIRISS", "MIRI", "FGS"])
def test_the_references_suit_the_images(instrument, tmp_path):
    made = simulate.dithers(1, instrument, size=128)
    image, references = made[0], made.references
    catalog = steps.source_catalog(image, references.apcorr, references.abvegaoffset)
    assert catalog.history[-1].status == "COMPLETE"
    np.testing.assert_allclose(catalog["aper50_vegamag"], catalog["aper50_abmag"] - apertures.VEGA)
    raw = made.raw(0, n_groups=3)
    files.write(raw, tmp_path)
    found = jw.references(image, folder=tmp_path / "references")
    for kind in ("apcorr", "abvegaoffset"):
        given, read = (r.get(kind) for r in (references, found))
        for name, table in given.arrays.items():
            for column in table.dtype.names:
                np.testing.assert_array_equal(read.arrays[name][column], table[column])
