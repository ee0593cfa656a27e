"""Which pixels of an image show background and nothing else."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace, to_host
from jwgpu.numerics import clipping, mesh

NIRSPEC_FIXED_SLITS = slice(922, 1116)
"""Rows of a NIRSpec full frame that the fixed slits light up, whatever else is observed."""

_LIMIT = 3.0
_BINS, _HISTOGRAM_REACH = 2000, 4.0


def background_pixels(image, hidden=None, *, below: float = 3.0, above: float = 2.0, histogram: bool = False):
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
    histogram : bool
        Take m and s from a Gaussian that is fitted to the histogram of the values.

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
            _clip(xp, plane, mask, below, above, histogram)
    return chosen


def _clip(xp, image, mask, below: float, above: float, histogram: bool) -> None:
    """Take those pixels out of `mask`, in place, that lie far from the background."""
    values = image[mask]
    if not values.size:
        return
    lower, upper, middle, spread = (s[0] for s in clipping.clip(values[:, None], _LIMIT))
    if histogram:
        kept = values[(values >= lower) & (values <= upper)]
        middle, spread = _gaussian(xp, values, float(kept.mean(dtype=np.float64)), float(spread))
    # float64: limits of float32 would move the pixels that lie next to them
    mask &= ~((image < middle - below * spread) | (image > middle + above * spread))


def _gaussian(xp, values, middle: float, spread: float) -> tuple[float, float]:
    """Return centre and width of a Gaussian fitted to the histogram of values; those it began with if none fits."""
    from scipy.optimize import curve_fit

    if not spread > 0:
        return middle, spread
    reach = _HISTOGRAM_REACH * spread
    counts, edges = xp.histogram(values.astype(np.float64), bins=_BINS, range=(middle - reach, middle + reach))
    counts, edges = to_host(counts), to_host(edges)
    at = (edges[1:] + edges[:-1]) / 2
    peak = int(np.argmax(counts))

    def curve(x, height, centre, width):
        return height * np.exp(-0.5 * ((x - centre) / width) ** 2)

    limits = [(0, at[0], 0), (np.inf, at[-1], at[-1] - at[0])]
    try:
        (_, centre, width), _ = curve_fit(curve, at, counts, p0=(counts[peak], at[peak], spread), bounds=limits)
    except RuntimeError:  # no convergence
        return middle, spread
    return float(centre), float(width)


def symmetric_pixels(image, chosen, above: float, below: float | None = None):
    """Return those of the chosen pixels that lie near the background.

    The background is the sigma-clipped median of the chosen pixels. Faint light makes the distribution lopsided, so
    that its width is taken from what lies below the median alone, as if what lies above were its mirror image, clipped
    once more.

    Parameters
    ----------
    image : (y, x) float32
    chosen : (y, x) bool
    above, below : float
        Limits in standard deviations; the same on both sides unless `below` is given.

    Returns
    -------
    (y, x) bool
    """
    xp = namespace(image)
    ordered = xp.sort(image[chosen])
    if not ordered.size:
        return chosen
    middle, _, _ = mesh.clipped(ordered, in_order=True)
    n_below = int(xp.searchsorted(ordered, xp.asarray([middle]), side="right")[0])
    lower_half = ordered[:n_below].astype(np.float64) - middle
    centre, spread, _ = mesh.clipped(xp.concatenate((lower_half, -lower_half[::-1])), in_order=True)
    middle += centre
    # float64: limits of float32 would move the pixels that lie next to them
    below = above if below is None else below
    lower, upper = np.float64(middle - below * spread), np.float64(middle + above * spread)
    return chosen & ~((image < lower) | (image > upper))


def level(values):
    """Return the median of values (n,) of any number, NaN left out; a float32 without axes, NaN where all are."""
    return clipping.median(values[:, None])[0].astype(np.float32)
