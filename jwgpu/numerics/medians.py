"""Medians along a stack of planes, exact, with missing values: of a few planes, and in a window moving along many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jwgpu.backend import namespace

_NETWORK = 48
"""Planes up to which a sorting network wins: its comparisons do not depend on the values."""


def nan_median(planes):
    """Return the median along the first axis of what is not NaN; NaN where all is.

    Of an even number of values it is the mean of the middle two.

    Parameters
    ----------
    planes : (n, ...) float32

    Returns
    -------
    (...) float32
    """
    xp = namespace(planes)
    missing = xp.isnan(planes)
    count = xp.count_nonzero(~missing, axis=0)
    ordered = _sorted(xp, xp.where(missing, np.float32(np.inf), planes))
    if bool((count == len(planes)).all()):
        low, high = ordered[(len(planes) - 1) // 2], ordered[len(planes) // 2]
    else:
        stack = xp.stack(ordered) if isinstance(ordered, list) else ordered
        low = xp.take_along_axis(stack, xp.maximum(count - 1, 0)[None] // 2, axis=0)[0]
        # Of none at all, the first of the infinite ones.
        high = xp.take_along_axis(stack, xp.minimum(count // 2, len(planes) - 1)[None], axis=0)[0]
    middle = (low + high) / np.float32(2)
    return xp.where(count > 0, middle, np.float32(np.nan))


def _sorted(xp, planes):
    """Return the planes in order of size, pixel by pixel."""
    n = len(planes)
    if n > _NETWORK:
        return xp.sort(planes, axis=0)
    ordered = list(planes)
    for i, j in exchanges(n):
        ordered[i], ordered[j] = xp.minimum(ordered[i], ordered[j]), xp.maximum(ordered[i], ordered[j])
    return ordered


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
