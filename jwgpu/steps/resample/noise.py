"""The correlation of the noise of a mosaic, from pieces of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from jwgpu import backend
from jwgpu.data import Exposures
from jwgpu.numerics.correlated import correlation, covariance
from jwgpu.steps.resample.tiles import Plan, window_of

SIDE = 24
"""Pixels of the detector along a side of a piece."""
LARGEST = 72
"""Pixels of the mosaic along it, at most."""
PLACES = ((0.5, 0.5), (0.17, 0.17), (0.17, 0.83), (0.83, 0.17), (0.83, 0.83))
"""Of the pieces in an exposure, in parts of its sides: how drops of exposures lie to each other changes slowly."""
MOST = 16
"""Exposures looked at in a piece: of more, the dithers come to what drops anywhere on the grid come to."""


def correlated(images: Exposures, indices: Sequence[int], maps, shape: tuple[int, int], plan: Plan) -> np.ndarray:
    """Return how pixels of a mosaic correlate with those around them, as `numerics.correlated` has it.

    It is that of pieces of the mosaic, with the places and weights of the pixels that fell there, and the median error
    of each exposure; they lie in the exposure whose middle is closest to the middle of the mosaic.
    """
    middle = (np.array(shape) - 1) / 2
    centres = [_on_grid(maps[k], *PLACES[0]) for k in indices]
    nearest = indices[int(np.argmin([np.hypot(*np.nan_to_num(c - middle, nan=np.inf)) for c in centres]))]
    size = np.minimum(min(int(np.ceil(SIDE / plan.drop.ratio)), LARGEST), shape)
    total = 0.0
    for place in PLACES:
        centre = _on_grid(maps[nearest], *place)
        if np.isfinite(centre).all():
            origin = np.clip(np.rint(centre - size / 2).astype(int), 0, np.array(shape) - size)
            layers = itertools.islice(_layers(images, indices, maps, origin, size, plan), MOST)
            total = total + covariance(plan.drop, layers, origin, size)
    m = np.shape(total)[0] // 2 if np.ndim(total) else 0
    return total / total[m, m] if np.ndim(total) and total[m, m] > 0 else correlation(plan.drop)


def _on_grid(pixmap, down: float, along: float) -> np.ndarray:
    """Return where a pixel, given in parts of the sides of its exposure, falls: (y, x)."""
    sides = (pixmap.rows, down), (pixmap.columns, along)
    y, x = (int(s.start + part * (s.stop - 1 - s.start)) for s, part in sides)
    x_there, y_there = (float(backend.to_host(c)[1, 1]) for c in pixmap(slice(y, y + 1), slice(x, x + 1)))
    return np.array([y_there, x_there])


def _layers(images: Exposures, indices, maps, origin, size, plan: Plan) -> Iterator[tuple]:
    """Yield where the pixels of each exposure that falls on a piece fall, their weights, and their noise."""
    for k in indices:
        found = window_of(images[k], maps[k], origin, size, plan, images.device)
        if found is None:
            continue
        window, part, weight, _ = found
        weight, err = backend.to_host(weight), part.get("err")
        noise = backend.to_host(err)[weight > 0] if err is not None else np.ones(1)
        noise = float(np.median(noise)) if noise.size else 1.0
        yield *(backend.to_host(c) for c in maps[k](*window)), weight, noise if noise > 0 else 1.0
