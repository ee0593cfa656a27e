"""Images as resample makes them: stars and galaxies of known light on the tangent plane of the sky, in MJy/sr."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from jwgpu.data import PIXEL, Image, Meta, Reference
from jwgpu.numerics import stamps
from jwgpu.numerics.apertures import Ellipses
from jwgpu.simulate import scene
from jwgpu.wcs import WCS

SCALE = 0.031 / 3600  # degrees
JANSKY = 1e6 * np.radians(SCALE) ** 2  # of 1 MJy/sr in a pixel
FWHM = 2.2
NOISE = 0.05
SKY = 0.4


@dataclass(frozen=True)
class Mosaic:
    """An image and what it shows: x, y and flux (Jy) of stars, and how wide the noise is shared (pixels)."""

    image: Image
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray

    def matched(self, catalog, reach: float = 0.5):
        """Return indices of true sources and of those catalogued that lie within some pixels of each other."""
        far = np.hypot(self.x[:, None] - catalog["xcentroid"], self.y[:, None] - catalog["ycentroid"])
        nearest = far.argmin(axis=1)
        truth = np.flatnonzero(far[np.arange(self.x.size), nearest] < reach)
        return truth, nearest[truth]


def tangent_plane(shape: tuple[int, int], ra=53.16, dec=-27.79, angle=33.0) -> WCS:
    """Return the transform of an image with north turned by an angle (degrees)."""
    import gwcs
    from astropy import coordinates, units
    from astropy.modeling import models
    from gwcs import coordinate_frames as frames

    middle = [-(n - 1) / 2 for n in reversed(shape)]
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    to_sky = (
        models.Shift(middle[0]) & models.Shift(middle[1])
        | models.AffineTransformation2D([[-cos, sin], [sin, cos]])
        | models.Scale(SCALE) & models.Scale(SCALE)
        | models.Pix2Sky_TAN()
        | models.RotateNative2Celestial(ra, dec, 180.0)
    )
    detector = frames.Frame2D(name="detector", unit=(units.pix, units.pix))
    world = frames.CelestialFrame(name="world", reference_frame=coordinates.ICRS())
    return WCS(gwcs.WCS([(detector, to_sky), (world, None)]))


@functools.cache
def mosaic(size=200, n=30, width=1, seed=1, spacing=30.0, brightest=300.0) -> Mosaic:
    """Return an image of stars on a jittered grid, with noise of which squares of `width` pixels share one value."""
    rng = np.random.default_rng(seed)
    per_row = int((size - spacing) // spacing)
    cell = rng.permutation(per_row**2)[:n]
    x, y = (spacing * (c + 1) + rng.uniform(-4, 4, cell.size) for c in (cell % per_row, cell // per_row))
    table = np.zeros(cell.size, scene.SOURCE)
    table["kind"], table["x"], table["y"] = "star", x, y
    table["flux"] = np.geomspace(20, brightest, cell.size)  # MJy/sr, summed over pixels
    light = scene.render(table, (size, size), FWHM)
    err = np.sqrt(NOISE**2 + light / 400)
    shared = ndimage.uniform_filter(rng.normal(size=(size, size)), width, mode="wrap") * width
    data = SKY + light + err * shared
    dq = np.zeros((size, size), np.uint32)
    dq[:8] = PIXEL.DO_NOT_USE
    for plane in (data, err):
        plane[:8] = np.nan
    meta = {
        "filename": "mosaic_i2d.fits", "instrument.name": "NIRCAM", "instrument.detector": "NRCB1",
        "instrument.filter": "F150W", "instrument.pupil": "CLEAR", "exposure.type": "NRC_IMAGE", "bunit_data": "MJy/sr",
        "photometry.pixelarea_steradians": JANSKY / 1e6, "resample.pixel_scale_ratio": 1.0,
    }  # fmt: skip
    image = Image(
        data=data.astype(np.float32), err=err.astype(np.float32), dq=dq, unit="MJy/sr", meta=Meta(meta),
        wcs=tangent_plane((size, size)),
    )  # fmt: skip
    return Mosaic(image, x, y, JANSKY * table["flux"])


RADII = {30: 1.0, 50: 1.6, 70: 2.8}
RING = (8.0, 12.0)


def encircled(radius: float) -> float:
    """Return which part of the light of a star lies within a radius."""
    stamp = scene.star(0.0, 0.0, FWHM, 30)
    circle = Ellipses.circles(np.array([30.0]), np.array([30.0]), radius)
    owner, x, y = stamps.pixels(circle.windows(stamp.shape))
    return float((circle.cover(owner, x, y) * stamp[y, x]).sum() / stamp.sum())


def apcorr(**columns) -> Reference:
    """Return a table of apertures for stars of `mosaic`, for two filters."""
    rows = [
        (filter, "CLEAR", percent / 100, radius, 1 / encircled(radius), *RING)
        for filter in ("F150W", "F200W")
        for percent, radius in RADII.items()
    ]
    kinds = [("filter", "S12"), ("pupil", "S12"), *((n, "f4") for n in "eefraction radius apcorr skyin skyout".split())]
    table = np.array(rows, kinds)
    for name, values in columns.items():
        table[name] = values
    return Reference("apcorr", "apcorr.fits", {"apcorr_table": table})


def abvegaoffset(*offsets: float) -> Reference:
    """Return a table of offsets between AB and Vega magnitudes, all of the filter of `mosaic`."""
    rows = [("F150W", "CLEAR", offset) for offset in offsets or (1.24,)]
    table = np.array(rows, [("filter", "U8"), ("pupil", "U8"), ("abvega_offset", "f8")])
    return Reference("abvegaoffset", "abvega.asdf", {"abvega_offset": table})
