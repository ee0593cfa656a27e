"""Which pixels of an image show background and nothing else."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics import clipping

NIRSPEC_FIXED_SLITS = slice(922, 1116)
"""Rows of a NIRSpec full frame that the fixed slits light up, whatever else is observed."""

_LIMIT = 3.0


def background_pixels(image, hidden=None, *, below: float = 3.0, above: float = 2.0):
    """Return the pixels that are neither hidden nor empty nor far from the background.

    The background is what sigma clipping (3 standard deviations, up to five rounds) leaves of the pixels that are
    not hidden: median m and standard deviation s. Pixels outside of m - below s .. m + above s are left out.

    Parameters
    ----------
    image : (y, x) or (integration, y, x) float32
        Each integration has a background of its own. NaN and exact zeros are empty.
    hidden : bool, of a shape that spreads to that of `image`, optional
        Pixels known to hold something else.
    below, above : float
        Limits in standard deviations; an `above` of 0 or less stands for no limits at all.

    Returns
    -------
    (y, x) or (integration, y, x) bool
    """
    xp = namespace(image)
    chosen = ~xp.isnan(image) & (image != 0)
    if hidden is not None:
        chosen &= ~hidden
    if above > 0:
        for plane, mask in [(image, chosen)] if image.ndim == 2 else zip(image, chosen):
            _clip(xp, plane, mask, below, above)
    return chosen


def _clip(xp, image, mask, below: float, above: float) -> None:
    """Take those pixels out of `mask`, in place, that lie far from the background."""
    values = image[mask]
    if not values.size:
        return
    middle, spread = (s[0] for s in clipping.statistics(values[:, None], _LIMIT))
    # float64: limits of float32 would move the pixels that lie next to them
    mask &= ~((image < middle - below * spread) | (image > middle + above * spread))


def level(values):
    """Return the median of values (n,) of any number, NaN left out; a float32 without axes, NaN where all are."""
    return clipping.median(values[:, None])[0].astype(np.float32)
