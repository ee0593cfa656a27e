"""Transforms of real exposures, compiled, against gwcs itself."""

from __future__ import annotations

import warnings

import asdf
import numpy as np
import pytest

from jwgpu.wcs import WCS

IMAGES = ["miriwcs.asdf", "nircamwcs.asdf", "nrcb1-wcs.asdf", "nrcb5-wcs.asdf", "mosaic_long_i2d_gwcs.asdf"]


def read(path) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older versions of the standard
        with asdf.open(path, lazy_load=False, memmap=False) as file:
            return WCS(file.tree["wcs"])


def check(wcs: WCS) -> None:
    """1e-10 degree and 1e-6 pixel, at pixels all over the box."""
    box = np.array(wcs.bounding_box)
    pixels = np.random.default_rng(3).uniform(box[:, :1], box[:, 1:], (len(box), 1000))
    world = wcs.gwcs(*pixels)
    for a, b in zip(wcs(*pixels), world):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    for a, b in zip(wcs.invert(*world, with_bounding_box=False), wcs.gwcs.invert(*world, with_bounding_box=False)):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert wcs.fallbacks == ()


@pytest.mark.parametrize("name", [*IMAGES, "miri_lrs_wcs.asdf"])
def test_transforms_of_several_modes(real_data, name):
    check(read(real_data / "gwcs-asdf" / name))


def test_thirty_six_flight_exposures(real_data):
    paths = sorted((real_data / "ceers-gwcs").glob("*_tweakreg.asdf"))
    assert len(paths) == 36
    for path in paths:
        check(read(path))


def test_a_mosaic(real_data):
    from jwgpu.io import asdftree, fitsfile

    path = next((real_data / "miri-orion-sub128-i2d").glob("*_i2d.fits"))
    with fitsfile.opened(path) as hdus:
        _, wcs = asdftree.read_tree(fitsfile.named(hdus, "ASDF"), path.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(wcs)


def test_the_miri_reference_of_flight_agrees_with_siaf(real_data):
    pytest.importorskip("pysiaf")
    from jwgpu.data import Meta
    from jwgpu.wcs import compile, siaf

    with asdf.open(real_data / "miri-refs-miricoord-flt9" / "jwst_miri_imager_distortion_flt9.asdf") as file:
        flight = compile(file["model"])
    ours, _ = siaf.distortion(Meta({"instrument.name": "MIRI", "instrument.detector": "MIRIMAGE"}))
    x, y = np.random.default_rng(4).uniform(360, 1000, (2, 500))
    for a, b in zip(flight(x, y), compile(ours)(x, y)):
        assert np.abs(a - b).max() < 1e-5  # arcsec
