"""Which pixels of an image stand out from what other images of the same place show."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics.masks import grow


def steepness(image):
    """Return the largest of the differences to the four neighbours, without sign.

    Parameters
    ----------
    image : (y, x) float32

    Returns
    -------
    (y, x) float32
        NaN where the image is; differences to NaN count as none.
    """
    xp = namespace(image)
    found = xp.where(xp.isnan(image), image, np.float32(0))
    for axis in (0, 1):
        difference = xp.abs(xp.diff(image, axis=axis))
        for side in (slice(1, None), slice(None, -1)):
            part = found[(slice(None),) * axis + (side,)]
            xp.copyto(part, difference, where=difference > part)
    return found


def standing_out(data, err, model, snr: float):
    """Return which pixels differ from a model by more than `snr` times their error.

    Parameters
    ----------
    data, err : (..., y, x) float32
        An error of NaN counts as none.
    model : array that spreads to their shape

    Returns
    -------
    (..., y, x) bool
    """
    xp = namespace(data, err, model)
    return xp.abs(data - model) > snr * xp.nan_to_num(err)


def standing_out_twice(data, err, model, snr: tuple[float, float], scale: tuple[float, float], background: float = 0.0):
    """Return which pixels differ from a model by more than their noise and the steepness of the model account for.

    With difference d = |data - model - background|, noise s and steepness g of the model, a pixel stands out if::

        d > scale_2 g + snr_2 s

    and if for itself, or for one of its eight neighbours::

        d > scale_1 g + snr_1 s

    Parameters
    ----------
    data, err : (y, x) float32
        An error of NaN counts as none.
    model : (y, x) float32
    snr, scale : (float, float)
    background : float

    Returns
    -------
    (y, x) bool
    """
    xp = namespace(data, err, model)
    noise, slope = xp.nan_to_num(err), steepness(model)
    difference = xp.abs(data - model - background)
    far, near = (difference > scale[k] * slope + snr[k] * noise for k in (0, 1))
    return grow(far, 1) & near
