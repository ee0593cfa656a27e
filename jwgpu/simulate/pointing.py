"""Where the telescope points in a set of dithered exposures, and where the header says it does."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.simulate.header import attitude

GOLDEN = np.pi * (3 - 5**0.5)  # angle from one dither to the next, which gives every one another sub-pixel phase


def direction(v2, v3) -> np.ndarray:
    """Return unit vectors (3, ...) of telescope coordinates (arcsec) or, likewise, of degrees times 3600 on the sky."""
    lon, lat = np.radians(np.asarray(v2) / 3600), np.radians(np.asarray(v3) / 3600)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def to_sky(matrix: np.ndarray, v2, v3) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (degrees) of telescope coordinates (arcsec) in an attitude."""
    x, y, z = np.tensordot(matrix, direction(v2, v3), axes=1)
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def reference(matrix: np.ndarray, v2: float, v3: float) -> tuple[float, float, float]:
    """Return right ascension, declination and position angle of V3 (degrees) at a place of the telescope's field."""
    ra, dec = (float(c) for c in to_sky(matrix, v2, v3))
    lon, lat = np.radians(v2 / 3600), np.radians(v3 / 3600)
    up = matrix @ [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
    a, d = np.radians(ra), np.radians(dec)
    east, north = [-np.sin(a), np.cos(a), 0.0], [-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]
    return ra, dec, float(np.degrees(np.arctan2(up @ east, up @ north)) % 360)


@dataclasses.dataclass(frozen=True)
class Pointing:
    """One exposure's attitude.

    Attributes
    ----------
    number : int
        Of the exposure, from 1.
    visit : int
        From 1.
    offset : (2,) float, arcsec
        By which the field is moved along V2, V3: the dither.
    error : (3,) float, arcsec, arcsec, degrees
        What the header does not know: along V2, V3, and the roll.
    nominal, true : (3, 3) float
        Telescope to sky, as the header says and as it was.
    """

    number: int
    visit: int
    offset: np.ndarray
    error: np.ndarray
    nominal: np.ndarray
    true: np.ndarray


def spiral(n: int, radius: float) -> np.ndarray:
    """Return `n` offsets (n, 2) within a radius, the first of them none."""
    k = np.arange(n)
    along = radius * np.sqrt(k / max(n - 1, 1))
    return np.stack([along * np.cos(GOLDEN * k), along * np.sin(GOLDEN * k)], axis=1)


def pointings(
    rng: np.random.Generator,
    centre: tuple[float, float],
    field: tuple[float, float, float],
    offsets: np.ndarray,
    n_visits: int,
    errors: np.ndarray | float,
    visit_error: float,
    roll_error: float,
    visit_roll: float,
) -> list[Pointing]:
    """Return the attitude of every exposure.

    Parameters
    ----------
    rng : Generator
    centre : (V2, V3), arcsec
        What looks at the field.
    field : right ascension, declination, position angle of V3 there, degrees
    offsets : (n, 2) array, arcsec
        Dithers along V2, V3.
    n_visits : int
        Between which the exposures are divided, in order.
    errors : float or (n, 2) array, arcsec
        Standard deviation along each axis, or the errors themselves.
    visit_error : float, arcsec
        Standard deviation of what the exposures of a visit have in common.
    roll_error, visit_roll : float, degrees
        Standard deviation of the roll; from one visit to the next, as the header knows it.
    """
    n = len(offsets)
    visits = np.arange(n) * n_visits // n
    shift = rng.normal(0, errors, (n, 2)) if np.ndim(errors) == 0 else np.array(errors, float)
    shift = shift + rng.normal(0, visit_error, (n_visits, 2))[visits]
    turn = rng.normal(0, roll_error, n)
    made = []
    for k in range(n):
        ra, dec, roll = field[0], field[1], field[2] + visit_roll * visits[k]
        v2, v3 = np.array(centre) - offsets[k]
        nominal = attitude(v2, v3, ra, dec, roll)
        true = attitude(v2 - shift[k, 0], v3 - shift[k, 1], ra, dec, roll + turn[k])
        error = np.array([*shift[k], turn[k]])
        made.append(Pointing(k + 1, int(visits[k]) + 1, offsets[k], error, nominal, true))
    return made
