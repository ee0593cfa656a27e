"""The noise of a mosaic: neighbouring pixels have it in common, so that it averages down less than it seems.

Drizzle lets an input pixel fall into several output pixels. Per pixel the noise comes out smaller, and the noise of the
mean over a large aperture is larger than that of as many independent pixels by the factor R, the square root of the sum
of the correlations of a pixel with all others. With the parts a_ij of input pixel i, of weight w_i and noise s_i, that
fall into output pixel j::

    C_jk = sum_i a_ij a_ik w_i**2 s_i**2 / (W_j W_k)     W_j = sum_i a_ij w_i     R**2 = sum_k <C_jk> / <C_jj>

`covariance` adds up the parts of the exposures that made a piece of a mosaic: how they are dithered, turned and
weighted counts. `correlation` takes drops of one kind anywhere on the grid, which many dithers come to. For square
drops of side d = p / r output pixels (p: pixfrac, r: side of an output pixel over that of an input pixel), along the
axes of the grid, Fruchter & Hook (2002) find for the variances what `correlation` gives within 0.3% of R::

    R = d / (1 - 1 / (3 d))        d >= 1
    R = 1 / (1 - d / 3)            d < 1

R is 1.5 with pixels as large as the detector's, 2.4 with half, and 4.4 with a quarter of their side.

R is measured against the *scatter* of the pixels (an rms of empty sky, for example), with which errors of apertures
come out too small. `err` and the variances of a mosaic by `resample` are averages of the errors of the exposures, which
averaging within an exposure has not made smaller, over r: they are larger than the scatter by about R, and
sqrt(sum(err**2)) over a large aperture is about right as it stands; over small ones it is too large.

References: Fruchter & Hook 2002, doi:10.1086/338393; Casertano et al. 2000, doi:10.1086/316851.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from jwgpu.numerics import drops
from jwgpu.numerics.drops import Drop

_PHASES = 12


def noise_scale(correlation: np.ndarray, size: float | None = None) -> float:
    """Return by which factor the noise of a sum over pixels of a mosaic is larger than their scatter says.

    With pixels that scatter by s, the error of the flux in an aperture of n pixels is ``noise_scale * s * sqrt(n)``
    where the aperture is large against a drop. For a smaller one give its side: less of the correlation lies within it.

    Parameters
    ----------
    correlation : (2 m + 1, 2 m + 1) array
        As of `correlation`, or `covariance` over its middle.
    size : float, optional
        Side in output pixels of a square of the area of the aperture.

    Returns
    -------
    float
        At least 1 for kernels that are positive.
    """
    reach = len(correlation) // 2
    lag = np.abs(np.arange(-reach, reach + 1))
    inside = np.ones(len(correlation)) if size is None else np.clip(1 - lag / max(size, 1.0), 0, None)
    return float(np.sqrt(inside @ correlation @ inside))


def covariance(drop: Drop, layers: Iterable, origin, shape) -> np.ndarray:
    """Return the covariance of pixels of a piece of a mosaic with those around them, summed up over the piece.

    Parameters
    ----------
    drop : Drop
    layers : iterable of (x, y, weight, noise)
        Of each exposure: where its pixels fall, (ny + 2, nx + 2), as `Canvas.add` has it; weights (ny, nx); standard
        deviation of a pixel.
    origin, shape : (y, x)
        The piece. Pixels closer to its edge than two drops are neighbours alone.

    Returns
    -------
    (2 m + 1, 2 m + 1) float64
        With the pixels up to m away. Over its middle, the variances, it is the correlation.
    """
    from scipy.sparse import coo_array

    m, found, first = _extent(drop), [], 0
    for x, y, weight, noise in layers:
        number = first + np.arange(weight.size).reshape(weight.shape)
        first += weight.size
        with np.errstate(all="ignore"):
            for part, column, row, counts in drops.falling(np, drop, x, y, origin, shape):
                given = part * weight
                counts = counts & (given != 0)
                place = ((row - origin[0]) * shape[1] + (column - origin[1]))[counts]
                found.append((place.astype(np.int64), number[counts], given[counts], np.full(place.size, noise)))
    place, number, given, noise = (np.concatenate(c) for c in zip(*found)) if found else (np.zeros(0, int),) * 4
    n = shape[0] * shape[1]
    total = np.bincount(place, given, minlength=n)
    share = coo_array((given / total[place] * noise, (place, number)), shape=(n, max(first, 1))).tocsr()
    pairs = (share @ share.T).tocoo()
    (y, x), (other_y, other_x) = (np.divmod(index, shape[1]) for index in pairs.coords)
    inner = (y >= m) & (y < shape[0] - m) & (x >= m) & (x < shape[1] - m)
    inner &= (abs(other_y - y) <= m) & (abs(other_x - x) <= m)
    summed = np.zeros((2 * m + 1, 2 * m + 1))
    np.add.at(summed, ((other_y - y + m)[inner], (other_x - x + m)[inner]), pairs.data[inner])
    return summed


@functools.cache
def correlation(drop: Drop) -> np.ndarray:
    """Return the correlation of a pixel of a mosaic with those around it, in the mean over all places of the drops.

    Parameters
    ----------
    drop : Drop

    Returns
    -------
    (2 m + 1, 2 m + 1) float64
        Of the pixels up to m away, 1 in the middle.
    """
    m = _extent(drop)
    spectra = np.fft.rfft2(_anywhere(drop, m), (4 * m + 2, 4 * m + 2))
    together = np.fft.irfft2((abs(spectra) ** 2).sum(axis=0), (4 * m + 2, 4 * m + 2))
    total = np.roll(together, (m, m), (0, 1))[: 2 * m + 1, : 2 * m + 1]
    return total / total[m, m]


def _extent(drop: Drop) -> int:
    """Return how many pixels away others may share a drop; one that is a square may lie across the grid."""
    reach = drop.half / drop.ratio * 2**0.5 if drop.kernel == "square" else 0 if drop.kernel == "point" else drop.reach
    return int(2 * reach + 1)


def _anywhere(drop: Drop, m: int) -> np.ndarray:
    """Return the parts of a drop in the pixels around it, (place, 2 m + 1, 2 m + 1), for places all over a pixel."""
    shift = (np.arange(_PHASES) + 0.5) / _PHASES - 0.5
    dy, dx = (d.ravel() for d in np.meshgrid(shift, shift, indexing="ij"))
    side = 1 / drop.ratio  # of an input pixel
    offsets = side * np.arange(-1.0, 2.0)
    x, y = m + dx + np.tile(offsets, (3, 1))[..., None], m + dy + np.tile(offsets, (3, 1)).T[..., None]
    parts = np.zeros((dx.size, 2 * m + 1, 2 * m + 1))
    with np.errstate(all="ignore"):
        for part, column, row, counts in drops.falling(np, drop, x, y, (0, 0), parts.shape[1:]):
            (place,) = np.nonzero(counts[0, 0])
            row, column = (a[0, 0, place].astype(int) for a in (row, column))
            parts[place, row, column] += part[0, 0, place]
    return parts
