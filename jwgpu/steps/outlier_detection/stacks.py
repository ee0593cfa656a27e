"""Outliers among images of the same pixels: integrations of a time series, exposures that are not to be resampled."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import Image
from jwgpu.data.flags import usable
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.medians import nan_median, rolling_median
from jwgpu.numerics.outliers import standing_out


def in_time(image: Image, good_bits: str | None, width: int, snr: float):
    """Return which pixels of a time series differ from the median of the integrations around.

    Where the series is no longer than the window, or that is no wider than 1, it is the median of all integrations.

    Parameters
    ----------
    image : Image
        `data`, `err`, `dq` (integration, y, x).
    good_bits : str, optional
        Flags that a pixel of the median may have; in the median of all integrations they do not matter, there what is
        not NaN counts.
    width : int
        Integrations of the window.
    snr : float

    Returns
    -------
    (integration, y, x) bool
    """
    xp = namespace(image.data)
    found = xp.zeros(image.shape, bool)

    def look(rows):
        data, err = image.data[:, rows], image.err[:, rows]
        if 1 < width < len(data):
            good = usable(image.dq[:, rows], good_bits)
            model = rolling_median(xp.where(good, data, np.float32(np.nan)), width)
        else:
            model = nan_median(data)
        found[:, rows] = standing_out(data, err, model, snr)

    with np.errstate(invalid="ignore"):
        over_rows(look, image.data)
    return found


def among_all(image: Image, good_bits: str | None, snr: float):
    """Return which pixels of the integrations of an exposure differ from the median of those that are good."""
    xp = namespace(image.data)
    found = xp.zeros(image.shape, bool)

    def look(rows):
        data, err = image.data[:, rows], image.err[:, rows]
        good = usable(image.dq[:, rows], good_bits)
        found[:, rows] = standing_out(data, err, nan_median(xp.where(good, data, np.float32(np.nan))), snr)

    with np.errstate(invalid="ignore"):
        over_rows(look, image.data)
    return found
