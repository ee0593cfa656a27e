"""1/f noise fitted in frequency: Fourier components of the background pixels, as they are read, in the gaps as well.

The noise of a line, or of a stretch of the read-out, is a sum of few frequencies k. With the pixels m that show
background, of a period n, and their weights p, the components x minimise

    sum_m p_m^2 |d_m - sum_k x_k exp(2 pi i m k / n) / n|^2 .

Its normal equations hold nothing but Fourier transforms: of p^2, at the differences of the frequencies, and of p^2 d.
The weights are the inverse of the local density of background pixels, so that crowded regions do not outvote empty
ones. An inverse transform of x spreads the fit over all pixels.

References
----------
.. [1] Rauscher, B. J. 2024, PASP 136, 015001, doi:10.1088/1538-3873/ad1b36.
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import fft, namespace, to_host
from jwgpu.numerics.background import level
from jwgpu.numerics.stripes import masked_median

NEW_LINE = 12
"""Pixel times between two lines."""

_PIXEL_TIME = 1e-5  # seconds
_CUTOFF, _ROLL_OFF = 1 / 256, 1 / 1024  # 1 / pixel: where the filter of lines has half its gain, and how wide it falls
_LINE_DENSITY, _LINE_LIMIT = 32.0, 3.0
_SMOOTH = 1.5  # standard deviation in lines
_BORDER = 4

_SECTION = 512  # background pixels that are fitted together in a subarray
_LEAST = 0.05  # of the pixels of a section
_LIMIT = 4.0

# Both Gaussians of the published code lie one pixel beside the origin, of lines and of columns; the official
# correction is that of the published code.
_OFFSET = 1


def lines(image, good):
    """Return the noise of a full frame whose lines run along x, fitted line by line; (y, x) float32.

    Parameters
    ----------
    image : (y, x) float32
    good : (y, x) bool
        Pixels that show background, and are fitted.
    """
    xp, ft = namespace(image), fft(image)
    height, n = image.shape
    frequency = np.fft.rfftfreq(n)
    gain = np.where(
        frequency <= _CUTOFF - _ROLL_OFF / 2, 1.0,
        (1 + np.cos(np.pi * (frequency - _CUTOFF) / _ROLL_OFF + np.pi / 2)) / 2,
    )  # fmt: skip
    gain = np.where(frequency <= _CUTOFF + _ROLL_OFF / 2, gain, 0.0)
    n_wanted = int((gain > 0).sum())
    kept = _without_outliers(xp, image, good)
    density = _density(xp, good, _LINE_DENSITY)
    weight = xp.where(good & (density > 0), 1 / xp.where(density > 0, density, 1), 0) ** 2
    enough = good.sum(axis=1) > n_wanted
    enough[:_BORDER] = enough[height - _BORDER :] = False
    weight = weight[enough]
    transforms = [ft.rfft(series, axis=1)[:, :n_wanted] for series in (weight, weight * kept[enough])]
    spectrum = xp.zeros((height, n // 2 + 1), np.complex128)
    spectrum[enough, :n_wanted] = _solved(xp, *transforms, np.arange(n_wanted)) * xp.asarray(gain[:n_wanted]) * n
    model = ft.irfft(spectrum, n, axis=1)
    y = np.arange(height)
    distance = (y - _OFFSET + height // 2) % height - height // 2
    kernel = np.exp(-((distance / _SMOOTH) ** 2) / 2) / _SMOOTH / np.sqrt(2 * np.pi)
    smooth = ft.irfft(ft.rfft(model, axis=0) * xp.asarray(np.fft.rfft(kernel))[:, None], height, axis=0)
    return xp.roll(smooth, _OFFSET, axis=1).astype(np.float32)


def _solved(xp, weight, product, frequencies):
    """Return the components (row, k) of rows whose transforms of weight and of weight times data are given."""
    lag = frequencies[None, :] - frequencies[:, None]
    matrix = weight[:, np.abs(lag)]
    matrix = xp.where(xp.asarray(lag >= 0), matrix.conj(), matrix)
    # A line in which few pixels are left has a matrix without an inverse.
    scale = xp.maximum(weight[:, 0].real, 1e-300)[:, None, None]
    matrix = matrix / scale + 1e-12 * xp.eye(len(frequencies))
    return xp.linalg.solve(matrix, product[:, :, None] / scale)[..., 0]


def _without_outliers(xp, image, good):
    """Return the image with the median of its line where a pixel lies far from it."""
    middle = masked_median(image, good)[:, None]
    spread = 1.4826 * masked_median(xp.abs(image - middle), good)[:, None]
    return xp.where(xp.abs(image - middle) <= _LINE_LIMIT * spread, image, xp.where(good, middle, 0))


def _density(xp, good, sigma: float):
    """Return the share of good pixels along the last axis, within a Gaussian; of images, in the line before."""
    ft, n = fft(good), good.shape[-1]
    x = np.arange(n)
    distance = (x - _OFFSET + n // 2) % n - n // 2
    kernel = np.exp(-(distance**2) / sigma**2 / 2) / sigma / np.sqrt(2 * np.pi)
    spectrum = ft.rfft(good.astype(np.float64), axis=-1) * xp.asarray(np.fft.rfft(kernel))
    density = ft.irfft(spectrum, n, axis=-1)
    if good.ndim == 1:
        return density
    before = xp.roll(density, _OFFSET, axis=0)
    return xp.where(before > 1e-6, before, density)


def subarray(image, good, cutoff: tuple[float, float, float, float]):
    """Return the noise of a subarray whose lines run along x, fitted in stretches of time; (y, x) float32.

    Stretches of about 512 background pixels overlap by half, and are joined with weights that fall from their middle.

    Parameters
    ----------
    image : (y, x) float32
    good : (y, x) bool
    cutoff : (float, float, float, float)
        Hz: frequencies up to the first are taken out; the filter falls to the second, and rises again from the third
        to the fourth (columns that alternate).

    Returns
    -------
    noise : (y, x) float32
    empty : int
        Stretches with too little background to be corrected. Of an image without any, noise is None.
    """
    xp = namespace(image)
    good = _quiet(xp, image, good)
    count = np.concatenate(([0], np.cumsum(to_host(good.sum(axis=1)))))
    if not count[-1]:
        return None, 0
    model, total, empty = xp.zeros(image.shape), xp.zeros((image.shape[0], 1)), 0
    for first, last in _stretches(count):
        weight = xp.asarray(1.001 - np.abs(np.linspace(-1, 1, last - first)))[:, None]
        total[first:last] += weight
        if count[last] - count[first] > _LEAST * (last - first) * image.shape[1]:
            model[first:last] += weight * _stretch(xp, image[first:last], good[first:last], cutoff)
        else:
            empty += 1
    return (model / xp.where(total > 0, total, 1)).astype(np.float32), empty


def _quiet(xp, image, good):
    """Return the good pixels without those that lie far from the median, and without the neighbours of these."""
    values = image[good]
    if not values.size:
        return good
    middle = level(values)
    spread = np.float32(1.4825) * level(xp.abs(values - middle))
    far = good & (xp.abs(image - middle) > np.float32(_LIMIT) * spread)
    near = far.copy()
    near[1:] |= far[:-1]
    near[:-1] |= far[1:]
    near[:, 1:] |= far[:, :-1]
    near[:, :-1] |= far[:, 1:]
    return good & ~near


def _stretches(count: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last line of each stretch, from the number of good pixels before each line."""
    filled = np.flatnonzero(np.diff(count))
    first, end, found = int(filled[0]), int(filled[-1]) + 1, []
    while first < end:
        last = end
        if count[-1] - count[first] > 1.5 * _SECTION:
            beyond = np.flatnonzero(count[first + 1 : end + 1] - count[first] > _SECTION)
            last = first + 1 + int(beyond[0]) if beyond.size else end
        found.append((first, last))
        if last == end:
            break
        first += max(round((last - first) / 2), 1)
    return found


