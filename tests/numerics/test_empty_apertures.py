"""Errors of sums over pixels, as empty circles measure them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from jwgpu.numerics import empty_apertures, stamps
from jwgpu.numerics.apertures import Ellipses

RADII, RING = (1.5, 2.5, 4.0), (8.0, 12.0)


def noise(size=400, width=1, seed=1):
    """Return noise of unit scatter in which squares of `width` pixels share one value in the mean."""
    rng = np.random.default_rng(seed)
    data = ndimage.uniform_filter(rng.normal(size=(size, size)), width, mode="wrap") * width
    return data.astype(np.float32), np.ones((size, size), np.float32), np.zeros((size, size), bool)


def covered_squares(radius):
    """Return the mean sum of squares of the covered parts of pixels, which weight their variances."""
    rng = np.random.default_rng(5)
    circles = Ellipses.circles(*rng.uniform(20, 21, (2, 50)), radius)
    owner, x, y = stamps.pixels(circles.windows((50, 50)))
    return (circles.cover(owner, x, y) ** 2).sum() / 50


def test_of_independent_pixels_errors_are_right():
    found = empty_apertures.measure(*noise(), RADII, RING)
    for radius, factor in zip(RADII, found.circles):
        area, squares = np.pi * radius**2, covered_squares(radius)
        # The ring of 80 pi pixels adds its own scatter: pi / 2 of the variance of a mean over them.
        assert factor == pytest.approx(np.sqrt((squares + area**2 / 160) / area), rel=0.05)
    assert found(np.array([10.0, 100.0])) == pytest.approx(1, abs=0.1)


def test_of_shared_pixels_errors_grow_towards_the_width_of_what_is_shared():
    found = empty_apertures.measure(*noise(width=3), RADII, RING)
    assert found(20.0) > 1.8
    assert found(150.0) == pytest.approx(3, rel=0.2)
    assert found.b > 0


def test_sources_and_holes_are_avoided():
    data, err, taken = noise()
    clean = empty_apertures.measure(data, err, taken, RADII, RING)
    taken[:, ::20] = True
    data[taken] = 1e6
    x, _ = empty_apertures.empty(taken, 3.0, 500, np.random.default_rng(1))
    assert 50 < x.size < 400
    assert (np.abs(x[:, None] - np.arange(0, 400, 20)).min(axis=1) > 3).all()
    found = empty_apertures.measure(data, err, taken, RADII, RING)
    assert found.circles == pytest.approx(clean.circles, rel=0.1)


def test_without_empty_sky_there_is_no_answer():
    data, err, taken = noise(60)
    taken[::4, ::4] = True
    assert empty_apertures.measure(data, err, taken, RADII, RING) is None
