"""The mosaic of a real exposure of MIRI opens and its sources are catalogued."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import steps

NAME = "miri-orion-sub128-i2d/jw01288015001_04101_00001_mirimage_i2d.fits"


@pytest.fixture
def mosaic(real_data):
    path = real_data / NAME
    if not path.is_file():
        pytest.skip(f"no {path}")
    return jw.open(path)


def test_a_catalogue_of_orion(mosaic, tmp_path):
    assert (mosaic.unit, mosaic.meta.instrument.filter) == ("MJy/sr", "F1130W")
    catalog = steps.source_catalog(mosaic, bkg_boxsize=30, npixels=8)
    assert 3 < len(catalog) < 30
    x, y = catalog["xcentroid"], catalog["ycentroid"]
    ra, dec = catalog["sky_centroid"].T
    np.testing.assert_allclose(mosaic.wcs.invert(ra, dec), (x, y), atol=1e-5)
    peaks = mosaic.data[np.rint(y).astype(int), np.rint(x).astype(int)]
    assert (peaks > np.nanmedian(mosaic.data)).all()
    assert (catalog["isophotal_flux"] > 0).all()
    back = jw.open(jw.save(catalog, out=tmp_path))
    assert len(back) == len(catalog)
    assert back.name == "jw01288015001_04101_00001_mirimage_cat.ecsv"


def test_the_nebula_is_everywhere(mosaic):
    """With the default of one box the background varies more than any source is bright, officially too."""
    catalog = steps.source_catalog(mosaic)
    assert len(catalog) == 0
    assert "a bkg_boxsize smaller than 1000 pixels follows it" in repr(catalog)
    assert len(steps.source_catalog(mosaic, bkg_boxsize=30)) == 5
