"""A field of stars and galaxies on the sky, and its light on the pixels of a detector."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from jwgpu.simulate import psf
from jwgpu.simulate.pointing import direction, to_sky
from jwgpu.wcs import WCS, newton

SOURCE = np.dtype(
    [("id", "i4"), ("kind", "U6"), ("ra", "f8"), ("dec", "f8"), ("flux", "f8"), ("radius", "f8"), ("ratio", "f8"),
     ("angle", "f8"), ("nearest", "f8")]
)  # fmt: skip
"""Flux in Jy; half-light radius and the distance to the nearest other source in arcsec; position angle in degrees."""

_ROUNDS = 20  # of drawing again what lies too close to others


def draw(
    rng: np.random.Generator, boxes: list, matrix: np.ndarray, n_stars: float, n_galaxies: float, separation: float
) -> np.ndarray:
    """Draw the places and shapes of sources in boxes of the telescope's field, without their fluxes.

    Parameters
    ----------
    rng : Generator
    boxes : list of (first V2, V3), (last V2, V3), arcsec
        Those that overlap are filled once.
    matrix : (3, 3)
        Telescope to sky.
    n_stars, n_galaxies : float
        In a square arcsecond.
    separation : float, arcsec
        Between any two sources, at least.
    """
    places, kinds = np.zeros((0, 2)), np.zeros(0, bool)
    for number, (first, last) in enumerate(boxes):
        wanted = [round(density * np.prod(last - first)) for density in (n_stars, n_galaxies)]
        n = sum(wanted)
        new, stars = np.zeros((0, 2)), np.arange(n) < wanted[0]
        for _ in range(_ROUNDS):
            new = np.concatenate([new, rng.uniform(first, last, (n - len(new), 2))])
            close = cKDTree(np.concatenate([places, new])).query_pairs(separation, output_type="ndarray")
            later = np.unique(close.reshape(-1, 2)[:, 1]) - len(places)  # pairs are in order
            new, stars = np.delete(new, later, axis=0), np.concatenate([np.delete(stars, later), stars[later]])
            if len(new) == n:
                break
        stars = stars[: len(new)]
        for a, b in boxes[:number]:
            outside = ((new < a) | (new > b)).any(axis=1)
            new, stars = new[outside], stars[outside]
        places, kinds = np.concatenate([places, new]), np.concatenate([kinds, stars])
    table = np.zeros(len(places), SOURCE)
    table["id"] = np.arange(len(table)) + 1
    table["kind"] = np.where(kinds, "star", "galaxy")
    table["ra"], table["dec"] = to_sky(matrix, *places.T)
    table["ratio"], table["nearest"] = 1.0, np.inf
    disks = ~kinds
    table["ratio"][disks] = rng.uniform(0.25, 1, disks.sum())
    table["angle"][disks] = rng.uniform(0, 180, disks.sum())
    if len(table) > 1:
        table["nearest"] = cKDTree(places).query(places, 2)[0][:, 1]
    return table


def place(table: np.ndarray, wcs: WCS, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels (x, y) on which sources fall, NaN for those that are far from the frame.

    They are those that `wcs` leads from, to 1e-8 pixel, whatever its inverse may be.
    """
    middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    scale = np.hypot(*jacobian(wcs, *(np.array([m]) for m in middle))[0, :, 0])  # arcsec
    ra, dec = wcs.forward(*middle)
    reach = np.radians((np.hypot(*shape) / 2 * 1.1 + 300) * scale / 3600)
    away = np.linalg.norm(
        direction(table["ra"] * 3600, table["dec"] * 3600) - direction(ra * 3600, dec * 3600)[:, None], axis=0
    )
    near = np.flatnonzero(away < reach)
    x, y = np.full((2, len(table)), np.nan)
    x[near], y[near] = newton.invert(wcs.forward, table["ra"][near], table["dec"][near], middle)
    return x, y


def jacobian(wcs: WCS, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how east and north (arcsec) change with x and y: (n, 2, 2), the last axis that of x, y."""
    columns = []
    for dx, dy in ((0.5, 0.0), (0.0, 0.5)):
        (a, d), (b, e) = wcs.forward(x + dx, y + dy), wcs.forward(x - dx, y - dy)
        across = (np.remainder(a - b + 180, 360.0) - 180) * np.cos(np.radians((d + e) / 2))
        columns.append(np.stack([across, d - e], axis=-1) * 3600)
    return np.stack(columns, axis=-1)


def render(table: np.ndarray, wcs: WCS, shape: tuple[int, int], fwhm: float) -> np.ndarray:
    """Return the light of the sources in every pixel, (y, x) float64, in the unit of their flux."""
    image = np.zeros(shape)
    x, y = place(table, wcs, shape)
    half = psf.half_size(fwhm)
    for k in np.flatnonzero(np.isfinite(x)):
        cx, cy = round(float(x[k])), round(float(y[k]))
        dx, dy = x[k] - cx, y[k] - cy
        if table["kind"][k] == "star":
            stamp = psf.star(dx, dy, fwhm, half)
        else:
            stamp = psf.galaxy(dx, dy, _ellipse(table[k], jacobian(wcs, x[k : k + 1], y[k : k + 1])[0]), fwhm)
        x0, y0 = cx - len(stamp) // 2, cy - len(stamp) // 2
        rows = slice(max(y0, 0), min(y0 + len(stamp), shape[0]))
        columns = slice(max(x0, 0), min(x0 + len(stamp), shape[1]))
        if rows.start < rows.stop and columns.start < columns.stop:
            seen = stamp[rows.start - y0:rows.stop - y0, columns.start - x0:columns.stop - x0]  # fmt: skip
            image[rows, columns] += table["flux"][k] * seen
    return image


def _ellipse(source, jacobian: np.ndarray) -> np.ndarray:
    """Return the second moments in pixels of a galaxy whose position angle counts from north through east."""
    angle = np.radians(source["angle"])
    along = np.array([np.sin(angle), np.cos(angle)])  # east, north
    across = np.array([np.cos(angle), -np.sin(angle)])
    sky = source["radius"] ** 2 * (np.outer(along, along) + source["ratio"] ** 2 * np.outer(across, across))
    back = np.linalg.inv(jacobian)
    return back @ sky @ back.T
