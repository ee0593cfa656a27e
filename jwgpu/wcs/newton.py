"""The inverse of a transform to the sky that comes without one."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace

STEP = 0.5  # pixels; half the distance over which slopes are taken
ENOUGH = 1e-8  # pixels
ROUNDS = 30


def invert(forward, lon, lat, start: tuple[float, float]):
    """Return the pixels whose sky coordinates are given, by Newton's method.

    Parameters
    ----------
    forward : callable
        (x, y) to (longitude, latitude), pixels to degrees.
    lon, lat : float64 arrays of one shape
    start : (x, y)
        Pixel to begin with, the middle of the detector for example.

    Returns
    -------
    x, y : float64 arrays
        NaN where the search did not settle to 1e-8 pixel.
    """
    xp = namespace(lon, lat)
    x, y = xp.full(lon.shape, float(start[0])), xp.full(lon.shape, float(start[1]))
    across = xp.cos(lat * (np.pi / 180))

    def difference(a, b):
        return (xp.remainder(a[0] - b[0] + 180, 360.0) - 180) * across, a[1] - b[1]

    settled = xp.zeros(lon.shape, bool)
    with np.errstate(all="ignore"):
        for _ in range(ROUNDS):
            lacking = difference((lon, lat), forward(x, y))
            along_x = difference(forward(x + STEP, y), forward(x - STEP, y))
            along_y = difference(forward(x, y + STEP), forward(x, y - STEP))
            determinant = (along_x[0] * along_y[1] - along_x[1] * along_y[0]) / (2 * STEP)
            dx = (lacking[0] * along_y[1] - lacking[1] * along_y[0]) / determinant
            dy = (lacking[1] * along_x[0] - lacking[0] * along_x[1]) / determinant
            x, y = x + dx, y + dy
            settled = (abs(dx) < ENOUGH) & (abs(dy) < ENOUGH)
            if bool((settled | xp.isnan(x) | xp.isnan(y)).all()):
                break
    return xp.where(settled, x, xp.nan), xp.where(settled, y, xp.nan)
