"""How sharp and how round a source is, by its likeness to a Gaussian.

References
----------
[1] Stetson 1987, doi:10.1086/131977
"""

from __future__ import annotations

import numpy as np


def shapes(data: np.ndarray, x: np.ndarray, y: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return sharpness and roundness of sources, (n,) float64.

    The image is correlated with a Gaussian of sum 0 that is cut off at 1.5 standard deviations, 2 pixels at least. The
    sharpness is the height of the central pixel above the mean of the others under the Gaussian, by the height of the
    Gaussian that fits. The roundness is 0 where four quadrants of the correlated image hold the same, else negative
    for sources that extend along x and positive for those along y.

    Parameters
    ----------
    data : (y, x) float32
    x, y : (n,)
        Positions; where they are not finite the results are NaN.
    sigma : float
        Standard deviation of the Gaussian in pixels; for 0 all results are NaN.
    """
    if sigma == 0:
        return np.full(len(x), np.nan), np.full(len(x), np.nan)
    half = int(max(2.0, 1.5 * sigma))
    weights, disk = _kernel(half, sigma)
    finite = np.isfinite(x + y)
    cx, cy = (np.ceil(np.where(finite, v, -1000.0) - 0.5).astype(np.int64) for v in (x, y))
    stamp = _stamps(data, cx, cy, 2 * half)
    height = _correlate(stamp, weights)
    # Beyond the edge of the image there is nothing, not even where the correlation would reach.
    height *= _stamps(np.ones(data.shape, bool), cx, cy, half)
    near = stamp[:, half:-half, half:-half]
    peak = near[:, half, half]
    with np.errstate(all="ignore"):
        others = ((near * disk).sum(axis=(1, 2)) - peak) / (disk.sum() - 1)
        sharpness = (peak - others) / height[:, half, half]
        height[:, half, half] = 0
        first, second = height[:, : half + 1, half + 1 :], height[:, :half, : half + 1]
        third, fourth = height[:, half:, :half], height[:, half + 1 :, half:]
        twofold = sum(s * q.sum(axis=(1, 2)) for s, q in ((-1, first), (1, second), (-1, third), (1, fourth)))
        whole = np.abs(height).sum(axis=(1, 2))
        roundness = 2 * twofold / np.where(whole == 0, np.nan, whole)
    return np.where(finite, sharpness, np.nan), np.where(finite, roundness, np.nan)


def _kernel(half: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gaussian of sum 0 and the disk on which it is not 0."""
    v, u = np.mgrid[-half : half + 1, -half : half + 1]
    disk = (np.hypot(u, v) <= max(2.0, 1.5 * sigma)).astype(float)
    peak = np.exp(-0.5 * (u * u + v * v) / sigma**2) * disk
    mean = peak.sum() / disk.sum()
    return (peak - mean) / ((peak**2).sum() - peak.sum() * mean) * disk, disk


def _stamps(plane: np.ndarray, cx, cy, half: int) -> np.ndarray:
    """Return squares about pixels (cx, cy), (n, 2 half + 1, 2 half + 1) float64; 0 beyond the edges."""
    steps = np.arange(-half, half + 1)
    rows, columns = (cy[:, None] + steps)[:, :, None], (cx[:, None] + steps)[:, None, :]
    there = (rows >= 0) & (rows < plane.shape[0]) & (columns >= 0) & (columns < plane.shape[1])
    return np.where(there, plane[np.where(there, rows, 0), np.where(there, columns, 0)], 0).astype(float)


def _correlate(stamp: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the correlation of squares with weights, where the weights lie within."""
    n = weights.shape[0]
    size = stamp.shape[1] - n + 1
    found = np.zeros((stamp.shape[0], size, size))
    for j, i in np.argwhere(weights):  # what has no weight may be NaN
        found += weights[j, i] * stamp[:, j : j + size, i : i + size]
    return found
