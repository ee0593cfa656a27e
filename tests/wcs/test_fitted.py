"""Polynomials stand in for the transform of a whole image only where they are as good."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import simulate
from jwgpu.simulate.distortion import model
from jwgpu.simulate.instruments import detector
from jwgpu.wcs import WCS
from jwgpu.wcs.imaging import imaging

SHAPE = (2048, 2048)
FIELDS = {"usual": (53.1, -27.8), "0 hours": (0.005, 12.0), "high": (210.0, 80.0)}


def wcs_at(ra, dec, roll=31.0):
    """Return the WCS of a simulated NIRCam full frame that points somewhere."""
    meta = simulate.tiny("nircam").ramp.meta
    meta = meta.set({"wcsinfo.ra_ref": ra, "wcsinfo.dec_ref": dec, "wcsinfo.roll_ref": roll})
    return WCS(imaging(meta, SHAPE, model(detector("NIRCAM", "NRCB1"), SHAPE), (0.04, -0.15)))


def frame(step=9):
    """Return pixels all over the frame, more than the few for which nothing is fitted."""
    y, x = np.mgrid[-0.5:2047.5:step, -0.5:2047.5:step]
    return x, y


@pytest.mark.parametrize("field", FIELDS)
def test_it_is_the_transform(field, device):
    wcs = wcs_at(*FIELDS[field])
    x, y = frame()
    assert None not in wcs._planes
    ra, dec = (device.host(c) for c in wcs(device.array(x), device.array(y)))
    exact = wcs.forward(x, y)
    assert np.abs((ra - exact[0] + 180) % 360 - 180).max() < 3e-12 and np.abs(dec - exact[1]).max() < 3e-12
    assert (ra >= 0).all() and (ra < 360).all()
    back = [device.host(c) for c in wcs.invert(device.array(ra), device.array(dec))]
    for found, expected in zip(back, wcs.backward(ra, dec)):
        inside = np.isfinite(found)
        assert inside.mean() > 0.99  # the inverse polynomials lead some pixels of the border out of the box
        np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=3e-8)


def test_what_lies_beyond_is_nowhere():
    wcs = wcs_at(*FIELDS["usual"])
    x, y = frame()
    x, y = x + 1000, y - 700
    ra, dec = wcs(x, y)
    inside = (x <= 2047.5) & (y >= -0.5)
    assert (np.isfinite(ra) == inside).all() and (np.isfinite(dec) == inside).all()
    far = wcs.forward(x, y)
    found = wcs.invert(*far)
    clear = (x < 2046) & (y > 1)
    assert np.isfinite(found[0][clear]).all() and np.isnan(found[0][(x > 2049) | (y < -2)]).all()
    half_a_turn = wcs.invert(far[0] + 180, -far[1])
    assert np.isnan(half_a_turn[0]).all()


def test_there_is_none_at_a_pole():
    wcs = wcs_at(40.0, 89.999)
    x, y = frame()
    assert wcs._planes == (None, None)
    np.testing.assert_array_equal(wcs(x, y)[1], wcs.forward(x, y)[1])


def test_few_points_are_worth_no_fit(monkeypatch):
    wcs = wcs_at(*FIELDS["usual"])
    wcs(5.0, 6.0)
    wcs.invert(*wcs(np.arange(100.0), np.arange(100.0)))
    assert "_planes" not in vars(wcs)
