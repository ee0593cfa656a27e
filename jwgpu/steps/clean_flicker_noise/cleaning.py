"""One image, cleaned: its background is set aside, its stripes are measured in what shows nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics import mesh, nsclean
from jwgpu.numerics.background import level, symmetric_pixels
from jwgpu.numerics.stripes import masked_median

_LIMIT = 3.0
_LARGEST_BOX = 32
_AMPLIFIERS = 4


@dataclass(frozen=True)
class Cleaner:
    """How images of an exposure are cleaned.

    Attributes
    ----------
    fit_method, background_method, n_sigma
        As in the step.
    box : (int, int)
        Pixels of a box of the background along y and x.
    axis : int
        The axis of the image along which a stripe runs.
    outputs : int
        Parts of that axis with stripes of their own.
    backwards : bool
        Whether lines are read against their index (`fft`).
    full : bool
        Whether lines of a full frame are fitted one by one (`fft`).
    cutoff : (float, float, float, float)
        Hz, of subarrays (`fft`).
    flat : (y, x) float32 or None
    """

    fit_method: str
    background_method: str | None
    n_sigma: float
    box: tuple[int, int]
    axis: int
    outputs: int
    backwards: bool
    full: bool
    cutoff: tuple[float, float, float, float]
    flat: Any = None

    def clean(self, image, good):
        """Return the noise of an image, (y, x) float32, in its unit, and its background; None and 0 where none shows.

        Parameters
        ----------
        image : (y, x) float32
            What is NaN takes no part.
        good : (y, x) bool
            Pixels that show background.
        """
        xp = namespace(image)
        if self.flat is not None:
            image = image / self.flat
        unknown = xp.isnan(image)
        image, good = xp.where(unknown, np.float32(0), image), good & ~unknown
        if not bool(good.any()):
            return None, np.float32(0)
        background = np.float32(0)
        if self.background_method is not None:
            background, good = background_level(image, good, self.background_method, self.box)
            image = image - background
            if self.n_sigma > 0:
                good = symmetric_pixels(image, good, self.n_sigma)
        noise = self._noise(xp, image, good)
        return (noise if self.flat is None or noise is None else noise * self.flat), background

    def _noise(self, xp, image, good):
        if self.fit_method == "median":
            return stripes(image, good, self.axis, self.outputs)
        image, good = (plane.T[::-1] if self.backwards else plane.T for plane in (image, good))
        if self.full:
            noise = nsclean.lines(image, good)
        else:
            noise, _ = nsclean.subarray(image, good, self.cutoff)
        if noise is None:
            return None
        return noise[::-1].T if self.backwards else noise.T


def stripes(image, good, axis: int, outputs: int = 1):
    """Return the median of the good pixels of each stripe, spread over the image; 0 where a stripe has none.

    Parameters
    ----------
    image : (y, x) float32
    good : (y, x) bool
    axis : int
        The axis along which a stripe runs.
    outputs : int
        Equal parts of that axis, each with stripes of its own.

    Returns
    -------
    (y, x) float32
    """
    xp = namespace(image)
    if axis == 0:
        return stripes(image.T, good.T, 1, outputs).T
    rows, width = image.shape
    parts = [a.reshape(rows, outputs, width // outputs) for a in (image, good)]
    found = xp.nan_to_num(masked_median(*parts)).astype(np.float32)
    return xp.repeat(found, width // outputs, axis=1)


def background_level(image, good, method: str, box: tuple[int, int]):
    """Return the background of an image, a number or (y, x), and the good pixels without light or outliers.

    Parameters
    ----------
    image : (y, x) float32
    good : (y, x) bool
    method : str
        "median", or "model": the median of boxes, smoothed.
    box : (int, int)
    """
    good = symmetric_pixels(image, good, _LIMIT)
    found = mesh.surface(image, good, box) if method == "model" else None
    return (level(image[good]) if found is None else found), good


def box_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return the largest box of up to 32 pixels, along each axis, that divides an image evenly."""
    return tuple(max(n for n in range(1, _LARGEST_BOX + 1) if size % n == 0) for size in shape)


def outputs(by_channel: bool, meta, size: int) -> int:
    """Return how many amplifiers have stripes of their own along an axis of `size` pixels."""
    whole = meta.get("subarray.name") == "FULL" and meta.get("instrument.name") != "MIRI" and size % _AMPLIFIERS == 0
    return _AMPLIFIERS if by_channel and whole else 1


def smooth_flat(flat):
    """Return a flat without gaps: what is 0 or unknown gets the level around it."""
    xp = namespace(flat)
    good = xp.isfinite(flat) & (flat != 0)
    if bool(good.all()):
        return flat
    around, _ = background_level(xp.where(good, flat, np.float32(0)), good, "model", box_size(flat.shape))
    return xp.where(good, flat, around)
