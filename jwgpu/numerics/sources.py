"""Stars in an image: local maxima of the image convolved with a Gaussian, and their centres.

The kernel is a Gaussian g cut off at a radius, less its mean and divided by its variance: convolved with it, an image
is the height of the Gaussian that fits best at every pixel, whatever the background is [1]. Maxima above a threshold
are candidates; what they are made of tells stars from cosmic rays and galaxies. Two ways of measuring them:

`daofind` [1] fits Gaussians to the sums over columns and over rows; `starfind` takes moments of what stands out of the
pixels around.

References
----------
[1] Stetson 1987, doi:10.1086/131977
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace, ndimage
from jwgpu.numerics.blocks import over_rows

SIGMA = 2 * (2 * np.log(2)) ** 0.5  # full width at half maximum of a Gaussian, in standard deviations
_ROWS = 128
_EVERY = 8  # pixels
_BRACKET = (0.48, 0.52)  # shares of the sample
_TOGETHER = 1 << 14  # candidates whose stamps are cut out together


@dataclasses.dataclass(frozen=True)
class Stars:
    """Which maxima are stars, for the finders `dao` and `iraf`.

    Attributes
    ----------
    minsep_fwhm : float
        Distance of two stars, at least, in widths of the kernel; never below 2 pixels.
    sigma_radius : float
        Radius of the kernel in standard deviations; never below 2 pixels.
    sharplo, sharphi, roundlo, roundhi : float
        Limits of sharpness and roundness.
    brightest : int
        How many to keep, the brightest first.
    peakmax : float, optional
        Highest pixel of a star, at most, in the unit of the image.
    """

    minsep_fwhm: float = 0.0
    sigma_radius: float = 1.5
    sharplo: float = 0.5
    sharphi: float = 2.0
    roundlo: float = 0.0
    roundhi: float = 0.2
    brightest: int = 200
    peakmax: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """What the image is convolved with.

    Attributes
    ----------
    fwhm, sigma : float
        Of the Gaussian, pixels.
    gaussian : (n, n) float64
        Height 1, not cut off.
    inside : (n, n) bool
        Where it is not cut off.
    weights : (n, n) float64
        The kernel itself, of sum 0.
    error : float
        Standard deviation of the convolved image in units of that of the image.
    """

    fwhm: float
    sigma: float
    gaussian: np.ndarray
    inside: np.ndarray
    weights: np.ndarray
    error: float

    @classmethod
    def of(cls, fwhm: float, sigma_radius: float = 1.5) -> Kernel:
        """Return the kernel for stars of a width (pixels), cut off at so many standard deviations or at 2 pixels."""
        sigma = fwhm / SIGMA
        radius = max(2, int(sigma_radius * sigma))
        y, x = np.mgrid[-radius:radius + 1, -radius:radius + 1]  # fmt: skip
        square = x**2 + y**2
        gaussian = np.exp(-0.5 * square / sigma**2)
        inside = (square <= (sigma_radius * sigma) ** 2) | (square <= 4)
        cut = gaussian * inside
        n = inside.sum()
        variance = (cut**2).sum() - cut.sum() ** 2 / n
        return cls(fwhm, sigma, gaussian, inside, (cut - cut.sum() / n) / variance * inside, variance**-0.5)


def _beside(image, array: np.ndarray):
    """Return a small array where the image is."""
    return backend.to(array, "gpu" if backend.is_device_array(image) else "cpu")


def convolved(image, kernel: Kernel):
    """Return the image convolved with a kernel, (y, x) float32; beyond the edges everything is 0.

    Pixels that reach one that is NaN are NaN.
    """
    xp, images = namespace(image), ndimage(image)
    out, half = xp.empty_like(image), len(kernel.weights) // 2
    weights = _beside(image, kernel.weights)

    def work(rows):
        first = max(rows.start - half, 0)
        part = images.convolve(image[first : rows.stop + half], weights, mode="constant", cval=0.0)
        out[rows] = part[rows.start - first : rows.stop - first]

    over_rows(work, image, _ROWS)
    return out


def maxima(image, threshold: float, reach: int, hidden=None):
    """Return the pixels above a threshold that no pixel within a distance exceeds: y, x, (n,) int64, row by row.

    Parameters
    ----------
    image : (y, x) float32
        NaN are no maxima and exceed nothing.
    threshold : float
        Not negative.
    reach : int
        Distance, pixels. Of equal pixels within it all are maxima.
    hidden : (y, x) bool, optional
        Pixels that are no maxima, but may exceed others.
    """
    xp = namespace(image)
    over = image > threshold
    y, x = xp.nonzero(over if hidden is None else over & ~hidden)
    offsets = [
        (j, i) for j in range(-reach, reach + 1) for i in range(-reach, reach + 1) if 0 < i * i + j * j <= reach**2
    ]
    # The nearest first: they leave few pixels for the others.
    for j, i in sorted(offsets, key=lambda o: o[0] ** 2 + o[1] ** 2):
        if not y.size:
            break
        below, beside = y + j, x + i
        there = (below >= 0) & (below < image.shape[0]) & (beside >= 0) & (beside < image.shape[1])
        other = image[xp.where(there, below, y), xp.where(there, beside, x)]
        highest = ~(other > image[y, x])
        y, x = y[highest], x[highest]
    return y, x


def stamps(image, y, x, half: int):
    """Return the squares of 2 `half` + 1 pixels around others, (n, y, x) float64; 0 off the image."""
    xp = namespace(image)
    reach = xp.arange(-half, half + 1)
    rows, columns = y[:, None, None] + reach[:, None], x[:, None, None] + reach
    there = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
    found = image[xp.clip(rows, 0, image.shape[0] - 1), xp.clip(columns, 0, image.shape[1] - 1)]
    return xp.where(there, found, np.float32(0)).astype(np.float64)


def middle(image) -> float:
    """Return the median of an image without NaN that changes little from pixel to pixel, as maps of the noise do.

    Every eighth pixel says between which values it lies; those few alone are put in order.
    """
    xp = namespace(image)
    n = image.size
    sample = xp.sort(image[::_EVERY, ::_EVERY].ravel())
    low, high = (sample[int(share * (sample.size - 1))] for share in _BRACKET)
    between = image[(image >= low) & (image <= high)]
    before = int(xp.count_nonzero(image < low))
    places = (n - 1) // 2 - before, n // 2 - before
    if places[0] < 0 or places[1] >= between.size:
        return float(xp.median(image))
    between = xp.partition(between, places)
    return float(between[places[0]] / 2 + between[places[1]] / 2)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Which candidates are stars.

    Attributes
    ----------
    sharpness, roundness : (low, high) or None
    peak : float or None
        Highest pixel, at most.
    brightest : int or None
        How many of them, the brightest first.
    """

    sharpness: tuple[float, float] | None = None
    roundness: tuple[float, float] | None = None
    peak: float | None = None
    brightest: int | None = None


