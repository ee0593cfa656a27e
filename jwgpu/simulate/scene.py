"""Stars and galaxies, and the count rates they give."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

SOURCE = np.dtype(
    [("kind", "U6"), ("x", "f8"), ("y", "f8"), ("flux", "f8"), ("radius", "f4"), ("ratio", "f4"), ("angle", "f4")]
)

_CORE = 0.8  # share of a star's light in the Gaussian core; the rest is in Moffat wings


def sources(rng: np.random.Generator, shape: tuple[int, int], n_stars: int, n_galaxies: int) -> np.ndarray:
    """Draw a table of sources.

    Returns
    -------
    structured array
        kind, position (0-based pixels), flux (electron / s), and for galaxies half-light radius (pixels), axis ratio
        and position angle (radians). One star in 200, and at least one, is bright enough to saturate.
    """
    ny, nx = shape
    table = np.zeros(n_stars + n_galaxies, SOURCE)
    table["kind"] = ["star"] * n_stars + ["galaxy"] * n_galaxies
    table["x"] = rng.uniform(-0.5, nx - 0.5, table.size)
    table["y"] = rng.uniform(-0.5, ny - 0.5, table.size)
    flux = 10 ** (1.3 + rng.exponential(0.62, n_stars))
    n_bright = max(1, n_stars // 200) if n_stars else 0
    flux[:n_bright] = 10 ** rng.uniform(4.8, 6.0, n_bright)
    table["flux"][:n_stars] = np.minimum(flux, 1e6)
    table["flux"][n_stars:] = 10 ** rng.uniform(1.6, 3.4, n_galaxies)
    table["radius"][n_stars:] = rng.uniform(2, 14, n_galaxies) * min(1.0, min(shape) / 256 + 0.2)
    table["ratio"][n_stars:] = rng.uniform(0.25, 1, n_galaxies)
    table["angle"][n_stars:] = rng.uniform(0, np.pi, n_galaxies)
    return table


def star(dx: float, dy: float, fwhm: float, half: int) -> np.ndarray:
    """Return the image of a star of unit flux on (2 half + 1)^2 pixels, `dx, dy` pixels from the centre.

    A Gaussian core, integrated over the pixels, in Moffat wings of exponent 2.5.
    """
    grid = np.arange(-half, half + 1)
    edges = np.arange(-half - 0.5, half + 1)
    sigma = fwhm / 2.3548
    core_x = np.diff(0.5 * erf((edges - dx) / (sigma * 2**0.5)))
    core_y = np.diff(0.5 * erf((edges - dy) / (sigma * 2**0.5)))
    wing_radius = 1.6 * fwhm
    r2 = ((grid - dx)[None, :] ** 2 + (grid - dy)[:, None] ** 2) / wing_radius**2
    wing = 1.5 / (np.pi * wing_radius**2) * (1 + r2) ** -2.5
    return _CORE * core_y[:, None] * core_x[None, :] + (1 - _CORE) * wing


def galaxy(dx: float, dy: float, radius: float, ratio: float, angle: float, half: int) -> np.ndarray:
    """Return the image of an exponential disk of unit flux on (2 half + 1)^2 pixels."""
    y, x = np.mgrid[-half:half + 1, -half:half + 1].astype(float)  # fmt: skip
    x, y = x - dx, y - dy
    along = x * np.cos(angle) + y * np.sin(angle)
    across = (y * np.cos(angle) - x * np.sin(angle)) / ratio
    profile = np.exp(-1.678 * np.sqrt(along**2 + across**2 + 0.5) / radius)
    return profile / profile.sum()


def _reach(source) -> int:
    """Half size of the stamp that holds all but a negligible part of the light."""
    if source["kind"] == "galaxy":
        return int(6 * source["radius"]) + 4
    return 14 if source["flux"] < 3e3 else 30 if source["flux"] < 1e5 else 75


def render(table: np.ndarray, shape: tuple[int, int], fwhm: float) -> np.ndarray:
    """Return the (y, x) image of the sources, electron / s, float32."""
    ny, nx = shape
    image = np.zeros(shape)  # float64: faint wings of many stars add up
    for source in table:
        cx, cy = round(float(source["x"])), round(float(source["y"]))
        dx, dy = float(source["x"]) - cx, float(source["y"]) - cy
        half = _reach(source)
        if source["kind"] == "star":
            stamp = star(dx, dy, fwhm, half)
        else:
            stamp = galaxy(dx, dy, float(source["radius"]), float(source["ratio"]), float(source["angle"]), half)
        x0, x1, y0, y1 = max(cx - half, 0), min(cx + half + 1, nx), max(cy - half, 0), min(cy + half + 1, ny)
        cut = stamp[y0 - cy + half:y1 - cy + half, x0 - cx + half:x1 - cx + half]  # fmt: skip
        image[y0:y1, x0:x1] += float(source["flux"]) * cut
    return image.astype(np.float32)
