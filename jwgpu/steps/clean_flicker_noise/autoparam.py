"""What an image needs: parameters from its slopes, from the steps between its amplifiers, and from what is masked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from jwgpu.backend import namespace, to_host
from jwgpu.numerics import clipping
from jwgpu.numerics.background import background_pixels, symmetric_pixels
from jwgpu.steps.clean_flicker_noise.cleaning import background_level, box_size, stripes


@dataclass(frozen=True)
class _Limits:
    """From where on something counts as large: a share of pixels, DN/s, and DN/s per pixel."""

    masked: float
    step: float
    slope: float
    steep: float
    ratio: float
    scatter: float


_LIMITS = {
    "NIS_IMAGE": _Limits(masked=0.07, step=0.07, slope=1e-5, steep=1e-4, ratio=5.0, scatter=0.02),
    "NRC_IMAGE": _Limits(masked=0.1, step=0.07, slope=1e-5, steep=1e-5, ratio=3.0, scatter=0.02),
}
KINDS = frozenset(_LIMITS)
"""EXP_TYPEs for which parameters are chosen."""


def choose(rate, kind: str, slow: int, flat=None) -> tuple[str, bool, dict]:
    """Return background method, whether amplifiers are fitted one by one, and the numbers that were decided on.

    Parameters
    ----------
    rate : (y, x) float32, DN/s
    kind : str
        EXP_TYPE, one of `KINDS`.
    slow : int
        The slow axis, 1 for x and 2 for y.
    flat : (y, x) float32, optional
    """
    limits, image = _LIMITS[kind], rate if flat is None else rate / flat
    image, masked = _quick(image, slow)
    over_rows, over_columns = (_mean_profile(image, axis) for axis in (0, 1))
    across, scatter = _line(over_rows)
    along, _ = _line(over_columns)
    if kind == "NIS_IMAGE":  # the first amplifier, near the top, differs most from the others
        first, last = (round(k * image.shape[0] / 12) for k in (10, 11))
        _, scatter = _line(_mean(image[first:last], 0))
    step = _largest_step(over_columns if kind == "NIS_IMAGE" else over_rows)
    steepest, least = max(abs(across), abs(along)), min(abs(across), abs(along))
    seen = dict(masked=masked, step=step, slope=steepest, ratio=steepest / least if least else np.inf, scatter=scatter)
    return *_decide(limits, **seen), {name: float(f"{value:.4g}") for name, value in seen.items()}


def _decide(limits: _Limits, masked, step, slope, ratio, scatter) -> tuple[str, bool]:
    crowded, stepped = masked >= limits.masked, step >= limits.step
    tilted, steep = slope >= limits.slope, slope >= limits.steep
    if stepped and not crowded:
        return "median", True
    if crowded:
        return ("model" if (steep if stepped else tilted) else "median"), False
    model = steep or (tilted and ratio < limits.ratio)
    return ("model" if model else "median"), step > 0 and scatter >= limits.scatter


def _quick(image, slow: int):
    """Return an image without stripes and sources, NaN where nothing is known, and the share that sources take."""
    xp = namespace(image)
    unknown = xp.isnan(image)
    good = background_pixels(xp.where(image == 0, np.float32(np.finfo(np.float32).tiny), image)) & ~unknown
    image = xp.where(unknown, np.float32(0), image)
    background, good = background_level(image, good, "median", box_size(image.shape))
    good = symmetric_pixels(image - background, good, 2.0, 3.0)
    image = image - stripes(image - background, good, slow - 1)
    surface, kept = background_level(image, good, "model", box_size(image.shape))
    image = xp.where(unknown, np.float32(np.nan), image)
    return xp.where(kept, image, surface), 1 - float(kept.mean())


def _mean(image, axis: int) -> np.ndarray:
    xp = namespace(image)
    return to_host(xp.nanmean(image, axis=axis)).astype(np.float64)


def _mean_profile(image, axis: int) -> np.ndarray:
    """Return the mean over the middle quarter of an axis."""
    size = image.shape[axis]
    middle = slice(round(3 * size / 8), round(5 * size / 8))
    return _mean(image[middle] if axis == 0 else image[:, middle], axis)


def _line(values: np.ndarray) -> tuple[float, float]:
    """Return the slope of a straight line through values, and how far they scatter about it."""
    x = np.arange(values.size)
    known = np.isfinite(values)
    line = Polynomial.fit(x[known], values[known], deg=1)
    _, scatter = clipping.statistics((values - line(x))[known][:, None], 10.0)
    return float([*line.convert().coef, 0.0][1]), float(scatter[0])


def _largest_step(values: np.ndarray) -> float:
    """Return the largest step between the mean levels of neighbouring amplifiers; 0 of a subarray."""
    if values.size != 2048:
        return 0.0
    means, _ = clipping.clipped_mean(values.reshape(4, -1).T, 3.0, clipping.ROUNDS)
    return float(np.abs(np.diff(means)).max())
