"""Blotting: the values of an image at the places that the pixels of another one fall on.

Between the four pixels around a place, values are interpolated linearly in both directions.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace


def blot(image, x, y, origin: tuple[int, int] = (0, 0), shape: tuple[int, int] | None = None):
    """Return the values of an image at places between its pixels.

    With f the value at whole pixels, and s, t the parts of x, y behind the point::

        (1-s)(1-t) f(x, y) + s (1-t) f(x+1, y) + (1-s) t f(x, y+1) + s t f(x+1, y+1)

    Beyond the last column or row there is nothing to interpolate with: its value holds for the whole pixel.

    Parameters
    ----------
    image : (y, x) float32
        NaN spreads to all places next to it.
    x, y : float64 arrays of one shape
        In pixels. They are rounded to float32, as in the `drizzle` library.
    origin : (int, int)
        Row and column of the first pixel of `image`, where that is a window of a larger one.
    shape : (int, int), optional
        Rows and columns of the whole, where `image` is a window.

    Returns
    -------
    float32 array
        NaN outside of the image, and where a place is NaN.
    """
    xp = namespace(image, x, y)
    shape = image.shape if shape is None else shape
    x, y = xp.asarray(x, np.float32), xp.asarray(y, np.float32)
    inner = [_lowest(xp, c) >= o and _highest(xp, c) < min(o + n, whole) - 1
             for c, o, n, whole in zip((y, x), origin, image.shape, shape)]  # fmt: skip
    if all(inner):
        column, row = x.astype(np.int32), y.astype(np.int32)
        place = (row - np.int32(origin[0])).astype(np.int64) * image.shape[1] + (column - np.int32(origin[1]))
        s, t = x - column.astype(np.float32), y - row.astype(np.float32)
        return _mixed(image.ravel(), place, 1, image.shape[1], s, t)
    column, s, right = _between(xp, x, origin[1], shape[1], image.shape[1])
    row, t, above = _between(xp, y, origin[0], shape[0], image.shape[0])
    known = (column >= 0) & (row >= 0)
    place = xp.where(known, row * image.shape[1] + column, 0)
    right, above = xp.where(known, right, 0), xp.where(known, above * image.shape[1], 0)
    return xp.where(known, _mixed(image.ravel(), place, right, above, s, t), np.float32(np.nan))


def _lowest(xp, places) -> float:
    return float(xp.min(places)) if places.size else 0.0


def _highest(xp, places) -> float:
    return float(xp.max(places)) if places.size else 0.0


def _mixed(flat, place, right, above, s, t):
    """Return the mean of four pixels: at places in a flat image, to the right, above, and both."""
    one = np.float32(1)
    back_s, back_t = one - s, one - t
    # In the order of the official sum, so that the last bit agrees.
    found = back_s * back_t * flat[place]
    found += s * back_t * flat[place + right]
    found += t * back_s * flat[place + above]
    found += s * t * flat[place + (right + above)]
    return found


def _between(xp, place, origin: int, n: int, n_here: int):
    """Return the pixel below each place, the part behind the point, and how far the next pixel is (0 at the end).

    Pixels count from the window's first; they are -1 for places outside.
    """
    inside = (place >= 0) & (place < n)
    whole = xp.where(inside, place, 0).astype(np.int64)
    part = xp.where(inside, place - whole.astype(np.float32), np.float32(0))
    part = xp.where(whole == n - 1, np.float32(0), part)
    step = (part > 0).astype(np.int64)
    here = whole - origin
    inside &= (here >= 0) & (here + step < n_here)
    return xp.where(inside, here, -1), part, step