def daofind(image, kernel: Kernel, threshold: float, reach: int, hidden=None, limits: Limits = Limits()):
    """Find stars as DAOFIND does.

    Parameters
    ----------
    image : (y, x) float32
        Without background.
    kernel : Kernel
    threshold : float
        Least height in units of `image`, of which the convolved image must have `kernel.error`.
    reach : int
        Least distance of two stars, pixels.
    hidden : (y, x) bool, optional
        Pixels that cannot be the centre of a star.
    limits : Limits

    Returns
    -------
    dict of (n,) float64 arrays
        On the host: `x`, `y` (pixels from 0), `flux` (sum over the kernel), `peak`, `sharpness`, `roundness1` (by
        symmetry), `roundness2` (by the heights of the fits).
    """
    smooth = convolved(image, kernel)
    y, x = maxima(smooth, threshold * kernel.error, reach, hidden)
    found = _measured(lambda y, x: _dao(image, smooth, y, x, kernel), y, x)
    return _chosen(found, ("roundness1", "roundness2"), limits)


def starfind(image, kernel: Kernel, threshold: float, reach: int, hidden=None, limits: Limits = Limits()):
    """Find stars as IRAF's starfind does; `threshold` is that of the convolved image, the rest is as in `daofind`.

    Returns
    -------
    dict of (n,) float64 arrays
        On the host: `x`, `y` (pixels from 0), `flux`, `peak`, `sharpness` (width in that of the kernel), `roundness`,
        `angle` from the x axis to the major axis (radians).
    """
    smooth = convolved(image, kernel)
    y, x = maxima(smooth, threshold, reach, hidden)
    return _chosen(_measured(lambda y, x: _moments(image, y, x, kernel), y, x), ("roundness",), limits)


