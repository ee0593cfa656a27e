"""Pixels of one image on the grid of another: exact, interpolated, in windows."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.modeling import models as m

from jwgpu.data import Meta
from jwgpu.wcs import WCS
from jwgpu.wcs.imaging import imaging
from jwgpu.wcs.pixmap import Pixmap

SHAPE = (130, 170)


def wcs(ra=10.0, dec=-30.0, roll=40.0, bend=1e-7, shape=SHAPE, pixel=0.03, box=None):
    """Return an image with a distortion of the third order, or with straight lines where `bend` is 0."""
    optics = m.Mapping((0, 1, 0, 1)) | (
        m.Polynomial2D(3, c1_0=-pixel, c2_0=bend, c1_1=-bend, c0_3=bend / 300)
        & m.Polynomial2D(3, c0_1=pixel, c0_2=bend, c2_1=bend / 200)
    )
    optics.inverse = m.Identity(2)  # nobody asks for it but the target, which is straight
    if not bend:
        optics = m.Scale(-pixel) & m.Scale(pixel)
    model = (m.Shift(-80.0) & m.Shift(-60.0)) | optics | (m.Shift(100.0) & m.Shift(-400.0))
    values = {"ra_ref": ra, "dec_ref": dec, "roll_ref": roll, "v2_ref": 100.0, "v3_ref": -400.0}
    made = imaging(Meta({f"wcsinfo.{name}": value for name, value in values.items()}), shape, model)
    if box is not None:
        made.bounding_box = box
    return WCS(made)


def there_and_back(source, target, rows, columns):
    y, x = np.mgrid[rows.start - 1 : rows.stop + 1.0, columns.start - 1 : columns.stop + 1.0]
    return target.invert(*source(x, y, with_bounding_box=False), with_bounding_box=False)


@pytest.mark.parametrize(
    "dec, roll, ra", [(-30.0, 41.0, 10.0), (89.9995, 200.0, 10.0), (-90.0, 40.0, 0.0), (5.0, 40.0, 0.0)]
)
def test_the_exact_map_goes_by_the_sky(dec, roll, ra):
    source, target = wcs(ra=ra, dec=dec, roll=roll), wcs(ra=(ra - 1e-4) % 360, dec=dec, roll=40.0, bend=0)
    rows, columns = slice(0, SHAPE[0]), slice(0, SHAPE[1])
    expected = np.stack(there_and_back(source, target, rows, columns))
    inside = slice(1, -1), slice(1, -1)
    for found in (Pixmap(source, target, SHAPE, tolerance=0)(), Pixmap(source, target, SHAPE)()):
        for axis, exact in zip(found, expected):
            np.testing.assert_allclose(axis[inside], exact[inside], atol=1e-6, rtol=0)
            # Around the image the map goes straight on.
            straight = np.pad(axis[inside], 1, "reflect", reflect_type="odd")
            np.testing.assert_allclose(axis, straight, atol=1e-9, rtol=0)


def test_any_part_has_the_bits_of_the_whole():
    source, target = wcs(), wcs(roll=10.0, bend=0)
    for pixmap in (Pixmap(source, target, SHAPE), Pixmap(source, target, SHAPE, tolerance=0)):
        whole = np.stack(pixmap())
        for rows, columns in (
            (slice(0, 5), slice(20, 99)),
            (slice(63, 66), slice(0, 1)),
            (slice(128, 130), slice(9, 170)),
        ):
            part = np.stack(pixmap(rows, columns))
            expected = whole[:, rows.start : rows.stop + 2, columns.start : columns.stop + 2]
            np.testing.assert_array_equal(part, expected)


def test_nodes_move_closer_until_the_map_is_good_enough():
    source, target = wcs(bend=3e-5), wcs(bend=0)
    exact = np.stack(Pixmap(source, target, SHAPE, tolerance=0)())
    steps = []
    for tolerance in (1e-2, 1e-5, 1e-9, 1e-13):
        pixmap = Pixmap(source, target, SHAPE, tolerance=tolerance)
        assert pixmap.error <= tolerance
        assert abs(np.stack(pixmap()) - exact).max() <= 1.1 * pixmap.error + 1e-10
        steps.append(pixmap.step)
    assert steps[0] == 32
    assert steps[-1] == 1
    assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("order, error", [(1, 0.05), (3, 1e-4)])
def test_a_step_that_is_asked_for_is_taken(order, error):
    pixmap = Pixmap(wcs(bend=3e-5), wcs(bend=0), SHAPE, step=8.5, order=order)
    assert pixmap.step == 8.5
    assert 1e-12 < pixmap.error < error


def test_pixels_of_the_bounding_box_count():
    pixmap = Pixmap(wcs(box=((3.5, 160.5), (-0.5, 99.4))), wcs(bend=0), SHAPE)
    assert (pixmap.rows, pixmap.columns) == (slice(0, 100), slice(4, 161))


@pytest.mark.parametrize("roll", [40.0, 85.0, 220.0])
@pytest.mark.parametrize("tolerance", [0, 1e-5])
def test_a_window_holds_all_that_falls_into_a_rectangle(roll, tolerance):
    pixmap = Pixmap(wcs(), wcs(roll=roll, bend=0), SHAPE, tolerance=tolerance)
    x, y = (a[1:-1, 1:-1] for a in pixmap())
    seen = small = 0
    for origin in np.ndindex(12, 12):
        oy, ox = (40 * k - 200 for k in origin)
        inside = (x > ox - 2) & (x < ox + 42) & (y > oy - 2) & (y < oy + 42)
        window = pixmap.window((oy, ox), (40, 40))
        if window is None:
            assert not inside.any()
            continue
        seen += inside.sum()
        inside[window] = False
        assert not inside.any()
        small += (window[0].stop - window[0].start) * (window[1].stop - window[1].start) < 0.5 * x.size
    assert seen > 0.9 * x.size
    assert small >= 8


def test_the_far_side_of_the_sky_is_nowhere():
    pixmap = Pixmap(wcs(), wcs(ra=190.0, dec=30.0, bend=0), SHAPE)
    assert (pixmap()[0] > 1e6).all()
    assert pixmap.window((0, 0), (1000, 1000)) is None


def test_maps_live_where_they_are_wanted(device):
    source, target = wcs(), wcs(roll=10.0, bend=0)
    for tolerance in (0, 1e-5):
        expected = Pixmap(source, target, SHAPE, tolerance=tolerance)()
        found = Pixmap(source, target, SHAPE, tolerance=tolerance, xp=device.xp)()
        assert all(isinstance(f, device.xp.ndarray) for f in found)
        np.testing.assert_allclose(np.stack([device.host(f) for f in found]), np.stack(expected), atol=1e-9)
