"""Which pixels belong to sources: a threshold above the background, or a star finder."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jwgpu.numerics import isophotes, mesh, smooth, sources
from jwgpu.numerics.deblend import Levels, deblend
from jwgpu.numerics.sources import Stars


@dataclass(frozen=True)
class Grouping:
    """How `starfinder` "segmentation" groups pixels to sources, and what becomes of neighbours in Kron apertures.

    Attributes
    ----------
    npixels : int
        Pixels that a source has at least.
    connectivity : int
        4: pixels touch along their edges. 8: at their corners too.
    nlevels, contrast, multithresh_mode
        Levels by which sources that touch are told apart, the least share of the light that one of them must have, and
        how the levels are spaced.
    localbkg_width : int
        Pixels: width of a frame around each source from which its own background is taken; 0 for none.
    apermask_method : {"correct", "mask", "none"}
        Pixels of neighbours have the value of the pixel opposite, are left out, or count.
    kron_params : list of float, optional
        Kron apertures: scale, least radius, and radius of the circle in place of a smaller ellipse (pixels);
        2.5, 1.4 and 0 unless given.
    deblend : bool
        Whether sources that touch are told apart.
    """

    npixels: int = 25
    connectivity: int = 8
    nlevels: int = 32
    contrast: float = 0.001
    multithresh_mode: Literal["exponential", "linear", "sinh"] = "exponential"
    localbkg_width: int = 0
    apermask_method: Literal["correct", "mask", "none"] = "correct"
    kron_params: list[float] | None = None
    deblend: bool = True

    def levels(self) -> Levels:
        """Return how sources that touch are told apart."""
        return Levels(self.npixels, self.nlevels, self.contrast, self.multithresh_mode, self.connectivity)

    def kron(self) -> tuple[float, float, float]:
        """Return scale, least radius and radius of the circle."""
        given = tuple(self.kron_params or (2.5, 1.4))
        return given if len(given) == 3 else (*given, 0.0)


@dataclass(frozen=True)
class Found:
    """Sources: above the background `data` (NaN where hidden) lie `labels`, or stars at given positions.

    `light` and `angle` (degrees) are what a star finder says; `segments` what the pixels say.
    """

    data: np.ndarray
    x: np.ndarray
    y: np.ndarray
    labels: np.ndarray | None = None
    segments: isophotes.Segments | None = None
    light: np.ndarray | None = None
    angle: np.ndarray | None = None


def background(data: np.ndarray, hidden: np.ndarray, box_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the image above its background, NaN where hidden, and the noise of the background."""
    level, noise = mesh.background(data, box_size, hidden)
    above = data - level
    above[hidden] = np.nan
    return above, noise


def by_segments(above, err, noise, snr: float, fwhm: float, grouping: Grouping) -> Found:
    """Find sources as groups of pixels that stand out of the noise in the smoothed image."""
    smoothed = smooth.gaussian(above, fwhm / smooth.FWHM) if fwhm > 0 else above
    with np.errstate(invalid="ignore"):
        bright = (smoothed > np.float32(snr) * noise) & np.isfinite(above)
    labels = isophotes.detect(bright, grouping.npixels, grouping.connectivity)
    if grouping.deblend:
        labels = deblend(smoothed, labels, grouping.levels())
    found = isophotes.measure(above, err, smoothed, labels)
    return Found(above, found.x, found.y, labels, found)


def by_stars(above, noise, kind: str, snr: float, fwhm: float, stars: Stars) -> Found:
    """Find stars as DAOFIND or IRAF's starfind do."""
    found = sources.stars(above, kind, stars, fwhm, snr * float(np.median(noise)), ~np.isfinite(above))
    angle = np.degrees(found["angle"]) if "angle" in found else np.full(found["x"].size, np.nan)
    return Found(above, found["x"], found["y"], light=found["flux"], angle=angle)


def none(like: np.ndarray, segments: bool) -> Found:
    """Return that nothing is found."""
    nothing = np.zeros(0)
    if not segments:
        return Found(like, nothing, nothing, light=nothing, angle=nothing)
    labels = np.zeros(like.shape, np.int32)
    found = isophotes.measure(like, like, like, labels)
    return dataclasses.replace(Found(like, nothing, nothing), labels=labels, segments=found)
