"""Sources as labelled groups of pixels: found above a threshold, and measured."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from jwgpu.numerics import clipping

_THIN = 1 / 12  # variance of a pixel's width, which sources are at least as wide as


def detect(above: np.ndarray, n_pixels: int, connectivity: int) -> np.ndarray:
    """Return groups of connected pixels, labelled from 1 from the bottom up, (y, x) int32; 0 elsewhere.

    Parameters
    ----------
    above : (y, x) bool
    n_pixels : int
        Pixels that a group must hold.
    connectivity : {4, 8}
        Neighbours that a pixel is connected with: those along its edges, or those at its corners too.
    """
    labels, n = ndimage.label(above, ndimage.generate_binary_structure(2, 2 if connectivity == 8 else 1))
    places = np.flatnonzero(above)
    found = labels.ravel()[places]
    large = np.bincount(found, minlength=n + 1) >= n_pixels
    order = np.zeros(n + 1, np.int32)
    order[large] = np.arange(1, np.count_nonzero(large) + 1)
    labels.ravel()[places] = order[found]
    return labels


@dataclasses.dataclass(frozen=True)
class Segments:
    """What the pixels of each source say; all (n,) float64, sources in the order of their labels.

    Attributes
    ----------
    x, y : pixels, centre of light
    a, b : pixels, standard deviations along the major and the minor axis
    angle : radians, from the x axis to the major axis, 0 to 2 pi
    area : good pixels; NaN where there is none
    flux, error : sum of the image, and root of the sum of squared errors, over the good pixels
    box : (4, n) int, first x, last x, first y, last y; the last is excluded
    """

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    angle: np.ndarray
    area: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    box: np.ndarray


def measure(data: np.ndarray, err: np.ndarray, smooth: np.ndarray, labels: np.ndarray) -> Segments:
    """Measure labelled sources.

    Positions and shapes are moments of the smoothed image, in which negative pixels count as 0; sources thinner than a
    pixel are made a pixel wide.

    Parameters
    ----------
    data, err, smooth : (y, x) float32
        The image, its error and the smoothed image; `data` is NaN in bad pixels.
    labels : (y, x) int32
        From 1; every label up to the highest is there.
    """
    places = ndimage.find_objects(labels)
    y, x = np.divmod(np.flatnonzero(labels), labels.shape[1])
    owner, n = labels[y, x] - 1, len(places)
    box = np.array([(p[1].start, p[1].stop, p[0].start, p[0].stop) for p in places], np.int64).reshape(-1, 4).T

    def total(weights):
        return np.bincount(owner, weights, n)

    good = np.isfinite(data[y, x])
    light = np.where(good, np.maximum(np.nan_to_num(smooth[y, x], posinf=0, neginf=0), 0), 0).astype(float)
    with np.errstate(all="ignore"):
        # From the corner of the box: small numbers keep their digits.
        dx, dy = x - box[0][owner], y - box[2][owner]
        whole = total(light)
        cx, cy = total(light * dx) / whole, total(light * dy) / whole
        dx, dy = dx - cx[owner], dy - cy[owner]
        xx, yy, xy = _at_least_a_pixel(*(total(light * m) / whole for m in (dx * dx, dy * dy, dx * dy)))
        middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        area = total(good)
        values, errors = (np.where(good, plane[y, x], 0).astype(float) for plane in (data, err))
        sums = total(values), total(errors**2)
        flux, variance = (np.where(area > 0, s, np.nan) for s in sums)
        return Segments(
            x=box[0] + cx, y=box[2] + cy, a=np.sqrt(middle + spread), b=np.sqrt(middle - spread),
            angle=0.5 * np.arctan2(2 * xy, xx - yy) % (2 * np.pi), area=np.where(area > 0, area, np.nan), flux=flux,
            error=np.sqrt(variance), box=box,
        )  # fmt: skip


def _at_least_a_pixel(xx, yy, xy):
    """Return second moments, made wider where they are thinner than a pixel; NaN where they are no moments at all."""
    impossible = xx * yy - xy * xy < 0
    xx, yy, xy = (np.where(impossible, np.nan, m) for m in (xx, yy, xy))
    while (thin := xx * yy - xy * xy < _THIN**2).any():
        xx, yy = xx + _THIN * thin, yy + _THIN * thin
    return xx, yy, xy


def surroundings(data: np.ndarray, labels: np.ndarray, box: np.ndarray, width: int) -> np.ndarray:
    """Return the background around each source, per pixel, (n,) float64.

    It is that of the pixels without source in a frame of `width` pixels about a rectangle 1.5 times as large as the
    source: 2.5 times the median less 1.5 times the mean of what clipping leaves; where these are far apart, the median;
    0 where fewer than 10 pixels are to be had.
    """
    found = np.zeros(box.shape[1])
    ny, nx = data.shape
    for k, (x0, x1, y0, y1) in enumerate(box.T):
        cx, cy = (x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2
        inner = 0.75 * (x1 - x0), 0.75 * (y1 - y0)
        far = [int(size + width) + 2 for size in inner]
        part = (slice(max(int(cy) - far[1], 0), min(int(cy) + far[1] + 1, ny)),
                slice(max(int(cx) - far[0], 0), min(int(cx) + far[0] + 1, nx)))  # fmt: skip
        y, x = np.ogrid[part]
        dx, dy = np.abs(x - cx), np.abs(y - cy)
        frame = (dx < inner[0] + width) & (dy < inner[1] + width) & ~((dx < inner[0]) & (dy < inner[1]))
        values = data[part][frame & (labels[part] == 0)]
        values = values[np.isfinite(values)]
        if values.size >= 10:
            found[k] = _mode(values)
    return found


def _mode(values: np.ndarray) -> float:
    lower, upper = (limit[0] for limit in clipping.bounds(values[:, None], 3.0))
    kept = values[(values >= lower) & (values <= upper)].astype(float)
    mean, median, spread = kept.mean(), np.median(kept), kept.std()
    if spread == 0:
        return mean
    return median if abs(mean - median) / spread > 0.3 else 2.5 * median - 1.5 * mean
