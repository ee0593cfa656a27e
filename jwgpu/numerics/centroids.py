"""Places of stars by fits of a Gaussian that is integrated over the pixels.

Moments and marginal sums of a few pixels are drawn to the middle of the pixel that a star lies in, the more the
narrower the star is: by up to a tenth of a pixel. A model that knows the pixels has no such error, as far as stars are
Gaussians. The width is that of the image: the median of those that fit each star best.
"""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.numerics.sources import stamps

HALF = 2  # pixels to either side of the central one
_ROUNDS = 12
_FURTHEST = 1.5  # pixels from where a star was found
_WIDTHS = (0.3, 3.0)  # pixels
_FLAT = 1e-5  # of the largest pixel: differences that are those of rounding
_SINGULAR = 1e-12  # determinant of equations of unit diagonal that say too little


def refined(image, x: np.ndarray, y: np.ndarray, fwhm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return better places of stars, on the host; as they were where the fit fails.

    Parameters
    ----------
    image : (y, x) float32
        NaN pixels take no part.
    x, y : (n,) float64
        Where stars were found.
    fwhm : float
        About the width of a star, pixels.
    """
    if not len(x):
        return x, y
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    kind = "gpu" if backend.is_device_array(image) else "cpu"
    stamp = backend.to_host(stamps(image, backend.to(row, kind), backend.to(column, kind), HALF))
    known = np.isfinite(stamp)
    # Beyond the edges of the image stamps are 0.
    reach = np.arange(-HALF, HALF + 1)
    for place, n, axes in ((row, image.shape[0], (1, 2)), (column, image.shape[1], (2, 1))):
        there = (place[:, None] + reach >= 0) & (place[:, None] + reach < n)
        known &= np.expand_dims(there, axes[1])
    stamp = np.where(known, stamp, 0.0)
    start = np.stack([x - column, y - row, np.full(len(x), np.log(fwhm / 2.3548))], axis=1)
    with np.errstate(all="ignore"):
        free = _fit(stamp, known, start, width=True)
        good = np.isfinite(free).all(axis=1) & (free[:, 2] > np.log(_WIDTHS[0])) & (free[:, 2] < np.log(_WIDTHS[1]))
        if good.any():
            start[:, 2] = np.median(free[good, 2])
        found = _fit(stamp, known, start, width=False)
        good = np.isfinite(found).all(axis=1) & (np.hypot(*(found - start)[:, :2].T) < _FURTHEST)
        good &= np.ptp(stamp, axis=(1, 2)) > _FLAT * abs(stamp).max(axis=(1, 2))
    return np.where(good, column + found[:, 0], x), np.where(good, row + found[:, 1], y)


def _fit(stamp: np.ndarray, known: np.ndarray, start: np.ndarray, width: bool) -> np.ndarray:
    """Return x, y and the logarithm of the width (n, 3) by Gauss and Newton's method; height and sky are linear."""
    from scipy.special import erf

    n = len(stamp)
    values = start.copy()
    edges = np.arange(-HALF - 0.5, HALF + 1)
    data, weight = stamp.reshape(n, -1), known.reshape(n, -1).astype(float)

    def profile(place, sigma):
        """Return the light in each pixel along an axis, and how it changes with place and with log sigma."""
        t = (edges - place[:, None]) / sigma[:, None]
        density = np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi)
        return (np.diff(0.5 * erf(t / np.sqrt(2)), axis=1), -np.diff(density, axis=1) / sigma[:, None],
                -np.diff(density * t, axis=1))  # fmt: skip

    for _ in range(_ROUNDS):
        sigma = np.exp(values[:, 2])
        (gx, dx, sx), (gy, dy, sy) = profile(values[:, 0], sigma), profile(values[:, 1], sigma)
        shape = (gy[:, :, None] * gx[:, None, :]).reshape(n, -1)
        slopes = [gy[:, :, None] * dx[:, None, :], dy[:, :, None] * gx[:, None, :]]
        if width:
            slopes.append(gy[:, :, None] * sx[:, None, :] + sy[:, :, None] * gx[:, None, :])
        linear = _solve(np.stack([shape, np.ones_like(shape)], axis=2), data, weight)
        height, sky = linear[:, :1], linear[:, 1:]
        columns = [shape, np.ones_like(shape), *(height * slope.reshape(n, -1) for slope in slopes)]
        step = _solve(np.stack(columns, axis=2), data - height * shape - sky, weight)[:, 2:]
        values[:, : step.shape[1]] += np.clip(step, -0.5, 0.5)
    return values


def _solve(columns: np.ndarray, data: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the least-squares solutions (n, k) of many small systems; NaN where there is none."""
    normal = np.einsum("npi,np,npj->nij", columns, weight, columns)
    right = np.einsum("npi,np->ni", columns, weight * data)
    norm = np.sqrt(np.einsum("nii->ni", normal))
    bad = ~(np.isfinite(normal).all(axis=(1, 2)) & np.isfinite(right).all(axis=1) & (norm > 0).all(axis=1))
    norm, one = np.where(bad[:, None], 1.0, norm), np.eye(normal.shape[1])
    normal = np.where(bad[:, None, None], one, normal / norm[:, :, None] / norm[:, None, :])
    bad |= ~(np.linalg.det(normal) > _SINGULAR)
    found = np.linalg.solve(np.where(bad[:, None, None], one, normal), (right / norm)[:, :, None])[:, :, 0]
    return np.where(bad[:, None], np.nan, found / norm)
