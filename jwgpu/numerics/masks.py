"""Operations on boolean planes."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data.flags import PIXEL


def grow(mask, n_pixels: int):
    """Return `mask` grown by `n_pixels` on every side, corners included.

    Each true pixel turns the (2 n + 1) x (2 n + 1) square around it true. The square is separable: shifts along y,
    then along x, cost 4 n passes instead of (2 n + 1)**2.

    Parameters
    ----------
    mask : bool array (y, x)
    n_pixels : int
        0 returns a copy.
    """
    tall = mask.copy()
    for shift in range(1, min(n_pixels, mask.shape[0] - 1) + 1):
        tall[shift:] |= mask[:-shift]
        tall[:-shift] |= mask[shift:]
    square = tall.copy()
    for shift in range(1, min(n_pixels, mask.shape[1] - 1) + 1):
        square[:, shift:] |= tall[:, :-shift]
        square[:, :-shift] |= tall[:, shift:]
    return square


def opened(mask, radius: int):
    """Return the pixels of `mask` (y, x) that lie in a disk of true pixels: erosion, then dilation by the disk.

    The disk holds the offsets with dy**2 + dx**2 <= radius**2. Outside of the image all is true.
    """
    xp = namespace(mask)
    wide = xp.pad(mask, radius, constant_values=True)
    n_columns, flat = wide.shape[1], wide.ravel()
    reach = range(-radius, radius + 1)
    disk = [dy * n_columns + dx for dy in reach for dx in reach if dy * dy + dx * dx <= radius * radius]
    place = xp.flatnonzero(mask)
    place = (place // mask.shape[1] + radius) * n_columns + place % mask.shape[1] + radius
    for offset in disk:
        place = place[flat[place + offset]]
    left = xp.zeros(wide.size, dtype=bool)
    for offset in disk:
        left[place + offset] = True
    return left.reshape(wide.shape)[radius : radius + mask.shape[0], radius : radius + mask.shape[1]]


def around(place, radius, shape: tuple[int, int]):
    """Return which pixels of an image lie within some distance of points.

    Parameters
    ----------
    place : (n,) int
        Flat places of the points.
    radius : (n,) float
        Pixels; each point has its own.
    shape : (int, int)

    Returns
    -------
    (y, x) bool
    """
    xp = namespace(place)
    if not len(place):
        return xp.zeros(shape, dtype=bool)
    most, width = int(radius.max()), shape[1] + 1
    # A disk is a run of pixels in each of its rows: where runs begin and end is counted, then summed along the row.
    dy = xp.arange(-most, most + 1)
    y, x = (place // shape[1])[:, None] + dy, (place % shape[1])[:, None]
    room = (radius * radius)[:, None] - (dy * dy)
    half = xp.floor(xp.sqrt(xp.maximum(room, 0))).astype(np.int64)
    inside = (room >= 0) & (y >= 0) & (y < shape[0])
    first = (y * width + xp.maximum(x - half, 0))[inside]
    last = (y * width + xp.minimum(x + half + 1, shape[1]))[inside]
    n = shape[0] * width
    change = xp.bincount(first, minlength=n) - xp.bincount(last, minlength=n)
    return (xp.cumsum(change.reshape(shape[0], width), axis=1) > 0)[:, :-1]


def spread_invalid(xp, arrays, dq) -> None:
    """Let what is NaN in one array, or DO_NOT_USE, be so in all, in place.

    Parameters
    ----------
    xp : module
        Library of the arrays.
    arrays : sequence of float32 arrays
    dq : uint32 array of their shape, flags of `data.flags.PIXEL`
    """
    bad = np.uint32(PIXEL.DO_NOT_USE)
    invalid = dq & bad != 0
    for array in arrays:
        invalid |= xp.isnan(array)
    for array in arrays:
        xp.copyto(array, np.float32(np.nan), where=invalid)
    dq |= xp.where(invalid, bad, np.uint32(0))
