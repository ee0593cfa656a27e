"""Points that lead through every branch of the polynomials of a plane."""

from __future__ import annotations

import numpy as np

from jwgpu.numerics.plane import Plane


def plane(degree, seed=0, *, begins=(np.nan, np.nan), found=None):
    """Return polynomials with random terms."""
    random = np.random.default_rng(seed)
    terms = random.normal(size=(degree + 1, degree + 1, 2))
    terms[np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) > degree] = 0
    everywhere = np.array([[-np.inf] * 2, [np.inf] * 2])
    return Plane(
        terms, np.array([10.0, -3.0]), np.array([0.1, 0.07]), np.array([[0.0, -20.0], [20.0, 14.0]]),
        everywhere if found is None else found, np.array(begins),
    )  # fmt: skip


def points(n, seed=1):
    """Return n points, within the box, on its edges and beyond, NaN and infinite."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(-2, 22, n), random.uniform(-24, 18, n)
    for place, value in enumerate((0.0, 20.0, np.nan, np.inf, -np.inf)):
        x[place::11], y[place + 5 :: 13] = value, value
    return x, y


def cases():
    """Give (words, plane, x, y)."""
    for n in (1, 7, 8, 9, 31, 32, 33, 700):
        yield f"{n} points", plane(5), *points(n)
    for degree in (0, 1, 2, 10):
        yield f"degree {degree}", plane(degree, degree), *points(200)
    x, y = points(300)
    for begins in ((0.0, np.nan), (np.nan, 0.0), (np.nan, -180.0), (-170.0, 0.0)):
        yield f"angles {begins}", plane(3, begins=begins), x * 40, y
    turned = plane(1, begins=(np.nan, 0.0))
    turned.terms[0, 0, 0] = 359.9
    yield "across the end of the circle", turned, x, y
    yield "a box of what is found", plane(4, found=np.array([[-0.5, -0.4], [0.6, 1.0]])), x, y
    yield "a frame", plane(6), np.linspace(-1, 21, 37)[None], np.linspace(-21, 15, 23)[:, None]
    yield "a row", plane(6), x[None], np.full((1, 1), 2.0)
    yield "a plane of points", plane(2), x.reshape(20, 15), y.reshape(20, 15)
