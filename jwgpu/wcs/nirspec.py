"""The optics of NIRSpec: from pixels through camera, disperser and collimator to an aperture, and back.

An aperture is a slit, a shutter or row of shutters, or a slice of the image slicer. Along it y is measured in its own
height, from -0.5 to 0.5 in a single one; across it x is 0 here, as only where the light falls is asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from jwgpu import backend
from jwgpu.data import Meta, Reference
from jwgpu.errors import InputError
from jwgpu.wcs.compile import Transform, compile
from jwgpu.wcs.translate import rotation

OPTICS = ("camera", "collimator", "disperser", "fpa", "wavelengthrange")
"""References that describe what is common to all apertures."""

_LAMPS = ("NRS_LAMP", "NRS_AUTOWAVE", "NRS_AUTOFLAT")
_WHOLE_RANGE = (0.6e-6, 5.3e-6)  # m, where the table does not have the grating
_LIGHT = 299792458.0  # m/s
_POINTS = 1000  # of the table of the position along an aperture
_WAVELENGTHS = np.arange(0.3, 8.005, 0.005) * 1e-6  # m, of the table of the prism's refraction index


@dataclasses.dataclass(frozen=True, eq=False)
class Aperture:
    """An opening that light comes through.

    Attributes
    ----------
    row : (5,) sequence of float
        Number, centre x and y, width and height, in the plane of `model`.
    model : Transform
        That plane to the plane of the shutters, or for slices of the slicer; (x, y) m.
    low, high : float
        First and last y of it.
    post : mapping of Transform or None
        Of a slice: what leads on to the plane of the shutters, `linear`, and polynomials `xpoly`, `ypoly` with what is
        added to them per metre of wavelength (`xpoly_distortion`, `ypoly_distortion`).
    """

    row: tuple
    model: Transform
    low: float
    high: float
    post: Mapping[str, Transform] | None = None

    def shutters(self, y, wavelength):
        """Return where y (in heights of the aperture) is in the plane of the shutters, (x, y) in m."""
        _, at_x, at_y, _, height = self.row
        x, y = self.model(y * 0.0 + at_x, y * height + at_y)
        if self.post is None:
            return x, y
        x, y = self.post["linear"](x, y)
        return tuple(
            self.post[f"{axis}poly"](x, y)[0] + self.post[f"{axis}poly_distortion"](x, y)[0] * wavelength
            for axis in "xy"
        )


class Optics:
    """What lies between the detector and the apertures in an exposure.

    Parameters
    ----------
    meta : Meta
        Of the exposure: detector, filter, grating, tilt (GWA_XTIL, GWA_YTIL) and temperature (GWA_TILT) of the wheel.
    references : mapping
        Those of `OPTICS`, by type.

    Attributes
    ----------
    wavelengths : (first, last)
        Of filter and grating, m.
    """

    def __init__(self, meta: Meta, references: Mapping[str, Reference]):
        detector = str(meta.require("instrument.detector", "picture_frame")).lower()
        plane, camera = references["fpa"].models[f"{detector}_model"], references["camera"].model
        self._mirrored = detector == "nrs2"
        self._from_pixels, self._to_pixels = compile(plane | camera), compile(camera.inverse | plane.inverse)
        self._from_shutters = compile(references["collimator"].model.inverse)
        self._turn = rotation(_angles(meta, references["disperser"]), "xyzy")
        order, self.wavelengths = wavelength_range(meta, references["wavelengthrange"])
        # The motion of the observatory towards the source, out of the wavelengths.
        self._shift = 1 / (1 + (meta.get("wcsinfo.velosys") or 0.0) / _LIGHT)
        kind = _Prism if _grating(meta) == "PRISM" else _Grating
        self._disperser = kind(meta, references["disperser"], order)

    def _at_disperser(self, aperture: Aperture, y, wavelength):
        """Return the direction in which light of an aperture reaches the disperser, a unit vector in its frame."""
        return _turned(self._turn, *_direction(*self._from_shutters(*aperture.shutters(y, wavelength))))

    def pixels(self, aperture: Aperture, y, wavelength):
        """Return the pixels of a full frame, x and y from 0, that light of an aperture falls on; NaN for none.

        Parameters
        ----------
        aperture : Aperture
        y, wavelength : float64 array
            Place along the aperture, wavelength in m.
        """
        leaving = self._disperser.bend(wavelength / self._shift, *self._at_disperser(aperture, y, wavelength))
        x, y, z = _turned(self._turn.T, *leaving)
        x, y = self._to_pixels(x / z, y / z)
        return (2047 - x, 2047 - y) if self._mirrored else (x, y)

    def light(self, aperture: Aperture, x, y):
        """Return the wavelength (m) of the light of an aperture in pixels of a full frame; NaN where there is none."""
        xp = backend.namespace(x, y)
        if self._mirrored:
            x, y = 2047 - x, 2047 - y
        out, across, _ = _turned(self._turn, *_direction(*self._from_pixels(x, y)))
        middle = 0.5 * (self.wavelengths[1] - self.wavelengths[0]) + self.wavelengths[0]
        places = np.linspace(aperture.low, aperture.high, _POINTS)
        directions = self._at_disperser(aperture, places, middle)[1]
        if directions[0] > directions[-1]:
            places, directions = places[::-1], directions[::-1]
        along = xp.interp(-across, xp.asarray(directions), xp.asarray(places), left=xp.nan, right=xp.nan)
        came = self._at_disperser(aperture, along, middle)
        return self._disperser.wavelength(*came[:2], out) * self._shift


def wavelength_range(meta: Meta, reference: Reference) -> tuple[int, tuple[float, float]]:
    """Return the spectral order and first and last wavelength (m) of the filter, or lamp, and grating."""
    lamp = meta.get("instrument.filter") == "OPAQUE" or meta.get("exposure.type") in _LAMPS
    first, grating = meta.get(f"instrument.{'lamp_state' if lamp else 'filter'}"), _grating(meta)
    names = [str(name).upper() for name in reference.meta.waverange_selector]
    at = next((k for k, name in enumerate(names) if name == f"{first}_{grating}"), None)
    if at is None:
        at = next((k for k, name in enumerate(names) if name.partition("_")[2] == grating), None)
    if at is None:
        return -1, _WHOLE_RANGE
    low, high = (float(v) for v in backend.to_host(reference.wavelengthrange)[at])
    return int(numbers(reference, "order")[at]), (low, high)


def numbers(reference: Reference, name: str) -> np.ndarray:
    """Return numbers of a reference, stored as an array or as plain values, on the host, (n,)."""
    held = backend.to_host(getattr(reference, name)) if name in reference else reference.meta.get(name)
    if held is None:
        raise InputError(f"{reference.type} reference {reference.name} does not say {name}; give one in standard form")
    return np.ravel(np.asarray(held, float))


def _grating(meta: Meta) -> str:
    return str(meta.require("instrument.grating", "picture_frame")).upper()


def _angles(meta: Meta, disperser: Reference) -> list[float]:
    """Return the angles of the disperser, in degrees, corrected for how the wheel stood."""
    angles = {name: float(numbers(disperser, name)[0]) for name in ("theta_x", "theta_y", "theta_z", "tilt_y")}
    for sensor, angle in (("x", "theta_y"), ("y", "theta_x")):
        reading = meta.get(f"instrument.gwa_{sensor}tilt")
        if reading is not None:
            model = disperser.models[f"gwa_tilt{sensor}.tilt_model"]
            zero = numbers(disperser, f"gwa_tilt{sensor}.zeroreadings")[0]
            angles[angle] += 0.5 * float(model(reading) - model(zero)) / 3600
    return list(angles.values())


def _direction(x, y):
    """Return the unit vector along (x, y, 1)."""
    length = backend.namespace(x).sqrt(1 + x**2 + y**2)
    return x / length, y / length, 1 / length


def _turned(matrix, x, y, z):
    return tuple(row[0] * x + row[1] * y + row[2] * z for row in matrix.tolist())


def _forward(x, y):
    """Return the unit vector with these components and a positive third one; NaN where there is none."""
    xp = backend.namespace(x)
    square = 1 - x**2 - y**2
    return x, y, xp.sqrt(xp.where(square >= 0, square, xp.nan))


class _Grating:
    def __init__(self, meta: Meta, reference: Reference, order: int):
        self._lines = float(numbers(reference, "groovedensity")[0]) * order  # per metre

    def bend(self, wavelength, x, y, z):
        return _forward(-self._lines * wavelength - x, -y)

    def wavelength(self, x, y, out):
        return -(x + out) / self._lines


class _Prism:
    """Light goes through the front surface, is reflected by the back and goes through the front again."""

    def __init__(self, meta: Meta, reference: Reference, order: int):
        from gwcs.spectroscopy import SellmeierGlass, SellmeierZemax

        temperature = float(meta.require("instrument.gwa_tilt", "picture_frame"))
        angle, pressure, normal = (float(numbers(reference, name)[0]) for name in ("angle", "pref", "tref"))
        b, c, heat = (numbers(reference, name) for name in ("kcoef", "lcoef", "tcoef"))

        def index(wavelength):
            microns = wavelength * 1e6
            if temperature - normal < 20:
                return SellmeierGlass.evaluate(microns, [b], [c])
            return SellmeierZemax().evaluate(
                microns, temperature, normal, pressure, pressure, [b], [c], [heat[:3]], [heat[3:]]
            )  # fmt: skip

        self._index, self._angle = index, np.deg2rad(angle)
        self._table = index(_WAVELENGTHS)[::-1], _WAVELENGTHS[::-1]

    def bend(self, wavelength, x, y, z):
        n = self._index(wavelength)
        s, c = float(np.sin(self._angle)), float(np.cos(self._angle))
        x, y, z = _forward(x / n, y / n)
        x, y, z = _forward(-(x * c - z * s), -y)
        x, y, z = _forward(x * c + z * s, y)
        return _forward(x * n, y * n)

    def wavelength(self, x, y, out):
        xp = backend.namespace(x)
        s, c = float(np.sin(self._angle)), float(np.cos(self._angle))
        n = xp.sqrt(((out + x * (1 - 2 * s**2)) / (2 * s * c)) ** 2 + x**2 + y**2)
        return xp.interp(n, *(xp.asarray(column) for column in self._table), left=xp.nan, right=xp.nan)
