"""The background of an image and its noise, from what sigma clipping leaves in boxes of a mesh.

Median and standard deviation of each box; boxes of which little is left get the mean of those around them, weighted by
the inverse of their distance; a median over 3 x 3 boxes takes out single ones that a large source fills; cubic
splines lead from the centres of the boxes to the pixels, within the range that the boxes span.

References
----------
[1] Bertin & Arnouts 1996, doi:10.1051/aas:1996164
"""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.numerics.clipping import ROUNDS

_SIGMA = 3.0
_LEAST = 0.9  # of the pixels of a whole box that must be left of it
_NEIGHBOURS = 10


def background(data, box_size: int, hidden=None):
    """Return the background and the standard deviation about it, at every pixel.

    Parameters
    ----------
    data : (y, x) float32
        What is not finite is left out.
    box_size : int
        Pixels along a side of a box.
    hidden : (y, x) bool, optional
        Pixels to leave out.

    Returns
    -------
    level, noise : (y, x) float32
        Without axes where the image has one value. NaN where no pixel is left. Where no box has enough pixels left,
        the whole image is one box.
    """
    xp = namespace(data)
    good = xp.isfinite(data) if hidden is None else xp.isfinite(data) & ~hidden
    box = tuple(min(box_size, n) for n in data.shape)
    level, noise = _boxes(data, good, box)
    if np.isnan(level).all():
        return tuple(np.float32(value) for value in clipped(data[good])[:2])
    return tuple(_spread(data, _smoothed(mesh), box) for mesh in (level, noise))


def surface(data, good, box: tuple[int, int], window: int = 5):
    """Return the background of an image at every pixel, (y, x) float32; None where no box has enough pixels left.

    Parameters
    ----------
    data : (y, x) float32
    good : (y, x) bool
        The pixels that show background.
    box : (int, int)
        Pixels of a box along y and x.
    window : int
        Boxes along each side of the median that smooths the mesh; odd.
    """
    level, _ = _boxes(data, good, tuple(min(size, n) for size, n in zip(box, data.shape)))
    return None if np.isnan(level).all() else _spread(data, _smoothed(level, window), box)


def clipped(values, *, in_order: bool = False) -> tuple[float, float, int]:
    """Return median, standard deviation and number of what clipping at 3 standard deviations leaves of values (n,).

    Five rounds at most. NaN, NaN and 0 of nothing. `in_order` says that the values are sorted already.
    """
    xp = namespace(values)
    if not values.size:
        return np.nan, np.nan, 0
    ordered = (values if in_order else xp.sort(values)).astype(np.float64)
    origin = float(ordered[values.size // 2])
    ordered -= origin  # sums about the median keep their digits
    nothing = xp.zeros(1)
    sums = [xp.concatenate((nothing, xp.cumsum(v))) for v in (ordered, ordered * ordered)]

    def moments(first, last):
        middle = float(ordered[(first + last - 1) // 2] + ordered[(first + last) // 2]) / 2
        mean, square = (float(s[last] - s[first]) / (last - first) for s in sums)
        return middle, max(square - mean * mean, 0.0) ** 0.5

    first, last = 0, values.size
    middle, spread = moments(first, last)
    for _ in range(ROUNDS):
        limits = xp.asarray([middle - _SIGMA * spread, middle + _SIGMA * spread])
        low = max(int(xp.searchsorted(ordered, limits[:1], side="left")[0]), first)
        high = min(int(xp.searchsorted(ordered, limits[1:], side="right")[0]), last)
        if (low, high) == (first, last):
            break
        first, last = low, high
        middle, spread = moments(first, last)
    return middle + origin, spread, last - first


def _boxes(data, good, box: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return median and standard deviation of each box; NaN where too little of it is left."""
    rows, columns = (range(0, n, size) for n, size in zip(data.shape, box))
    found = np.full((2, len(rows), len(columns)), np.nan)

    def work(place):
        j, i = place
        part = slice(rows[j], rows[j] + box[0]), slice(columns[i], columns[i] + box[1])
        middle, spread, count = clipped(data[part][good[part]])
        if count > _LEAST * box[0] * box[1]:
            found[:, j, i] = middle, spread

    places = list(np.ndindex(found.shape[1:]))
    if backend.is_device_array(data):
        for place in places:
            work(place)
    else:
        backend.each(work, places)
    return found[0], found[1]


def _smoothed(mesh: np.ndarray, window: int = 3) -> np.ndarray:
    """Return a mesh without gaps, after a median over `window` x `window` boxes."""
    lacking = np.isnan(mesh)
    filled = mesh.copy()
    if lacking.any():
        from scipy.spatial import KDTree

        # Of boxes equally far the tree takes some: photutils asks it too.
        tree = KDTree(np.argwhere(~lacking))
        distance, nearest = tree.query(np.argwhere(lacking), k=np.arange(1, min(_NEIGHBOURS, tree.n) + 1))
        weight = 1 / distance
        filled[lacking] = (weight * mesh[~lacking][nearest]).sum(axis=1) / weight.sum(axis=1)
    ny, nx = mesh.shape
    wide = np.pad(filled, window // 2, constant_values=np.nan)
    around = [wide[j : j + ny, i : i + nx] for j in range(window) for i in range(window)]
    return np.nanmedian(np.stack(around), axis=0)


def _spread(data, mesh: np.ndarray, box: tuple[int, int]):
    """Return the splines through a mesh at every pixel of an image, where the image is."""
    xp, kind = namespace(data), "gpu" if backend.is_device_array(data) else "cpu"
    low, high = mesh.min(), mesh.max()
    if low == high:
        return np.float32(low)
    along_y, along_x = (_weights(n, size)[:wanted] for n, size, wanted in zip(mesh.shape, box, data.shape))
    part, along_x = (backend.to(a.astype(np.float32), kind) for a in (along_y @ mesh, along_x.T))
    image = part @ along_x
    return xp.clip(image, np.float32(low), np.float32(high), out=image)


def _weights(n: int, size: int) -> np.ndarray:
    """Return what each of `n` boxes of `size` pixels contributes to each pixel along an axis, (n size, n)."""
    from scipy.ndimage import zoom

    # Box by box: the splines of a few boxes are no identity along an axis that is left as it is.
    return np.stack([zoom(one, size, order=3, mode="reflect", grid_mode=True) for one in np.eye(n)], axis=1)
