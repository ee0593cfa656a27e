"""Medians along a stack of planes, exact, with missing values: of a few planes, and in a window moving along many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jwgpu.backend import namespace

_NETWORK = 48
"""Planes up to which a sorting network wins: its comparisons do not depend on the values."""


def nan_median(planes):
    """Return the median of planes of what is not NaN; NaN where all are.

    Of an even number of values it is the mean of the middle two.

    Parameters
    ----------
    planes : (n, ...) float32, or sequence of n float32 arrays of one shape

    Returns
    -------
    (...) float32
    """
    planes = list(planes)
    xp, n = namespace(*planes), len(planes)
    count = xp.zeros(planes[0].shape, np.int32)
    filled = []
    for plane in planes:
        missing = xp.isnan(plane)
        count += ~missing
        filled.append(xp.where(missing, np.float32(np.inf), plane))
    ordered = _sorted(xp, filled)
    if bool((count == n).all()):
        low, high = ordered[(n - 1) // 2], ordered[n // 2]
    else:
        stack = xp.stack(ordered) if isinstance(ordered, list) else ordered
        low = xp.take_along_axis(stack, xp.maximum(count - 1, 0)[None] // 2, axis=0)[0]
        # Of none at all, one of the infinite ones.
        high = xp.take_along_axis(stack, xp.minimum(count // 2, n - 1)[None], axis=0)[0]
    return xp.where(count > 0, (low + high) / np.float32(2), np.float32(np.nan))


def _sorted(xp, planes: list):
    """Return planes in order of size, pixel by pixel."""
    if len(planes) > _NETWORK:
        return xp.sort(xp.stack(planes), axis=0)
    for i, j in exchanges(len(planes)):
        planes[i], planes[j] = xp.minimum(planes[i], planes[j]), xp.maximum(planes[i], planes[j])
    return planes


def exchanges(n: int) -> Iterator[tuple[int, int]]:
    """Yield pairs (i, j), i < j, whose comparison and exchange in turn sorts n values.

    Batcher's merge exchange (Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M).
    """
    top = 1 << max(n - 1, 0).bit_length() >> 1
    p = top if n > 1 else 0
    while p:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    yield i, i + d
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


def rolling_median(planes, width: int):
    """Return the median of a window that moves along the first axis; where it is incomplete, the nearest complete one.

    A window with a NaN in it has none. A window of even width has its later half on its own side.

    Parameters
    ----------
    planes : (n, ...) float32
    width : int
        From 2 to n.

    Returns
    -------
    (n, ...) float64
    """
    xp = namespace(planes)
    found = xp.empty(planes.shape, np.float64)
    planes = planes if width % 2 else planes.astype(np.float64)  # the mean of two is not rounded
    before = width // 2
    for first in range(len(planes) - width + 1):
        found[first + before] = xp.median(planes[first : first + width], axis=0)
    last = len(planes) - width + before
    found[:before] = found[before]
    found[last + 1 :] = found[last]
    return found


def block_medians(image, size: int):
    """Return the medians of square blocks of an image; of an even number of values the lower one of the middle two.

    Parameters
    ----------
    image : (y, x) float32
        Infinity stands for values that take no part; no value is NaN.
    size : int
        Side of a block. Rows and columns left over at the end are in none.

    Returns
    -------
    (y // size, x // size) float32
        NaN where less than half of a block takes part.
    """
    xp = namespace(image)
    n_y, n_x = (n // size for n in image.shape)
    blocks = image[: n_y * size, : n_x * size].reshape(n_y, size, n_x, size).swapaxes(1, 2).reshape(n_y, n_x, -1)
    ordered = xp.sort(blocks, axis=-1)
    count = xp.count_nonzero(ordered < np.float32(np.inf), axis=-1)
    found = xp.take_along_axis(ordered, xp.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    return xp.where(2 * count >= size * size, found, np.float32(np.nan))
