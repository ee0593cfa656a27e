"""The noise of a mosaic: neighbouring pixels have it in common, so that it averages down less than it seems.

Drizzle lets an input pixel fall into several output pixels. Per pixel the noise comes out smaller, and the noise of the
mean over a large aperture is larger than that of as many independent pixels by the factor R, the square root of the sum
of the correlations of a pixel with all others. With the parts a_ij of input pixel i that fall into output pixel j, and
all input pixels alike, of variance s**2 and of a weight that adds up to W_j = sum_i a_ij::

    C_jk = s**2 sum_i a_ij a_ik / (W_j W_k)          R**2 = sum_k C_jk / C_jj

For square drops of side d = p / r output pixels (p: pixfrac, r: side of an output pixel over that of an input pixel),
along the axes of the grid, anywhere on it, Fruchter & Hook (2002) find for the variances::

    R = d / (1 - 1 / (3 d))        d >= 1
    R = 1 / (1 - d / 3)            d < 1

`noise_scale` adds up the parts, for any kernel; it agrees with this to 0.3%.

R is measured against the *scatter* of the pixels (an rms of empty sky, for example), with which errors of apertures
come out too small. `err` and the variances of a mosaic by `resample` are averages of the errors of the exposures, which
averaging within an exposure has not made smaller, over r: they are larger than the scatter by about R, and
sqrt(sum(err**2)) over a large aperture is about right as it stands.

References: Fruchter & Hook 2002, doi:10.1086/338393; Casertano et al. 2000, doi:10.1086/316851.
"""

from __future__ import annotations

import functools

import numpy as np

from jwgpu.numerics import drops
from jwgpu.numerics.drops import Drop

_PHASES = 12


def noise_scale(drop: Drop, size: float | None = None) -> float:
    """Return by which factor the noise of a sum over pixels of a mosaic is larger than their scatter says.

    With pixels that scatter by s, the error of the flux in an aperture of n pixels is ``noise_scale * s * sqrt(n)``
    where the aperture is large against a drop. For a smaller one give its side: less of the correlation lies within it.

    Parameters
    ----------
    drop : Drop
        Kernel, pixfrac and ratio of scales of the mosaic (`meta.resample`).
    size : float, optional
        Side in output pixels of a square of the area of the aperture.

    Returns
    -------
    float
        At least 1 for kernels that are positive.
    """
    c = correlation(drop)
    reach = len(c) // 2
    lag = np.abs(np.arange(-reach, reach + 1))
    inside = np.ones(c.shape[0]) if size is None else np.clip(1 - lag / max(size, 1.0), 0, None)
    return float(np.sqrt(inside @ c @ inside))


def mosaic_noise_scale(meta, size: float | None = None) -> float:
    """Return the `noise_scale` of a mosaic from its metadata (`meta.resample`); 1 where they do not tell of one."""
    kernel, pixfrac = meta.get("resample.kernel"), meta.get("resample.pixfrac")
    ratio = meta.get("resample.pixel_scale_ratio")
    if kernel is None or pixfrac is None:
        return 1.0
    return noise_scale(Drop(kernel, float(pixfrac), float(ratio or 1.0)), size)


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
    reach = drop.half / drop.ratio if drop.kernel == "square" else 0.5 if drop.kernel == "point" else drop.reach
    m = int(np.ceil(2 * reach + 1))
    spectra = np.fft.rfft2(_anywhere(drop, m), (4 * m + 2, 4 * m + 2))
    together = np.fft.irfft2((abs(spectra) ** 2).sum(axis=0), (4 * m + 2, 4 * m + 2))
    total = np.roll(together, (m, m), (0, 1))[: 2 * m + 1, : 2 * m + 1]
    return total / total[m, m]


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
