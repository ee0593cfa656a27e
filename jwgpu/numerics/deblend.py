"""Sources that touch, told apart: levels that split a source give the seeds, from which its pixels are flooded.

Between the faintest and the brightest pixel of a source lie `n_levels` levels. Parts of the source above a level that
hold `n_pixels` or more are seeds where there are two or more of them in one seed of the level before. From the seeds
the whole source is flooded in the order of brightness. As long as one of them gets less than `contrast` of the light,
the faintest is given up.

References
----------
[1] Bertin & Arnouts 1996, doi:10.1051/aas:1996164
[2] Vincent & Soille 1991, doi:10.1109/34.87344
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

_TOO_MANY = 200  # seeds, with which levels are spaced evenly instead
_AT_ONCE = 1 << 22  # pixels of all levels that are looked at together


@dataclasses.dataclass(frozen=True)
class Levels:
    """How sources are told apart; names as in the module's docstring. `mode` spaces the levels."""

    n_pixels: int
    n_levels: int = 32
    contrast: float = 0.001
    mode: str = "exponential"
    connectivity: int = 8

    @property
    def structure(self) -> np.ndarray:
        """Which neighbours touch a pixel, (3, 3) bool."""
        return ndimage.generate_binary_structure(2, 2 if self.connectivity == 8 else 1)

    def thresholds(self, low: float, high: float) -> tuple[np.ndarray, bool]:
        """Return the levels between two values, and whether they are spaced evenly."""
        even = np.linspace(0.0, 1.0, self.n_levels + 2)[1:-1]
        if self.mode == "exponential" and low > 0:
            return low * (high / low) ** even, False
        if self.mode == "sinh":
            return low + (high - low) * np.sinh(4 * even) / np.sinh(4.0), False
        return low + (high - low) * even, True


def deblend(data: np.ndarray, labels: np.ndarray, levels: Levels) -> np.ndarray:
    """Return the labels of sources told apart.

    Parameters
    ----------
    data : (y, x) float32
        The smoothed image in which the sources were found.
    labels : (y, x) int32
        0 outside of sources, which count from 1.
    levels : Levels

    Returns
    -------
    (y, x) int32
        Sources that stay whole come first, in their order; then the parts of the others. Counted from 1.
    """
    parted, last = labels.copy(), int(labels.max())
    gone = np.zeros(last + 1, bool)
    if levels.contrast == 1:
        return parted
    for label, place in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[place] == label
        seeds = _split(data[place], inside, levels) if np.count_nonzero(inside) >= 2 * levels.n_pixels else None
        if seeds is not None:
            parted[place][inside] = seeds[inside] + last
            last += int(seeds.max())
            gone[label] = True
    if not gone.any():
        return parted
    order = np.zeros(last + 1, np.int32)
    kept = np.concatenate((np.flatnonzero(~gone[1:]) + 1, np.arange(gone.size, last + 1)))
    order[kept] = np.arange(1, kept.size + 1)
    sources = np.flatnonzero(parted)
    parted.ravel()[sources] = order[parted.ravel()[sources]]
    return parted


def _split(data: np.ndarray, inside: np.ndarray, levels: Levels) -> np.ndarray | None:
    """Return the parts of one source, counted from 1; None where it stays whole."""
    height = np.where(inside, data, -np.inf)
    peaks = inside & (height == ndimage.maximum_filter(height, footprint=levels.structure))
    if np.count_nonzero(peaks) < 2:
        return None
    values = np.sort(data[inside])
    thresholds, even = levels.thresholds(float(values[0]), float(values[-1]))
    seeds = _seeds(data, inside, values, thresholds, levels)
    if seeds is not None and not even and np.unique(seeds).size - 1 > _TOO_MANY:
        thresholds, _ = dataclasses.replace(levels, mode="linear").thresholds(float(values[0]), float(values[-1]))
        seeds = _seeds(data, inside, values, thresholds, levels)
    return None if seeds is None else _flood(data, inside, seeds, levels)


def _seeds(data, inside, values, thresholds, levels: Levels) -> np.ndarray | None:
    """Return the seeds of one source; None where no level has two."""
    enough = values[-2 * levels.n_pixels]  # above it there is no room for two
    seeds, structure = None, levels.structure
    for parts in _parts(data, inside, thresholds[thresholds < enough], levels.n_pixels, structure):
        if seeds is None:
            seeds = parts
            continue
        pairs = np.unique(np.stack((seeds, parts))[:, (seeds > 0) & (parts > 0)], axis=1)
        parents, children = np.unique(pairs[0], return_counts=True)
        split = np.isin(seeds, parents[children > 1])
        if split.any():
            seeds, _ = ndimage.label(np.where(split, parts > 0, seeds > 0), structure)
    return seeds


def _parts(data, inside, thresholds, n_pixels: int, structure):
    """Give the parts above each level, labelled, for levels at which at least two are large enough."""
    flat = np.zeros((3, 3, 3), bool)
    flat[1] = structure  # what lies above another level does not touch
    step = max(1, _AT_ONCE // inside.size)
    for k in range(0, len(thresholds), step):
        above = (data > thresholds[k : k + step, None, None]) & inside
        parts, n = ndimage.label(above, flat)
        large = np.bincount(parts.ravel(), minlength=n + 1) >= n_pixels
        large[0] = False
        tops = np.maximum.accumulate(parts.max(axis=(1, 2)))
        for plane, low, top in zip(parts, (0, *tops), tops):
            if np.count_nonzero(large[low + 1 : top + 1]) > 1:
                yield np.where(large[plane], plane, 0)


def _flood(data, inside, seeds, levels: Levels) -> np.ndarray | None:
    """Return the parts of one source, counted from 1, that grow from its seeds; None where one is left."""
    from skimage.segmentation import watershed

    total = data[inside].sum(dtype=np.float64)
    while True:
        seeds = watershed(-data, seeds, mask=inside, connectivity=levels.structure)
        flux = np.bincount(seeds[inside], data[inside])
        there = np.flatnonzero(np.bincount(seeds[inside]))
        if there.size == 1:
            return None
        faintest = there[np.argmin(flux[there])]
        if flux[faintest] >= levels.contrast * total:
            order = np.zeros(there[-1] + 1, np.int32)
            order[there] = np.arange(1, there.size + 1)
            return order[seeds]
        seeds[seeds == faintest] = 0
