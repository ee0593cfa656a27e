"""Corrections in the tangent plane: as tweakwcs makes and reads them."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import simulate
from jwgpu.wcs import WCS, tangent

MATRIX, SHIFT = np.array([[1.0001, 2e-4], [-1e-4, 0.9998]]), np.array([0.3, -0.2])
X, Y = (grid.ravel() for grid in np.meshgrid(np.arange(0, 64, 9.0), np.arange(0, 64, 9.0)))


@pytest.fixture(params=["NIRCAM", "MIRI"])
def image(request):
    return simulate.dithers(1, request.param, size=64)[0]


def corrector(image, gwcs):
    from tweakwcs.correctors import JWSTWCSCorrector

    header = image.meta.wcsinfo
    return JWSTWCSCorrector(gwcs, {name: header.get(name) for name in ("v2_ref", "v3_ref", "roll_ref")})


def test_a_plane_and_back(image):
    plane = tangent.plane(image.wcs.gwcs, image.meta)
    v2, v3 = image.wcs.between("detector", "v2v3")(X, Y)
    x, y = plane.project(v2, v3)
    np.testing.assert_allclose(plane.lift(x, y), (v2, v3), atol=1e-9)
    assert plane.project(plane.v2, plane.v3) == pytest.approx(np.zeros(2), abs=1e-9)
    assert np.isnan(plane.project(plane.v2 + 180 * 3600, -plane.v3)).all()


def test_the_second_axis_points_north(image):
    plane = tangent.plane(image.wcs.gwcs, image.meta)
    onward = image.wcs.between("v2v3vacorr", "world")
    ra, dec = onward(*plane.lift(np.array([0.0, 0.0]), np.array([0.0, 1.0])))
    assert (dec[1] - dec[0]) * 3600 == pytest.approx(1, abs=1e-6)
    assert ra[1] == pytest.approx(ra[0], abs=1e-9)


def test_nothing_changes_without_a_correction(image):
    plane = tangent.plane(image.wcs.gwcs, image.meta)
    made = tangent.corrected(image.wcs.gwcs, plane)
    assert made.available_frames == ["detector", "v2v3", "v2v3vacorr", "v2v3corr", "world"]
    np.testing.assert_allclose(made(X, Y), image.wcs.gwcs(X, Y), rtol=0, atol=1e-12)
    assert image.wcs.gwcs.available_frames == ["detector", "v2v3", "v2v3vacorr", "world"]
    assert made.bounding_box == image.wcs.gwcs.bounding_box


def test_corrections_are_those_of_tweakwcs(image):
    """Once, and again on what has been corrected."""
    gwcs, expected = image.wcs.gwcs, corrector(image, image.wcs.gwcs)
    for _ in range(2):
        expected.set_correction(MATRIX, SHIFT)
        gwcs = tangent.corrected(gwcs, tangent.plane(gwcs, image.meta).moved(MATRIX, SHIFT))
        np.testing.assert_allclose(gwcs(X, Y), expected.wcs(X, Y), rtol=0, atol=1e-12)
        np.testing.assert_allclose(gwcs.invert(*gwcs(X, Y)), expected.wcs.invert(*expected.wcs(X, Y)), atol=1e-7)
        again = corrector(image, gwcs)
        again.set_correction(MATRIX, SHIFT)


def test_a_corrected_wcs_compiles(image):
    gwcs = tangent.corrected(image.wcs.gwcs, tangent.plane(image.wcs.gwcs, image.meta).moved(MATRIX, SHIFT))
    wcs = WCS(gwcs)
    assert wcs.fallbacks == ()
    np.testing.assert_allclose(wcs(X, Y), gwcs(X, Y), rtol=0, atol=1e-11)


def test_a_correction_moves_positions_in_the_plane(image):
    plane = tangent.plane(image.wcs.gwcs, image.meta)
    onward = WCS(image.wcs.gwcs).between("v2v3vacorr", "world")
    v2, v3 = image.wcs.between("detector", "v2v3vacorr")(X, Y)
    x, y = MATRIX @ plane.project(v2, v3) + SHIFT[:, None]
    expected = onward(*plane.lift(x, y))
    made = tangent.corrected(image.wcs.gwcs, plane.moved(MATRIX, SHIFT))
    np.testing.assert_allclose(made(X, Y), expected, rtol=0, atol=1e-11)


def test_maps_follow_each_other():
    plane = tangent.Plane(10.0, 20.0, 30.0).moved(MATRIX, SHIFT).moved(np.diag([2.0, 3.0]), np.array([1.0, 1.0]))
    point = np.array([5.0, 7.0])
    np.testing.assert_allclose(plane.matrix @ point + plane.shift, np.diag([2, 3]) @ (MATRIX @ point + SHIFT) + 1)
