"""A polynomial that stands in for the transform of a whole image, where it is as good as that.

Over the field of one detector the way from pixels to sky is so smooth that a polynomial of moderate degree gives it to
the last digits, for a fraction of the time of tangents and arc tangents. It is fitted at Chebyshev points and held
against the transform at others; where it is not as good, at a pole for instance, there is none.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev

from jwgpu.numerics.plane import TURN, Plane

SKY = 1e-12
"""Degrees by which a polynomial may differ from the transform to the sky."""

PIXEL = 1e-8
"""Pixels by which it may differ from the transform to pixels."""

DEGREES = range(4, 11)

_NODES = 16  # along each axis
_PROOFS = 45


def to_sky(transform, box, begins: float) -> Plane | None:
    """Return the polynomial from the pixels of a box to longitude and latitude, or None.

    Parameters
    ----------
    transform : function of x and y
        Gives degrees.
    box : ((first x, last x), (first y, last y))
        Pixels beyond are NaN.
    begins : float
        Longitude at which the circle begins.
    """
    corners = np.array(box, float).T
    centre = corners.mean(axis=0)
    (middle,), _ = transform(*centre[:, None])

    def near(x, y):
        lon, lat = transform(x, y)
        return (lon - middle + TURN / 2) % TURN - TURN / 2, lat

    plane = _fitted(near, corners, SKY)
    if plane is None:
        return None
    plane["terms"][0, 0, 0] += middle
    nowhere = np.array([[-np.inf] * 2, [np.inf] * 2])
    return Plane(**plane, given=corners, found=nowhere, begins=np.array([np.nan, begins]))


def to_pixels(transform, corners, box) -> Plane | None:
    """Return the polynomial from the sky about a box of pixels to these, or None.

    Parameters
    ----------
    transform : function of longitude and latitude in degrees
        Gives pixels.
    corners : (n, 2)
        Points of the sky, longitude and latitude, that the sky about the box has to hold.
    box : ((first x, last x), (first y, last y))
        What falls on no pixel of it is NaN.
    """
    lon = (corners[:, 0] - corners[0, 0] + TURN / 2) % TURN - TURN / 2 + corners[0, 0]
    sky = np.array([[lon.min(), corners[:, 1].min()], [lon.max(), corners[:, 1].max()]])
    if not np.isfinite(sky).all() or np.ptp(sky, axis=0).max() > TURN / 4:
        return None
    plane = _fitted(transform, sky, PIXEL)
    if plane is None:
        return None
    begins = np.array([sky[:, 0].mean() - TURN / 2, np.nan])
    return Plane(**plane, given=sky, found=np.array(box, float).T, begins=begins)


def _fitted(transform, box, tolerance: float) -> dict | None:
    """Return terms, centre and scale of the polynomial of least degree that is good enough inside of a box."""
    centre, half = box.mean(axis=0), np.ptp(box, axis=0) / 2
    if not (half > 0).all():
        return None

    def at(points):
        u, v = (c.ravel() for c in np.meshgrid(points, points))
        with np.errstate(all="ignore"):
            return u, v, np.stack(transform(centre[0] + half[0] * u, centre[1] + half[1] * v), axis=-1)

    u, v, wanted = at(np.cos(np.pi * (np.arange(_NODES) + 0.5) / _NODES))
    *proof, truth = at(np.linspace(-1, 1, _PROOFS))
    if not (np.isfinite(wanted).all() and np.isfinite(truth).all()):
        return None
    for degree in DEGREES:
        kept = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) <= degree
        found, *_ = np.linalg.lstsq(chebyshev.chebvander2d(u, v, [degree, degree])[:, kept.ravel()], wanted)
        terms = np.zeros((degree + 1, degree + 1, 2))
        terms[kept] = found
        value = np.einsum("...n,nk->...k", chebyshev.chebvander2d(*proof, [degree, degree]), terms.reshape(-1, 2))
        if np.abs(value - truth).max() <= tolerance:
            powers = np.stack([np.pad(chebyshev.cheb2poly(row), (0, degree - k)) for k, row in
                               enumerate(np.eye(degree + 1)[k, : k + 1] for k in range(degree + 1))])  # fmt: skip
            return {"terms": np.einsum("ia,jb,ijk->abk", powers, powers, terms), "centre": centre, "scale": 1 / half}
    return None
