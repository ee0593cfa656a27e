"""Smoothing with a Gaussian that passes over missing pixels."""

from __future__ import annotations

import math

import numpy as np

from jwgpu.backend import namespace, ndimage
from jwgpu.numerics.blocks import over_rows

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian, in standard deviations."""

_ROWS = 128


def kernel(sigma: float) -> np.ndarray:
    """Return a Gaussian at whole pixels within four standard deviations, of sum 1."""
    size = math.ceil(8 * sigma)
    half = (size + (size % 2 == 0)) // 2
    values = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return values / values.sum()


def gaussian(data, sigma: float):
    """Return the weighted mean of the pixels around each pixel, (y, x) float32.

    What is not finite is left out of the mean; NaN where nothing is left. Beyond the edges everything is 0.

    Parameters
    ----------
    data : (y, x) float32
    sigma : float
        Standard deviation of the weights in pixels.
    """
    xp, images = namespace(data), ndimage(data)
    weights = xp.asarray(kernel(sigma))
    half, ny = weights.size // 2, data.shape[0]
    smooth = xp.empty_like(data)

    def both(part, beyond, rows):
        along_x = images.correlate1d(part, weights, axis=1, output=np.float64, mode="constant", cval=beyond)
        return images.correlate1d(along_x, weights, axis=0, mode="constant", cval=beyond)[rows]

    def work(rows):
        first = max(rows.start - half, 0)
        part = data[first : min(rows.stop + half, ny)]
        inner = slice(rows.start - first, rows.stop - first)
        there = xp.isfinite(part)
        if bool(there.all()):
            smooth[rows] = both(part, 0.0, inner)
        else:
            share = both(there.astype(np.float32), 1.0, inner)
            total = both(xp.where(there, part, np.float32(0)), 0.0, inner)
            smooth[rows] = xp.where(share > 0, total / xp.where(share > 0, share, 1), np.nan)

    over_rows(work, data, _ROWS)
    return smooth
