"""Which pixels of an image stand out from what other images of the same place show."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.numerics.masks import grow

_AROUND = 2
_SIGNIFICANT = 2.0
_CONTRAST = 2.0


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
        difference = xp.diff(image, axis=axis)
        xp.abs(difference, out=difference)
        for side in (slice(1, None), slice(None, -1)):
            part = found[(slice(None),) * axis + (side,)]
            xp.fmax(part, difference, out=part)  # NaN loses, where it is not on both sides
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


def merely_moved(data, err, model, candidates, share: float, background: float = 0.0):
    """Return those candidates around which light has moved, but neither come nor gone.

    An undersampled star is narrower in an image than in a median of resampled ones: too bright in its core, too dark
    around it, or the other way round where it falls between pixels. Its light is the same. A cosmic ray adds some. Of
    the differences d to the model in the 5 x 5 pixels around a candidate, those count that exceed twice their errors,
    and it is spared if they cancel but for a share f::

        |sum d| < f sum |d|

    and if the model has something to be moved there: the difference is less than twice what its pixels differ by.

    Parameters
    ----------
    data, err, model : (y, x) float32
    candidates : (y, x) bool
    share : float
        f, from 0 to 1.
    background : float

    Returns
    -------
    (y, x) bool
    """
    xp = namespace(data, err, model)
    y, x = xp.nonzero(candidates)
    high, low = xp.full(y.size, -np.inf, np.float32), xp.full(y.size, np.inf, np.float32)
    net, gross = xp.zeros(y.size, np.float32), xp.zeros(y.size, np.float32)
    for dy in range(-_AROUND, _AROUND + 1):
        for dx in range(-_AROUND, _AROUND + 1):
            row, column = y + dy, x + dx
            inside = (row >= 0) & (row < data.shape[0]) & (column >= 0) & (column < data.shape[1])
            place = xp.clip(row, 0, data.shape[0] - 1), xp.clip(column, 0, data.shape[1] - 1)
            expected = xp.where(inside, model[place], np.float32(np.nan))
            difference = data[place] - expected - background
            counts = xp.abs(difference) > _SIGNIFICANT * xp.nan_to_num(err[place])  # not of NaN
            difference = xp.where(counts, difference, np.float32(0))
            net += difference
            gross += xp.abs(difference)
            high, low = xp.fmax(high, expected), xp.fmin(low, expected)
    own = xp.abs(data[y, x] - model[y, x] - background)
    moved = xp.zeros(candidates.shape, bool)
    moved[y, x] = (xp.abs(net) < share * gross) & (own < _CONTRAST * (high - low))
    return moved