_FINDERS = {"dao": daofind, "iraf": starfind}


def stars(image, kind: str, which: Stars, fwhm: float, threshold: float, hidden) -> dict[str, np.ndarray]:
    """Return what the finder `"dao"` or `"iraf"` finds, for stars of a width (pixels)."""
    limits = Limits((which.sharplo, which.sharphi), (which.roundlo, which.roundhi), which.peakmax, which.brightest)
    reach = max(2, int(which.minsep_fwhm * fwhm + 0.5))
    return _FINDERS[kind](image, Kernel.of(fwhm, which.sigma_radius), threshold, reach, hidden, limits)


def _measured(measure, y, x) -> dict[str, np.ndarray]:
    """Return what `measure` says of all candidates, on the host."""
    parts = [measure(y[k : k + _TOGETHER], x[k : k + _TOGETHER]) for k in range(0, max(y.size, 1), _TOGETHER)]
    xp = namespace(y)
    return {name: backend.to_host(xp.concatenate([part[name] for part in parts])) for name in parts[0]}


def _chosen(found: dict[str, np.ndarray], roundness: tuple[str, ...], limits: Limits) -> dict[str, np.ndarray]:
    """Return the stars among the candidates."""
    good = found.pop("good") if "good" in found else np.ones(found["x"].shape, bool)
    for values in found.values():
        good = good & np.isfinite(values)
    bounds = {"sharpness": limits.sharpness, **dict.fromkeys(roundness, limits.roundness)}
    bounds["peak"] = None if limits.peak is None else (-np.inf, limits.peak)
    for name, pair in bounds.items():
        if pair is not None:
            good = good & (found[name] >= pair[0]) & (found[name] <= pair[1])
    found = {name: values[good] for name, values in found.items() if name not in ("height_x", "height_y")}
    if limits.brightest is not None:
        order = np.argsort(found["flux"])[::-1][: limits.brightest]
        found = {name: values[order] for name, values in found.items()}
    return found


def _dao(image, smooth, y, x, kernel: Kernel) -> dict:
    """Return what DAOFIND measures at candidates."""
    half = len(kernel.weights) // 2
    stamp, around = stamps(image, y, x, half), stamps(smooth, y, x, half)
    peak, height = stamp[:, half, half], around[:, half, half].copy()
    around[:, half, half] = 0
    # Quarters of the stamp, one turned into the next, with changing signs: their sum is 0 for what is round.
    j, i = np.mgrid[-half:half + 1, -half:half + 1]  # fmt: skip
    sign = np.where((j <= 0) & (i > 0), -1, 0) + np.where((j < 0) & (i <= 0), 1, 0)
    sign = sign + np.where((j >= 0) & (i < 0), -1, 0) + np.where((j > 0) & (i >= 0), 1, 0)
    with np.errstate(all="ignore"):
        total = abs(around).sum(axis=(1, 2))
        roundness1 = 2 * (around * _beside(image, sign)).sum(axis=(1, 2)) / total
        mean = ((stamp * _beside(image, kernel.inside)).sum(axis=(1, 2)) - peak) / (kernel.inside.sum() - 1)
        sharpness = (peak - mean) / height
        dx, height_x = _fit(stamp, kernel)
        dy, height_y = _fit(stamp.transpose(0, 2, 1), kernel, -1.0)
        roundness2 = 2 * (height_x - height_y) / (height_x + height_y)
    return {"x": x + dx, "y": y + dy, "flux": stamp.sum(axis=(1, 2)), "peak": peak, "sharpness": sharpness,
            "roundness1": roundness1, "roundness2": roundness2, "height_x": height_x, "height_y": height_y}  # fmt: skip


