"""A detector of a set of dithered images: its geometry, its noise, and sources that suit it."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.simulate import distortion, field, instruments
from jwgpu.simulate.instruments import READ_PATTERNS, Detector, Window
from jwgpu.simulate.photometry import SENSITIVITY
from jwgpu.simulate.sensor import reference_pixels
from jwgpu.simulate.timing import Timing

EXPOSES = {"NIRCAM": ("NRC_IMAGE", "BRIGHT2"), "NIRISS": ("NIS_IMAGE", "NIS"), "MIRI": ("MIR_IMAGE", "FASTR1"),
           "FGS": ("FGS_IMAGE", "FGSRAPID")}  # fmt: skip
STERADIAN = (180 / np.pi * 3600) ** 2  # square arcseconds

_NODES = 24  # along each axis, between which the areas of pixels are interpolated


@dataclasses.dataclass(frozen=True, eq=False)
class Chip:
    """One detector.

    Attributes
    ----------
    det : Detector
    window : Window
    timing : Timing
    read_pattern, filter, exp_type : str
    distortion : astropy model
        Pixels to V2, V3 (arcsec), filter left out.
    offset : (x, y) or None
        By which the filter moves the image, pixels.
    area : (y, x) float32
        Of the pixels, relative to `pixel`.
    reference : (y, x) bool
        Reference pixels.
    middle : (V2, V3), arcsec
        Of the pixel in the middle.
    axes : (2, 2) float, arcsec
        How V2, V3 (rows) change with x, y there.
    """

    det: Detector
    window: Window
    timing: Timing
    read_pattern: str
    filter: str
    exp_type: str
    distortion: Any
    offset: tuple[float, float] | None
    area: np.ndarray
    reference: np.ndarray
    middle: tuple[float, float]
    axes: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.window.shape

    @property
    def scale(self) -> float:
        """Pixel size, arcsec."""
        return self.det.scale

    @property
    def fwhm(self) -> float:
        """Usual width of a star, pixels."""
        return self.det.fwhm

    @property
    def pixel(self) -> float:
        """Area of a pixel of `area` 1, steradian."""
        return self.det.scale**2 / STERADIAN

    @property
    def conversion(self) -> float:
        """Surface brightness (MJy / sr) of 1 DN / s."""
        return SENSITIVITY / self.det.scale**2

    @property
    def electron(self) -> float:
        """Surface brightness (MJy / sr) of 1 electron / s."""
        return self.conversion / self.det.gain

    @property
    def sky(self) -> float:
        """Usual background, MJy / sr."""
        return self.det.sky * self.electron

    @property
    def read_variance(self) -> float:
        """Variance of a count rate by read noise, (electron / s)^2: that of a slope through equally weighted groups."""
        t = self.timing
        groups = t.n_groups * (t.n_groups**2 - 1) * t.group_time**2
        return 12 * self.det.read_noise**2 / t.n_frames / groups

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and last V2, V3 (arcsec) that pixels look at."""
        rows, columns = self.shape
        corners = self.distortion(np.array([0, columns, columns, 0.0]), np.array([0, 0, rows, rows], float))
        return np.min(corners, axis=1), np.max(corners, axis=1)


def chip(instrument: str, name: str, shape, filter: str | None, siaf: bool | None, n_groups: int) -> Chip:
    """Return a detector, or a miniature of it.

    Parameters
    ----------
    instrument, name : str
    shape : (rows, columns) or None
    filter : str, optional
    siaf : bool, optional
        Whether the distortion is SIAF's; None: where pysiaf is installed.
    n_groups : int
    """
    det = instruments.detector(instrument, name)
    exp_type, read_pattern = EXPOSES[instrument]
    window = instruments.window(det, "FULL", shape, read_pattern)
    if window.rows > det.shape[0] or window.columns > det.shape[1]:
        raise InputError(f"{name} has {det.shape} pixels; a miniature of {window.shape} is larger, choose another size")
    n_frames, gap = READ_PATTERNS[instrument][read_pattern]
    model = _distortion(det, window.shape, siaf)
    middle = (window.columns - 1) / 2, (window.rows - 1) / 2
    x, y = np.array([0, 0.5, -0.5, 0, 0]) + middle[0], np.array([0, 0, 0, 0.5, -0.5]) + middle[1]
    seen = np.array(model(x, y))
    timing = Timing(1, n_groups, n_frames, gap, window.frame_time)
    return Chip(
        det, window, timing, read_pattern, filter or det.filter, exp_type, model,
        None if instrument == "FGS" else distortion.OFFSET, _areas(model, window.shape, det.scale),
        reference_pixels(det, window), (float(seen[0, 0]), float(seen[1, 0])),
        np.stack([seen[:, 1] - seen[:, 2], seen[:, 3] - seen[:, 4]], axis=1),
    )  # fmt: skip


