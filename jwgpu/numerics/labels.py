"""Which pixels belong together: those that touch, by sides or corners, are one blob.

Flagged pixels are few. On the host they are joined as runs along the rows, which meet those of the row before: what is
looked at grows with the pixels, not with the image. A GPU labels the whole image at once.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace, ndimage


def carriers(flags, bits):
    """Return the flat places, ascending, of the pixels of `flags` (y, x) uint8 that carry one of `bits`."""
    xp = namespace(flags)
    bits = np.uint8(bits)
    if xp is not np or not flags.flags.c_contiguous or flags.size % 8:
        return xp.flatnonzero((flags & bits) != 0)
    # Eight pixels at a time: most carry nothing.
    words = flags.reshape(-1).view(np.uint64)
    some = np.flatnonzero((words & np.full(8, bits).view(np.uint64)) != 0)
    word, byte = np.nonzero((flags.reshape(-1, 8)[some] & bits) != 0)
    return 8 * some[word] + byte


def label(place, shape: tuple[int, int]):
    """Return to which blob each of some pixels belongs, counted from 0 by their first pixels, and how many there are.

    Parameters
    ----------
    place : (n,) int
        Flat places of the pixels, ascending.
    shape : (int, int)
        Of the image.
    """
    xp = namespace(place)
    if not len(place):
        return place, 0
    if xp is np:
        return _label_runs(place, shape[1])
    mask = xp.zeros(shape, dtype=bool)
    mask.ravel()[place] = True
    labels, n_blobs = ndimage(mask).label(mask, structure=xp.ones((3, 3), dtype=bool))
    return labels.ravel()[place] - 1, n_blobs


def _label_runs(place, n_columns: int):
    y, x = np.divmod(place, n_columns)
    begins = np.ones(len(place), dtype=bool)
    begins[1:] = (np.diff(place) != 1) | (x[1:] == 0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(place)) - 1
    # Rows lie so far apart in these numbers that a pixel has no neighbour in the row that is not next to it.
    width = n_columns + 2
    start, end = (y[k] * width + x[k] + 1 for k in (first, last))
    low = np.searchsorted(end, start - width - 1)
    n_above = np.maximum(np.searchsorted(start, end - width + 1, side="right") - low, 0)
    below = np.repeat(np.arange(len(first)), n_above)
    above = np.arange(len(below)) + np.repeat(low - (np.cumsum(n_above) - n_above), n_above)
    root = np.arange(len(first))
    while True:
        a, b = root[below], root[above]
        apart = a != b
        if not apart.any():
            break
        np.minimum.at(root, np.maximum(a, b)[apart], np.minimum(a, b)[apart])
        while (root != root[root]).any():
            root = root[root]
    number = np.cumsum(root == np.arange(len(root))) - 1
    return number[root][np.cumsum(begins) - 1], int(number[-1]) + 1