def _fit(stamp, kernel: Kernel, sign: float = 1.0):
    """Return how far from the middle the Gaussian lies that fits the sums over columns, and its height, (n,).

    Data d and Gaussian g are summed over columns with weights that fall off from the middle row; the fit has weights w
    that fall off from the middle column. Height and shift are those of a linear fit of g and its slope. A shift that
    leaves the stamp is none; the first moment takes its place, which DAOFIND counts from the right and from below.
    """
    xp = namespace(stamp)
    n = stamp.shape[1]
    half = n // 2
    place = np.arange(n) - half
    w = half - abs(place) + 1.0
    g = (kernel.gaussian * w[:, None]).sum(axis=0)
    slope = -g * place
    d = (stamp * _beside(stamp, w)[:, None]).sum(axis=1)
    total, with_g, with_slope, first = (
        (d * _beside(stamp, v)).sum(axis=1) for v in (w, g * w, slope * w, -sign * place * w)
    )
    height = (with_g - total * (g @ w) / w.sum()) / (g**2 @ w - (g @ w) ** 2 / w.sum())
    shift = (g * slope @ w - (with_slope - (slope @ w) * total)) / (height * (slope**2 @ w) / kernel.sigma**2)
    far = abs(shift) > n / 2
    shift = xp.where(far, xp.where(total == 0, 0.0, first / total), shift)
    shift = xp.where(abs(shift) > n / 2, 0.0, shift)
    bad = ~(height > 0)
    return xp.where(bad, np.nan, shift), xp.where(bad, np.nan, height)


def _moments(image, y, x, kernel: Kernel) -> dict:
    """Return what starfind measures at candidates: moments of what exceeds the mean of the corners of the stamp."""
    xp = namespace(image)
    half = len(kernel.weights) // 2
    stamp, inside = stamps(image, y, x, half), _beside(image, kernel.inside)
    sky = (stamp * ~inside).sum(axis=(1, 2)) / max((~kernel.inside).sum(), 1)  # a wide kernel may have no corners
    light = (stamp - sky[:, None, None]) * inside
    light = xp.where(light < 0, 0.0, light)
    place = xp.arange(-half, half + 1, dtype=np.float64)
    with np.errstate(all="ignore"):
        flux = light.sum(axis=(1, 2))
        columns, rows = light.sum(axis=1), light.sum(axis=2)
        dx, dy = (columns * place).sum(axis=1) / flux, (rows * place).sum(axis=1) / flux
        from_x, from_y = place - dx[:, None], place - dy[:, None]
        xx, yy = (columns * from_x**2).sum(axis=1) / flux, (rows * from_y**2).sum(axis=1) / flux
        xy = (light * from_x[:, None, :] * from_y[:, :, None]).sum(axis=(1, 2)) / flux
        sharpness = 2 * xp.sqrt(np.log(2) * (xx + yy)) / kernel.fwhm
        roundness = xp.sqrt((xx - yy) ** 2 + 4 * xy**2) / (xx + yy)
        angle = 0.5 * xp.arctan2(2 * xy, xx - yy) % (2 * np.pi)
    return {"x": x + dx, "y": y + dy, "flux": flux, "peak": light.max(axis=(1, 2)), "sharpness": sharpness,
            "roundness": roundness, "angle": angle, "good": (light != 0).sum(axis=(1, 2)) > 1}  # fmt: skip
