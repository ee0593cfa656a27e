"""Two polynomials in two coordinates, over many points."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import kernels
from jwgpu.backend import is_device_array, namespace

TURN = 360.0


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """Polynomials a(u, v) and b(u, v) of u = (x - centre) scale and the same of y, inside of boxes.

    Attributes
    ----------
    terms : (degree + 1, degree + 1, 2) float64
        Factors of u**i v**j in a and in b; 0 where i + j is more than the degree.
    centre, scale : (2,) float64
        Of x and of y.
    given, found : (2, 2) float64
        Lowest x and y and highest ones, lowest a and b and highest ones; points beyond are NaN.
    begins : (2,) float64
        Degrees at which x and a begin where they are angles, which are turned to lie within 360 from there; NaN where
        they are none.
    """

    terms: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    given: np.ndarray
    found: np.ndarray
    begins: np.ndarray


def evaluate(plane: Plane, x, y):
    """Return a and b at points.

    Parameters
    ----------
    plane : Plane
    x, y : float64 arrays
        They broadcast against each other; the columns (1, n) and the rows (m, 1) of a frame are not written out.

    Returns
    -------
    a, b : float64 arrays of the shape that x and y have together
    """
    xp = namespace(x, y)
    shape = np.broadcast_shapes(x.shape, y.shape)
    mesh = len(shape) == 2 and x.shape == (1, shape[1]) and y.shape == (shape[0], 1)
    x, y = (c.ravel() if mesh else xp.ascontiguousarray(xp.broadcast_to(c, shape)).ravel() for c in (x, y))
    if not kernels.available(x):
        if mesh:
            x, y = (xp.broadcast_to(c, shape).ravel() for c in (x, y[:, None]))
        return tuple(c.reshape(shape) for c in reference(plane, x, y))
    frame = np.concatenate([[plane.centre, plane.scale], plane.given, plane.found])
    constants = [xp.asarray(c) if is_device_array(x) else c for c in (plane.terms, frame, plane.begins)]
    a, b = xp.empty(shape), xp.empty(shape)
    degree, width = np.int32(len(plane.terms) - 1), np.int32(shape[1] if mesh else 0)
    kernels.launch("plane_polynomials", 16, a.size, x, y, *constants, a, b, degree, width)
    return a, b


@np.errstate(invalid="ignore", over="ignore")  # of points beyond
def reference(plane: Plane, x, y):
    """Return what the kernel does for (n,) `x` and `y`, by array code."""
    xp = namespace(x, y)
    x = x if np.isnan(plane.begins[0]) else _turned(xp, x, plane.begins[0])
    (low, below), (high, above) = plane.given
    valid = (x >= low) & (x <= high) & (y >= below) & (y <= above)
    u, v = (x - plane.centre[0]) * plane.scale[0], (y - plane.centre[1]) * plane.scale[1]
    made = [_sum(xp, terms, u, v) for terms in np.moveaxis(plane.terms, 2, 0)]
    if not np.isnan(plane.begins[1]):
        made[0] = _turned(xp, made[0], plane.begins[1])
    for value, least, most in zip(made, *plane.found):
        valid = valid & (value >= least) & (value <= most)
    return tuple(xp.where(valid, value, xp.nan) for value in made)


def _sum(xp, terms, u, v):
    total, degree = xp.zeros(u.shape), len(terms) - 1
    for power in range(degree, -1, -1):
        row = xp.full(u.shape, terms[power, degree - power])
        for term in terms[power, : degree - power][::-1]:
            row = row * v + term
        total = total * u + row
    return total


def _turned(xp, angle, begins: float):
    angle = xp.where(angle < begins, angle + TURN, angle)
    return xp.where(angle >= begins + TURN, angle - TURN, angle)
