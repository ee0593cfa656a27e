"""Finders of stars: what is known in closed form, and agreement with photutils."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import sources
from jwgpu.numerics.sources import Kernel, Limits

FINDERS = {"daofind": sources.daofind, "starfind": sources.starfind}
PLACES = [(12.3, 20.1), (40.0, 31.6), (55.7, 8.9), (22.4, 51.6), (61.9, 60.2)]


def field(places=PLACES, shape=(72, 80), fwhm=2.5, noise=0.0, flux=300.0):
    image = noise * np.random.default_rng(4).standard_normal(shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for k, (a, b) in enumerate(places):
        image += flux * (1 + k) / 7.1 * np.exp(-4 * np.log(2) * ((x - a) ** 2 + (y - b) ** 2) / fwhm**2)
    return image.astype(np.float32)


def near(found, places, within):
    """Sort what was found by the places it is near to."""
    d = np.hypot(found["x"][:, None] - np.array(places)[:, 0], found["y"][:, None] - np.array(places)[:, 1])
    assert d.min(axis=0).max() < within
    return d.argmin(axis=0)


@pytest.mark.parametrize("fwhm", [1.5, 2.5, 4.0, 7.0])
@pytest.mark.parametrize("radius", [1.0, 1.5, 3.0])
def test_the_kernel_gives_the_height_of_a_gaussian_on_any_background(fwhm, radius):
    kernel = Kernel.of(fwhm, radius)
    assert kernel.weights.sum() == pytest.approx(0, abs=1e-12)
    assert (kernel.weights * kernel.gaussian).sum() == pytest.approx(1)
    assert (kernel.weights**2).sum() ** 0.5 == pytest.approx(kernel.error)
    half = len(kernel.weights) // 2
    assert half == max(2, int(radius * fwhm / 2.3548))
    assert kernel.inside[half, half] and kernel.inside[half, half + 2]


def test_convolution_is_the_sum_over_the_kernel(device):
    image = np.random.default_rng(2).standard_normal((150, 33)).astype(np.float32)
    kernel = Kernel.of(2.5)
    wide = np.pad(image, 2).astype(float)
    expected = sum(
        kernel.weights[j, i] * wide[j : j + 150, i : i + 33] for j in range(5) for i in range(5)
    )  # symmetric
    found = device.host(sources.convolved(device.array(image), kernel))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("finder", FINDERS)
def test_stars_are_found_where_they_are(finder, device):
    image = device.array(field())
    found = FINDERS[finder](image, Kernel.of(2.5), 5.0, 2)
    order = near(found, PLACES, 0.25)
    assert len(found["x"]) == len(PLACES)
    flux = found["flux"][order]
    assert np.allclose(flux / flux[0], [1, 2, 3, 4, 5], rtol=0.08)
    assert all(isinstance(column, np.ndarray) and column.dtype == np.float64 for column in found.values())


@pytest.mark.parametrize("finder", FINDERS)
def test_all_libraries_give_the_same_bits(finder, device):
    image = field(noise=2.0)
    hidden = np.zeros(image.shape, bool)
    hidden[25:40, 30:50] = True
    expected = FINDERS[finder](image, Kernel.of(2.5), 8.0, 2, hidden)
    found = FINDERS[finder](device.array(image), Kernel.of(2.5), 8.0, 2, device.array(hidden))
    assert len(found["x"]) == 4
    for name, column in expected.items():
        np.testing.assert_allclose(found[name], column, rtol=1e-12, err_msg=name)


def test_maxima(device):
    image = np.zeros((9, 11), np.float32)
    image[2, 3], image[2, 5], image[6, 9], image[0, 0], image[8, 10] = 5, 4, 3, 2, np.nan

    def maxima(threshold, reach, hidden=None):
        hidden = None if hidden is None else device.array(hidden)
        y, x = sources.maxima(device.array(image), threshold, reach, hidden)
        return list(zip(device.host(y).tolist(), device.host(x).tolist()))

    assert maxima(1, 1) == [(0, 0), (2, 3), (2, 5), (6, 9)]
    assert maxima(1, 2) == [(0, 0), (2, 3), (6, 9)]
    assert maxima(2.5, 5) == [(2, 3), (6, 9)]
    assert maxima(2.5, 6) == [(2, 3)]
    assert maxima(9, 2) == []
    hidden = np.zeros(image.shape, bool)
    hidden[2, 3] = True
    assert maxima(1, 2, hidden) == [(0, 0), (6, 9)]
    image[2, 4] = 5
    assert maxima(4.5, 2) == [(2, 3), (2, 4)]


@pytest.mark.parametrize("finder", FINDERS)
def test_nothing_to_find(finder, device):
    for image in (np.zeros((20, 30)), np.full((20, 30), np.nan), np.full((3, 2), 0.1)):
        found = FINDERS[finder](device.array(image, np.float32), Kernel.of(2.5), 1.0, 2)
        assert {len(column) for column in found.values()} == {0}


def test_a_kernel_that_fills_its_square_leaves_no_corners_for_the_sky():
    """Where photutils finds nothing."""
    kernel = Kernel.of(4.7)
    assert kernel.inside.all()
    near(sources.starfind(field(fwhm=4.7), kernel, 5.0, 2), PLACES, 0.4)


@pytest.mark.parametrize("finder", FINDERS)
def test_limits(finder):
    image = field()
    image[30, 60] = 1000  # a cosmic ray
    find, kernel = FINDERS[finder], Kernel.of(2.5)
    # Of a single pixel there are no moments.
    assert len(find(image, kernel, 5.0, 2)["x"]) == {"daofind": 6, "starfind": 5}[finder]
    sharp = {"daofind": (0.2, 0.9), "starfind": (0.5, 2.0)}[finder]
    assert len(find(image, kernel, 5.0, 2, limits=Limits(sharpness=sharp))["x"]) == 5
    found = find(image, kernel, 5.0, 2, limits=Limits(sharpness=sharp, brightest=2))
    near(found, PLACES[3:], 0.3)
    assert found["flux"][0] > found["flux"][1]
    peaks = np.sort(find(image, kernel, 5.0, 2, limits=Limits(sharpness=sharp))["peak"])
    faint = find(image, kernel, 5.0, 2, limits=Limits(sharpness=sharp, peak=float(peaks[2:4].mean())))
    assert len(faint["x"]) == 3


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("fwhm", [2.0, 2.5, 4.0, 5.5])
@pytest.mark.parametrize("reach", [2, 5])
def test_agreement_with_photutils(finder, fwhm, reach):
    """On stars, noise, missing pixels, cosmic rays, and stars at the edges."""
    from photutils.detection import DAOStarFinder, IRAFStarFinder

    rng = np.random.default_rng(7)
    places = [(x, y) for x, y in rng.uniform(9, 190, (60, 2))]
    image = field(places, (200, 200), noise=1.0, flux=20.0)
    image[rng.integers(0, 200, 60), rng.integers(0, 200, 60)] += rng.uniform(20, 400, 60).astype(np.float32)
    image[0, 50] = image[100, 199] = image[199, 0] = 90
    image[rng.integers(0, 200, 40), rng.integers(0, 200, 40)] = np.nan
    hidden = np.isnan(image) | (rng.random(image.shape) < 0.01)
    official = {"daofind": DAOStarFinder, "starfind": IRAFStarFinder}[finder]
    for limits in (Limits(), Limits((0.3, 1.1), (-0.5, 0.5), 300.0, 40)):
        found = FINDERS[finder](image, Kernel.of(fwhm), 6.0, reach, hidden, limits)
        table = official(
            6.0, fwhm, min_separation=reach, sharpness_range=limits.sharpness, roundness_range=limits.roundness,
            peak_max=limits.peak, n_brightest=limits.brightest,
        )(image, mask=hidden)  # fmt: skip
        assert len(found["x"]) == len(table) > 15
        names = {"x": "x_centroid", "y": "y_centroid", "angle": "orientation"}
        if "angle" in found:
            found["angle"] = np.degrees(found["angle"])
        for name, column in found.items():
            tolerance = dict(rtol=1e-5, atol=1e-5) if name not in ("x", "y") else dict(rtol=0, atol=1e-5)
            np.testing.assert_allclose(column, np.array(table[names.get(name, name)]), err_msg=name, **tolerance)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 80), (200, 301)])
def test_the_median_of_a_smooth_map(shape, device):
    rng = np.random.default_rng(8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = (2 + np.sin(x / 40) + y / 90).astype(np.float32)
    for image in (smooth, np.where(rng.random(shape) < 0.1, 0, smooth), np.where(rng.random(shape) < 0.6, 0, smooth),
                  rng.standard_normal(shape), np.ones(shape)):  # fmt: skip
        image = image.astype(np.float32)
        assert sources.middle(device.array(image)) == pytest.approx(float(np.median(image)), abs=1e-7)
