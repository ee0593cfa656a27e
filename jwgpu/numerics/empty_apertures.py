"""By how much errors of sums over pixels are too small, measured in circles laid at random on empty sky.

The noise of neighbouring pixels of a resampled image is correlated: the scatter of sums over A pixels grows faster than
their errors, which add in squares as if pixels were independent; and errors of pixels that already take this into
account are too large for small sums. Circles on empty sky tell: in units of its error, the light in one scatters by the
factor sought. For any area it is a power law, a sqrt(A)**b, through the factors of circles of several sizes, whose
errors count parts of pixels as those of independent ones.

References
----------
[1] Labbe et al. 2003, doi:10.1086/346140
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.numerics import apertures, stamps
from jwgpu.numerics.apertures import Ellipses

_FEWEST = 30
"""Empty circles that a factor is measured with at least."""

_SIZES = (1.0, 1.5, 2.25, 3.4, 5.0, 7.5)
"""Radii in pixels of the circles through whose factors the power law is laid."""

_INNER = (0.158655, 0.841345)
"""What lies within one standard deviation of the middle of a normal distribution."""


@dataclasses.dataclass(frozen=True)
class Growth:
    """Factors by which errors grow: of circles less the background of a ring, and of any area of A pixels.

    `growth(area)` is a sqrt(A)**b.
    """

    circles: tuple[float, ...]
    a: float
    b: float

    def __call__(self, area) -> np.ndarray:
        """Return the factor for areas in pixels."""
        return self.a * np.sqrt(np.asarray(area, float)) ** self.b


def measure(
    data: np.ndarray, err: np.ndarray, taken: np.ndarray, radii, ring: tuple[float, float], *, n: int = 4000,
    seed: int = 1,
) -> Growth | None:  # fmt: skip
    """Return the factors for circles of some radii, and the power law; None where too little sky is empty.

    Parameters
    ----------
    data, err : (y, x) float32
        The image above its background, and its error.
    taken : (y, x) bool
        Pixels that belong to sources or were not seen.
    radii : floats
        Radii of circles, pixels, from whose light the background is taken as `apertures.annulus` gives it.
    ring : (inner, outer)
        Radii of the ring, pixels.
    n : int
        Circles of each size that are tried.
    seed : int
        Of the positions.
    """
    rng = np.random.default_rng(seed)
    ours = [_factor(data, err, empty(taken, radius, n, rng), radius, ring) for radius in radii]
    law = [(radius, _factor(data, err, empty(taken, radius, n, rng), radius, ring, local=False)) for radius in _SIZES]
    law = [(radius, factor) for radius, factor in law if np.isfinite(factor)]
    if len(law) < 2 or not np.isfinite(ours).all():
        return None
    size, factor = np.log(np.array(law)).T
    b, log_a = np.polyfit(size + 0.5 * np.log(np.pi), factor, 1)
    return Growth(tuple(float(f) for f in ours), float(np.exp(log_a)), float(b))


def empty(taken: np.ndarray, radius: float, n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of those of `n` random circles that lie on the image and hold no taken pixel."""
    ny, nx = taken.shape
    x, y = (rng.uniform(radius, max(size - 1 - radius, radius), n) for size in (nx, ny))
    windows = stamps.around(x, y, np.full(n, radius), np.full(n, radius), taken.shape)
    free = np.ones(n, bool)
    for part in stamps.parts(windows):
        owner, px, py = stamps.pixels(windows[:, part])
        free[part] &= np.bincount(owner, taken[py, px], len(range(*part.indices(n)))) == 0
    free &= (x + radius < nx) & (y + radius < ny)
    return x[free], y[free]


def _factor(data, err, where, radius: float, ring, local: bool = True) -> float:
    """Return the scatter of the light in circles in units of its error; NaN of too few."""
    x, y = where
    circle = Ellipses.circles(x, y, radius)
    light, error = apertures.photometry(data, err, circle, independent=not local)
    if local:
        light = light - circle.area * apertures.annulus(data, x, y, *ring)[0]
    pull = (light / error)[np.isfinite(light) & (error > 0)]
    if pull.size < _FEWEST:
        return np.nan
    low, high = np.quantile(pull, _INNER)
    return float(high - low) / 2
