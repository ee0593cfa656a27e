"""Places of stars by fits of Gaussians over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import centroids
from jwgpu.simulate import psf


def gaussians(places, shape, fwhm, sky=3.0, height=200.0):
    """Gaussians that are integrated over the pixels, on a sky."""
    from scipy.special import erf

    image = np.full(shape, sky)
    for x, y in places:
        columns, rows = (np.diff(0.5 * erf((np.arange(n + 1) - 0.5 - c) / (fwhm / 2.3548 * 2**0.5)))
                         for n, c in ((shape[1], x), (shape[0], y)))  # fmt: skip
        image += height * rows[:, None] * columns
    return image.astype(np.float32)


PLACES = np.array([(12.3, 20.1), (40.0, 31.6), (35.7, 8.9), (22.5, 51.5), (0.2, 25.3), (49.6, 59.4)])


@pytest.mark.parametrize("fwhm", [0.9, 1.4, 2.1, 3.0])
def test_gaussians_are_found_where_they_are(fwhm, device):
    """Whatever is said of their width; at the edges too."""
    image = device.array(gaussians(PLACES, (60, 50), fwhm))
    guess = np.clip(PLACES + np.random.default_rng(1).uniform(-0.25, 0.25, PLACES.shape), 0, [49, 59])
    x, y = centroids.refined(image, *guess.T, 2.5)
    np.testing.assert_allclose(np.stack([x, y], axis=1), PLACES, atol=2e-4)
    assert isinstance(x, np.ndarray)


def test_missing_pixels_take_no_part():
    image = gaussians(PLACES[:4], (60, 50), 2.0)
    image[20, 13] = image[31, 41] = np.nan
    x, y = centroids.refined(image, *PLACES[:4].T, 2.5)
    np.testing.assert_allclose(np.stack([x, y], axis=1), PLACES[:4], atol=2e-4)


def test_stars_with_wings_are_found_better_than_by_moments():
    """The error that depends on where in its pixel a star lies shrinks to some hundredths."""
    from jwgpu.numerics.sources import Kernel, starfind

    rng = np.random.default_rng(5)
    places = np.array([(20 * k + 10, 20 * j + 10) for k in range(6) for j in range(6)]) + rng.uniform(
        -0.5, 0.5, (36, 2)
    )
    image = np.zeros((130, 130))
    for x, y in places:
        i, j = round(x), round(y)
        image[j - 9 : j + 10, i - 9 : i + 10] += psf.star(x - i, y - j, 1.6, 9)
    found = starfind(image.astype(np.float32), Kernel.of(2.5), 0.01, 2)
    x, y = centroids.refined(image.astype(np.float32), found["x"], found["y"], 2.5)

    def error(x, y):
        d = np.hypot(x[:, None] - places[:, 0], y[:, None] - places[:, 1])
        assert d.shape == (36, 36)
        return np.sqrt(np.mean(d.min(axis=1) ** 2))

    assert error(found["x"], found["y"]) > 0.04
    assert error(x, y) < 0.02


def test_what_cannot_be_fitted_stays_where_it_was():
    image = np.full((30, 30), np.nan, np.float32)
    x, y = centroids.refined(image, np.array([10.2]), np.array([11.7]), 2.5)
    assert (x[0], y[0]) == (10.2, 11.7)
    x, y = centroids.refined(np.ones((30, 30), np.float32), np.array([10.2]), np.array([11.7]), 2.5)
    assert (x[0], y[0]) == (10.2, 11.7)
    assert len(centroids.refined(image, np.zeros(0), np.zeros(0), 2.5)[0]) == 0
