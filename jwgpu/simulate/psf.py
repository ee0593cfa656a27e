"""Stars and galaxies as sums of Gaussians: their light in every pixel is known, wherever they are."""

from __future__ import annotations

import functools

import numpy as np
from scipy.optimize import nnls
from scipy.special import erf

STAR = ((0.76, 1.0), (0.16, 2.2), (0.06, 5.0), (0.02, 10.0))
"""Share of the light and width, in widths of the core, of the Gaussians that a star is made of."""
LOST = 2e-5
"""Share of a star's light, at most, that falls outside of its stamp."""
_FINE = 3  # points along a side of a pixel, where a Gaussian is too narrow for one
_NARROW = 1.2  # pixels
_REACH = 4.3  # widths of a Gaussian within which it is drawn; 1e-4 of the light is outside

_SIGMA = 2.3548  # full widths at half maximum in a standard deviation


def half_size(fwhm: float) -> int:
    """Return how far the stamp of a star reaches to either side of its central pixel."""
    share, width = STAR[-1]
    sigma = width * fwhm / _SIGMA
    half = 1
    while 2 * share * (1 - erf(half / (sigma * 2**0.5))) > LOST:
        half += 1
    return half


def star(dx: float, dy: float, fwhm: float, half: int) -> np.ndarray:
    """Return the image of a star of unit flux on (2 half + 1)^2 pixels, `dx, dy` pixels from the centre.

    It is integrated over the pixels exactly, so that cores narrower than a pixel keep their flux.

    Parameters
    ----------
    dx, dy : float
    fwhm : float
        Of the core, pixels.
    half : int
        See `half_size`.
    """
    edges = np.arange(-half - 0.5, half + 1)
    share, width = np.array(STAR).T
    sigma = width[:, None] * fwhm / _SIGMA * 2**0.5
    columns, rows = (np.diff(0.5 * erf((edges - centre) / sigma), axis=1) for centre in (dx, dy))
    return (share[:, None] * rows).T @ columns


def encircled(radius, fwhm: float):
    """Return the share of a star's light within a radius (pixels), in a frame with pixels of no size."""
    share, width = np.array(STAR).T
    variance = (width * fwhm / _SIGMA) ** 2
    return 1 - np.exp(-0.5 * np.asarray(radius, float)[..., None] ** 2 / variance) @ share


@functools.cache
def disk() -> np.ndarray:
    """Return an exponential disk of half-light radius 1 as Gaussians: rows of share and standard deviation."""
    sigma = np.geomspace(0.06, 2.2, 8)
    r = np.linspace(0.01, 8, 800)
    weight = np.sqrt(r)  # equal weight for equal light
    columns = np.exp(-0.5 * (r[:, None] / sigma) ** 2) / (2 * np.pi * sigma**2)
    profile = 1.678**2 / (2 * np.pi) * np.exp(-1.678 * r)
    share = nnls(columns * weight[:, None], profile * weight)[0]
    kept = share > 0
    return np.stack([share[kept] / share.sum(), sigma[kept]], axis=1)


def galaxy(dx: float, dy: float, shape: np.ndarray, fwhm: float) -> np.ndarray:
    """Return the image of an exponential disk of unit flux, as a star's core blurs it.

    Parameters
    ----------
    dx, dy : float
        Place of its centre from that of the central pixel, pixels.
    shape : (2, 2) array
        Second moments (x, y; square pixels) of the ellipse of half light: radius^2 along its axes.
    fwhm : float
        Of the core of a star, pixels.

    Returns
    -------
    (2 half + 1, 2 half + 1) array
    """
    blur = np.eye(2) * (fwhm / _SIGMA) ** 2
    moments = [(share, shape * sigma**2 + blur) for share, sigma in disk()]
    half = int(np.ceil(_REACH * max(np.sqrt(m.diagonal().max()) for _, m in moments))) + 1
    image = np.zeros((2 * half + 1,) * 2)
    for share, moment in moments:
        reach = min(int(np.ceil(_REACH * np.sqrt(moment.diagonal().max()))) + 1, half)
        inner = slice(half - reach, half + reach + 1)
        image[inner, inner] += share * _gaussian(dx, dy, moment, reach)
    return image


def _gaussian(dx: float, dy: float, moment: np.ndarray, half: int) -> np.ndarray:
    fine = _FINE if np.sqrt(np.linalg.eigvalsh(moment)[0]) < _NARROW else 1
    moment = moment + np.eye(2) / (12 * fine**2)  # the pixel, or the part of one
    n = 2 * half + 1
    grid = (np.arange(n * fine) + 0.5) / fine - 0.5 - half
    x, y = grid[None, :] - dx, grid[:, None] - dy
    inverse = np.linalg.inv(moment)
    square = inverse[0, 0] * x**2 + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y**2
    image = np.exp(-0.5 * square) / (2 * np.pi * np.sqrt(np.linalg.det(moment)))
    return image.reshape(n, fine, n, fine).mean(axis=(1, 3)) if fine > 1 else image