def _stretch(xp, image, good, cutoff):
    """Return the noise of one stretch of lines."""
    ft, (height, width) = fft(image), image.shape
    n = height * (width + NEW_LINE)

    def in_time(plane):
        return xp.concatenate((plane, xp.zeros((height, NEW_LINE), plane.dtype)), axis=1).reshape(-1)

    gain = _gain(np.fft.rfftfreq(n, _PIXEL_TIME), cutoff)
    wanted = np.flatnonzero(gain)
    ticks = in_time(good)
    density = _density(xp, ticks, 1 / ((cutoff[0] + cutoff[1]) / 2) / _PIXEL_TIME / 8)
    weight = xp.where(ticks & (density > 0), 1 / xp.where(density > 0, density, 1), 0) ** 2
    both = ft.rfft(weight), ft.rfft(weight * in_time(image))
    spectrum = xp.zeros(n // 2 + 1, np.complex128)
    spectrum[wanted] = _solved(xp, both[0][None], both[1][wanted][None], wanted)[0] * xp.asarray(gain[wanted]) * n
    return ft.irfft(spectrum, n).reshape(height, -1)[:, :width]


def _gain(frequency: np.ndarray, cutoff) -> np.ndarray:
    """Return the gain of the filter: low frequencies, and the highest."""
    falls, gone, rises, full = (np.float32(f) for f in cutoff)
    frequency = frequency.astype(np.float32)
    down = 0.5 * (np.cos(np.pi / (gone - falls) * (frequency - falls)) + 1)
    up = 0.5 * (np.cos(np.pi / (full - rises) * (frequency - rises) + np.pi) + 1)
    inside = np.where(frequency < gone, down, np.where(frequency < rises, 0.0, up))
    return np.where((frequency < falls) | (frequency >= full), 1.0, inside)
