"""The WCS of an image: there and back, the box of valid pixels, inverses that have to be searched for."""

from __future__ import annotations

import pickle

import gwcs
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import ICRS
from astropy.modeling import bind_bounding_box
from astropy.modeling import models as m
from gwcs.coordinate_frames import CelestialFrame, Frame2D

from jwgpu.wcs import WCS, newton


def make(ra=10.0, dec=20.0, degrees_per_pixel=1e-5, inverse=True, bounding_box=((-0.5, 99.5), (-0.5, 49.5))):
    """A tangent plane with a little distortion about (ra, dec) at pixel (40, 20)."""
    shift = m.Shift(-40.0) & m.Shift(-20.0)
    bend = m.Polynomial2D(2, c1_0=1.0, c2_0=1e-5) & m.Polynomial2D(2, c0_1=1.0, c1_1=1e-5)
    straight = m.Scale(-degrees_per_pixel) & m.Scale(degrees_per_pixel)
    sky = m.Pix2Sky_TAN() | m.RotateNative2Celestial(ra, dec, 180.0)
    forward = shift | (m.Mapping((0, 1, 0, 1)) | bend if not inverse else m.Identity(2)) | straight | sky
    if bounding_box:
        bind_bounding_box(forward, bounding_box, order="F")
    frames = Frame2D(name="detector", unit=(units.pix, units.pix)), CelestialFrame(name="world", reference_frame=ICRS())
    return gwcs.WCS([(frames[0], forward), (frames[1], None)])


def test_there_and_back(device):
    wcs = WCS(make())
    x, y = np.random.default_rng(1).uniform(0, 49, (2, 100))
    world = wcs(device.array(x), device.array(y))
    for a, b in zip(world, make()(x, y)):
        np.testing.assert_allclose(device.host(a), b, atol=1e-12)
    for a, b in zip(wcs.invert(*world), (x, y)):
        np.testing.assert_allclose(device.host(a), b, atol=1e-8)
    assert wcs.fallbacks == ()


def test_outside_of_the_box_is_nowhere(device):
    wcs = WCS(make())
    assert wcs.bounding_box == ((-0.5, 99.5), (-0.5, 49.5))
    x, y = np.array([-0.5, -0.6, 99.5, 99.6, 5.0, 5.0]), np.array([0.0, 0.0, 0.0, 0.0, 49.5, 50.0])
    inside = np.array([True, False, True, False, True, False])
    ra, dec = wcs(device.array(x), device.array(y))
    np.testing.assert_array_equal(np.isfinite(device.host(ra)), inside)
    np.testing.assert_array_equal(np.isfinite(device.host(dec)), inside)
    everywhere = wcs(device.array(x), device.array(y), with_bounding_box=False)
    assert np.isfinite(device.host(everywhere[0])).all()
    back = device.host(wcs.invert(*everywhere)[0])
    np.testing.assert_array_equal(np.isfinite(back)[[1, 3, 5]], False)
    assert np.isfinite(device.host(wcs.invert(*everywhere, with_bounding_box=False)[0])).all()


def test_numbers_stay_numbers():
    wcs = WCS(make())
    ra, dec = wcs(40, 20)
    assert (type(ra), type(dec)) == (float, float)
    assert (ra, dec) == pytest.approx((10.0, 20.0), abs=1e-12)
    assert wcs.invert(ra, dec) == pytest.approx((40.0, 20.0), abs=1e-8)
    assert all(np.isnan(wcs(-3, 20)))


def test_without_a_box_every_pixel_is_valid():
    wcs = WCS(make(bounding_box=None))
    assert wcs.bounding_box is None
    assert np.isfinite(wcs(-1e4, 1e4)).all()


@pytest.mark.parametrize("dec", [0.0, 89.9999, -89.9999])
@pytest.mark.parametrize("ra", [0.0, 180.0, 359.9999])
def test_a_missing_inverse_is_found(ra, dec, device):
    """Also across 0 = 360 degrees and about the poles."""
    wcs = WCS(make(ra, dec, inverse=False))
    assert wcs.backward is None
    x, y = np.random.default_rng(2).uniform(0, 49, (2, 40))
    world = wcs(device.array(x), device.array(y))
    found = wcs.invert(*world)
    # At the pole a right ascension of 16 digits is itself worth some 1e-8 pixel.
    for a, b in zip(found, (x, y)):
        np.testing.assert_allclose(device.host(a), b, atol=1e-6)


def test_what_has_no_pixel_is_nowhere():
    wcs = WCS(make(inverse=False))
    assert np.isnan(wcs.invert(190.0, -20.0)).all()
    x, _ = newton.invert(wcs.forward, np.array([np.nan, 10.0]), np.array([20.0, 20.0]), (0.0, 0.0))
    assert np.isnan(x[0])
    assert x[1] == pytest.approx(40.0, abs=1e-8)


def test_no_way_back():
    with pytest.raises(NotImplementedError, match="no inverse"):
        WCS(make(inverse=False, bounding_box=None)).invert(10.0, 20.0)


def test_from_frame_to_frame():
    wcs = WCS(make())
    assert wcs.frames == ("detector", "world")
    assert wcs.between("detector", "world")(40.0, 20.0) == pytest.approx((10.0, 20.0))
    assert wcs.between("world", "detector")(10.0, 20.0) == pytest.approx((40.0, 20.0))
    assert repr(wcs) == "<WCS detector -> world>"


def test_footprint():
    corners = WCS(make()).footprint()
    expected = make()([-0.5, -0.5, 99.5, 99.5], [-0.5, 49.5, 49.5, -0.5])
    np.testing.assert_allclose(corners.T, expected, atol=1e-12)


def test_made_when_asked_for():
    made = []

    def maker():
        made.append(1)
        return make()

    wcs = WCS(maker)
    assert made == []
    wcs(1.0, 2.0)
    wcs.invert(10.0, 20.0)
    assert made == [1]


def test_it_travels():
    """To another process, as bulk processing needs."""
    copy = pickle.loads(pickle.dumps(WCS(make)))
    assert copy(40.0, 20.0) == pytest.approx((10.0, 20.0))
