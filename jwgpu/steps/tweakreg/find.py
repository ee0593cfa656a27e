"""Sources in one image, for its alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Image
from jwgpu.errors import InputError
from jwgpu.numerics import centroids, isophotes, mesh, smooth, sources
from jwgpu.numerics.deblend import Levels, deblend
from jwgpu.numerics.sources import Stars
from jwgpu.wcs.catalogues import SOURCE


@dataclass(frozen=True)
class Finder:
    """How sources are found.

    Attributes
    ----------
    starfinder : {"dao", "iraf", "segmentation"}
        Maxima measured as DAOFIND or as IRAF's starfind do, or segments of connected pixels.
    snr_threshold : float
        Height of a source above the background in units of its noise.
    kernel_fwhm : float
        Width (pixels) of the Gaussian that the image is convolved with.
    bkg_boxsize : int
        Pixels along a side of the boxes that the background is found in.
    refine : bool
        Fit Gaussians, integrated over the pixels, to the stars that are found: their places are several times better
        where stars are narrow. The official step has no such thing. Without it, how a star falls on the pixels moves
        its place by some 0.08 to 0.1 pixel however bright it is, and an alignment with n matches is good to that
        over sqrt(n): `brightest` limits n to 200.
    """

    starfinder: Literal["dao", "iraf", "segmentation"] = "iraf"
    snr_threshold: float = 10.0
    kernel_fwhm: float = 2.5
    bkg_boxsize: int = 400
    refine: bool = False


@dataclass(frozen=True)
class Segments:
    """What is a source, for the finder `segmentation`.

    Attributes
    ----------
    npixels : int
        Connected pixels above the threshold, at least.
    connectivity : {4, 8}
        Whether pixels that share a corner alone are connected.
    nlevels : int
        Levels between which blended sources are separated.
    contrast : float
        Share of the light that a part must have to be a source of its own.
    multithresh_mode : {"exponential", "linear", "sinh"}
        Spacing of the levels.
    localbkg_width, apermask_method, kron_params
        Of photometry, which no alignment asks for: they change nothing.
    deblend : bool
        Whether blended sources are separated.
    """

    npixels: int = 10
    connectivity: Literal[4, 8] = 8
    nlevels: int = 32
    contrast: float = 0.001
    multithresh_mode: Literal["exponential", "linear", "sinh"] = "exponential"
    localbkg_width: int = 0
    apermask_method: Literal["correct", "mask", "none"] = "correct"
    kron_params: list[float] | None = None
    deblend: bool = True


def find(image: Image, finder: Finder, stars: Stars, segments: Segments) -> np.ndarray:
    """Return the sources of an image, on the host.

    Raises
    ------
    InputError
        The finder is asked for what cannot be.
    """
    _check(finder, stars, segments)
    xp, data = namespace(image.data), image.data
    hidden = None
    if image.dq is not None:
        hidden = (image.dq & np.uint32(PIXEL.DO_NOT_USE | PIXEL.NON_SCIENCE)) != 0
    level, noise = mesh.background(data, finder.bkg_boxsize, hidden)
    if not bool(xp.isfinite(level).any()):
        return np.zeros(0, SOURCE)
    data = data - level
    # Hidden pixels have neither background nor noise, and count as such.
    noise = xp.broadcast_to(xp.asarray(noise), data.shape)
    noise = noise if hidden is None else xp.where(hidden, np.float32(0), noise)
    if finder.starfinder == "segmentation":
        return _segments(image, data, noise, hidden, finder, segments)
    threshold = finder.snr_threshold * sources.middle(noise)
    found = sources.stars(data, finder.starfinder, stars, finder.kernel_fwhm, threshold, hidden)
    return _refined(found, data, hidden, finder)


def _refined(found: dict, data, hidden, finder: Finder) -> np.ndarray:
    """Return the table of what was found, in better places where that is asked for."""
    if finder.refine:
        data = data if hidden is None else namespace(data).where(hidden, np.float32(np.nan), data)
        found["x"], found["y"] = centroids.refined(data, found["x"], found["y"], finder.kernel_fwhm)
    return _table(found)


def _table(found) -> np.ndarray:
    made = np.zeros(len(found["x"]), SOURCE)
    made["id"] = np.arange(len(made)) + 1
    for name in ("x", "y", "flux"):
        made[name] = found[name]
    return made


def _check(finder: Finder, stars: Stars, segments: Segments) -> None:
    positive = {"kernel_fwhm": finder.kernel_fwhm, "bkg_boxsize": finder.bkg_boxsize, "brightest": stars.brightest,
                "sigma_radius": stars.sigma_radius, "npixels": segments.npixels}  # fmt: skip
    for name, value in positive.items():
        if not value > 0:
            raise InputError(f"tweakreg.{name} = {value}: give a positive number")
    if not finder.snr_threshold >= 0:
        raise InputError(f"tweakreg.snr_threshold = {finder.snr_threshold}: give a number that is not negative")
    kron = segments.kron_params
    if kron is not None and len(kron) not in (2, 3):
        raise InputError(f"tweakreg.kron_params = {kron}: give 2 or 3 numbers")


def _segments(image: Image, data, noise, hidden, finder: Finder, rules: Segments) -> np.ndarray:
    """Return sources made of connected pixels, which are told apart on the host."""
    xp = namespace(data)
    shown = data if hidden is None else xp.where(hidden, np.float32(np.nan), data)
    # Smoothing passes over missing pixels, so that sources have no holes; hidden pixels are in none.
    smoothed = smooth.gaussian(shown, finder.kernel_fwhm / sources.SIGMA)
    bright = smoothed > np.float32(finder.snr_threshold) * noise
    bright = bright if hidden is None else bright & ~hidden
    error = xp.zeros_like(data) if image.err is None else image.err
    shown, error, smoothed, bright = (backend.to_host(a) for a in (shown, error, smoothed, bright))
    labels = isophotes.detect(bright, rules.npixels, rules.connectivity)
    if rules.deblend:
        levels = Levels(rules.npixels, rules.nlevels, rules.contrast, rules.multithresh_mode, rules.connectivity)
        labels = deblend(smoothed, labels, levels)
    found = isophotes.measure(shown, error, smoothed, labels)
    good = np.isfinite(found.x) & np.isfinite(found.y)
    return _refined({name: getattr(found, name)[good] for name in ("x", "y", "flux")}, data, hidden, finder)