@functools.cache
def _siaf(instrument: str, detector: str):
    """Return SIAF's distortion of the whole detector, or None without pysiaf."""
    from jwgpu.wcs import siaf

    try:
        return siaf.distortion(Meta({"instrument.name": instrument, "instrument.detector": detector}))[0]
    except ImportError:
        return None


def _distortion(det: Detector, shape: tuple[int, int], siaf: bool | None):
    from astropy.modeling.models import Shift

    whole = None if siaf is False else _siaf(det.instrument, det.name)
    if whole is None:
        if siaf:
            raise InputError("the distortion of SIAF needs pysiaf, which is not installed; leave siaf out")
        whole = distortion.model(det, det.shape)
    x, y = ((a - b) / 2 for a, b in zip(det.shape[::-1], shape[::-1]))
    return whole if x == y == 0 else Shift(x) & Shift(y) | whole


def _areas(model, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Return the areas of the pixels relative to a square of side `scale` (arcsec), (y, x) float32."""
    from scipy.interpolate import RectBivariateSpline

    nodes = [np.linspace(0, n - 1, _NODES) for n in shape]
    y, x = np.meshgrid(*nodes, indexing="ij")
    along_x = np.subtract(model(x + 0.5, y), model(x - 0.5, y))
    along_y = np.subtract(model(x, y + 0.5), model(x, y - 0.5))
    area = np.abs(along_x[0] * along_y[1] - along_x[1] * along_y[0]) / scale**2
    return RectBivariateSpline(*nodes, area)(np.arange(shape[0]), np.arange(shape[1])).astype(np.float32)


def sources(
    rng, chips: list[Chip], offsets: np.ndarray, matrix, roll: float, n_stars, n_galaxies, separation: float,
    snr: float, fwhm: float, sky: float,
) -> np.ndarray:  # fmt: skip
    """Return the catalogue of a field that covers all detectors in all exposures; see `dithers` for the rest.

    Parameters
    ----------
    rng : Generator
    chips : list of Chip
    offsets : (n, 2) array, arcsec
    matrix : (3, 3)
        Attitude of the first exposure.
    roll : float, degrees
        Between the first and the last visit.
    """
    first = chips[0]
    shifts = offsets - offsets[0]
    margin = np.radians(abs(roll)) * np.ptp([corner for chip in chips for corner in chip.box()], axis=0).max()
    boxes = [(chip.box()[0] + shifts.min(axis=0) - margin, chip.box()[1] + shifts.max(axis=0) + margin)
             for chip in chips]  # fmt: skip
    share = first.shape[0] * first.shape[1] / 2048**2
    n_stars = max(30, round(1500 * share)) if n_stars is None else n_stars
    n_galaxies = max(2, round(200 * share)) if n_galaxies is None else n_galaxies
    frame = np.prod(first.shape) * first.scale**2
    table = field.draw(rng, boxes, matrix, n_stars / frame, n_galaxies / frame, separation)
    # The signal s of a star with the given ratio: s / sqrt(s + b), b the noise of the pixels that it covers.
    time = first.timing.integration_time
    covered = 2.27 * fwhm**2 + 1
    b = covered * (sky / first.electron * time + first.read_variance * time**2)
    faintest = (snr**2 + np.sqrt(snr**4 + 4 * snr**2 * b)) / (2 * time)  # electron / s
    stars = table["kind"] == "star"
    rate = np.zeros(len(table))
    rate[stars] = 10 ** np.minimum(rng.exponential(0.5, stars.sum()), 2.5)
    rate[~stars] = 3 * 10 ** rng.uniform(0, 1.3, (~stars).sum())
    table["flux"] = rate * faintest * first.electron * 1e6 * first.pixel
    largest = min(1.0, min(first.shape) / 256 + 0.2)
    table["radius"][~stars] = rng.uniform(2, 14, (~stars).sum()) * largest * first.scale
    return table
