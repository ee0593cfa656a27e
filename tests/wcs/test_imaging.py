"""The gwcs of an image: where the telescope points, the aberration, subarrays, filters."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import bind_bounding_box
from astropy.modeling import models as m

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.wcs import WCS
from jwgpu.wcs.imaging import imaging

SHAPE = (50, 60)
V2, V3 = 120.0, -500.0
PIXEL = 0.03  # arcsec


def header(**changes):
    values = {"ra_ref": 10.0, "dec_ref": -30.0, "roll_ref": 40.0, "v2_ref": V2, "v3_ref": V3} | changes
    return Meta({f"wcsinfo.{name}": value for name, value in values.items()})


def distortion():
    """Pixel (25, 20) of the full frame is at the reference point; y is along V3, x against V2."""
    return (
        (m.Shift(-25.0) & m.Shift(-20.0))
        | m.AffineTransformation2D([[-PIXEL, 0], [0, PIXEL]])
        | (m.Shift(V2) & m.Shift(V3))
    )


def moved(wcs, x, y, dec=-30.0, ra=10.0):
    """Where a pixel is in the tangent plane at the reference position, arcsec to the east and to the north."""
    found = np.radians(wcs(float(x), float(y), with_bounding_box=False))
    away, dec = found[0] - np.radians(ra), np.radians(dec)
    below = np.sin(found[1]) * np.sin(dec) + np.cos(found[1]) * np.cos(dec) * np.cos(away)
    east = np.cos(found[1]) * np.sin(away) / below
    north = (np.sin(found[1]) * np.cos(dec) - np.cos(found[1]) * np.sin(dec) * np.cos(away)) / below
    return np.degrees(east) * 3600, np.degrees(north) * 3600


def turned(east, north, expected):
    """By how much a position angle differs from the expected one, degrees."""
    return (np.degrees(np.arctan2(east, north)) - expected + 180) % 360 - 180


@pytest.mark.parametrize("ra", [0.0, 10.0, 359.99])
@pytest.mark.parametrize("dec", [-89.0, 0.0, 60.0])
@pytest.mark.parametrize("roll", [0.0, 40.0, 230.0])
def test_the_reference_point_is_where_the_header_says(ra, dec, roll):
    wcs = WCS(imaging(header(ra_ref=ra, dec_ref=dec, roll_ref=roll), SHAPE, distortion()))
    assert moved(wcs, 25, 20, dec, ra) == pytest.approx((0, 0), abs=1e-9)
    # V3 is at position angle `roll`, measured from north to east.
    east, north = moved(wcs, 25, 30, dec, ra)
    assert turned(east, north, roll) == pytest.approx(0, abs=1e-4)
    assert np.hypot(east, north) == pytest.approx(10 * PIXEL, rel=1e-6)
    # V2 is a quarter turn further to the east; x runs against it.
    east, north = moved(wcs, 15, 20, dec, ra)
    assert turned(east, north, roll + 90) == pytest.approx(0, abs=1e-4)


def test_a_subarray_is_a_shift():
    full = WCS(imaging(header(), SHAPE, distortion()))
    meta = header().set({"subarray.xstart": 11, "subarray.ystart": 6})
    part = WCS(imaging(meta, (8, 9), distortion()))
    assert part(2.0, 3.0) == pytest.approx(full(12.0, 8.0), abs=1e-13)
    assert full.bounding_box == ((-0.5, 59.5), (-0.5, 49.5))
    assert part.bounding_box == ((-0.5, 8.5), (-0.5, 7.5))
    assert np.isnan(part(9.0, 3.0)).all()


def test_a_filter_is_a_shift():
    plain, filtered = (WCS(imaging(header(), SHAPE, distortion(), offset)) for offset in (None, (0.5, -1.5)))
    assert filtered(12.0, 8.0) == pytest.approx(plain(12.5, 6.5), abs=1e-13)
    assert filtered.bounding_box == plain.bounding_box


def test_the_box_of_the_reference_is_kept():
    model = distortion()
    bind_bounding_box(model, ((3.5, 55.5), (-0.5, 49.5)), order="F")
    assert WCS(imaging(header(), SHAPE, model)).bounding_box == ((3.5, 55.5), (-0.5, 49.5))
    assert WCS(imaging(header(), SHAPE, model, (1.0, 2.0))).bounding_box == ((3.5, 55.5), (-0.5, 49.5))
    part = header().set({"subarray.xstart": 11})
    assert WCS(imaging(part, (8, 9), model)).bounding_box == ((-0.5, 8.5), (-0.5, 7.5))


def test_the_reference_stays_as_it_is():
    model = distortion()
    imaging(header(), SHAPE, model, (1.0, 2.0))
    with pytest.raises(NotImplementedError):
        _ = model.bounding_box


@pytest.mark.parametrize("scale", [0.9999, 1.0001])
def test_aberration_scales_about_the_reference_point(scale):
    plain = WCS(imaging(header(), SHAPE, distortion()))
    scaled = WCS(imaging(header().set({"velocity_aberration.scale_factor": scale}), SHAPE, distortion()))
    assert moved(scaled, 25, 20) == pytest.approx((0, 0), abs=1e-9)
    ratio = np.hypot(*moved(scaled, 45, 45)) / np.hypot(*moved(plain, 45, 45))
    assert ratio == pytest.approx(scale, rel=1e-7)
    back = scaled.invert(*scaled(45.0, 45.0))
    assert back == pytest.approx((45, 45), abs=1e-8)


def test_bad_headers():
    with pytest.raises(InputError, match="v2_ref"):
        imaging(Meta({"filename": "a.fits"}), SHAPE, distortion())
    with pytest.raises(InputError, match="VA_SCALE = 0"):
        imaging(header().set({"velocity_aberration.scale_factor": 0.0}), SHAPE, distortion())
