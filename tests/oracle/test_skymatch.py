"""skymatch against that of jwst 3.0.0."""

from __future__ import annotations

import itertools

import numpy as np
import official_images
import pytest

from jwgpu import simulate, steps
from jwgpu.data import PIXEL, Exposures
from jwgpu.numerics import polygon
from jwgpu.numerics.sky_level import Statistic, level

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

TOLERANCE = 1e-6
"""Of the noise of a pixel."""


def both(images, folder, **parameters):
    """Return the levels of both in units of the noise, and the official data models."""
    from jwst.skymatch import SkyMatchStep

    theirs = official_images.run(SkyMatchStep, images, folder, **parameters)
    ours = steps.skymatch(Exposures.of(images), **parameters)
    noise = float(np.nanmedian(images[0].err))
    found = [
        np.array([np.nan if v is None else v / noise for v in values])
        for values in ([m.meta.get("background.level") for m in ours], [m.meta.background.level for m in theirs])
    ]
    for before, image, model in zip(images, ours, theirs):
        assert image.history[-1].status == model.meta.cal_step.skymatch
        assert image.meta.background.method == model.meta.background.method
        assert image.meta.background.subtracted == model.meta.background.subtracted
        apart = np.abs(image.data.astype(float) - model.data)
        # Levels are subtracted in float32; the official step takes global levels and those of the match apart, and
        # rounds twice.
        rounding = 2 * np.spacing(np.abs(before.data) + np.float32(abs(model.meta.background.level or 0)))
        allowed = TOLERANCE * noise + rounding
        assert (apart <= allowed)[np.isfinite(model.data)].all()
        np.testing.assert_array_equal(np.isnan(image.data), np.isnan(model.data))
    return found


@pytest.fixture(scope="module")
def images():
    return simulate.dithers(4, size=200).images


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"match_down": False},
        {"skymethod": "global+match", "subtract": True},
        {"skymethod": "local", "skystat": "median", "nclip": 0},
        {"skymethod": "global", "skystat": "midpt"},
        {"skystat": "mean", "lsigma": 2.0, "usigma": 1.5, "dqbits": "0"},
        {"skystat": "median", "lower": 0.1, "upper": 0.35, "dqbits": None},
    ],
)
def test_same_levels(images, parameters, tmp_path):
    ours, theirs = both(images, tmp_path, **parameters)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "options",
    [
        dict(detectors=["NRCB1", "NRCB3"], step=0.3),
        dict(instrument="MIRI", n_visits=2, visit_roll=40.0),
        dict(instrument="NIRISS", field=(359.9999, 89.999, 30.0)),
        dict(offsets=[[0, 0], [1.0, 0.5], [2.0, 0], [300, 0]]),
    ],
)
def test_same_levels_of_other_sets(options, tmp_path):
    """Groups of two detectors, rolled visits, the pole at 0 hours, an exposure apart."""
    images = simulate.dithers(4, size=128, **options).images
    ours, theirs = both(images, tmp_path, skystat="median")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def test_outlines_of_many_vertices(images, tmp_path):
    """The official polygons are rounded to whole pixels at other places: one row of pixels more or less."""
    ours, theirs = both(images[:2], tmp_path, stepsize=90, skystat="median")
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-3)


def test_an_exposure_without_usable_pixels(images, tmp_path):
    dead = images[1].replace(dq=images[1].dq | PIXEL.DO_NOT_USE)
    ours, theirs = both([images[0], dead, *images[2:]], tmp_path)
    assert np.isnan(ours[1]) and np.isnan(theirs[1])
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", ["mode", "median", "mean", "midpt"])
def test_same_statistics(kind):
    from stcal.skymatch import SkyStats

    rng = np.random.default_rng(1)
    for n, noise, middle in ((50, 3.0, 50.0), (999, 0.05, 0.0), (100_000, 1e-3, -2.0), (100_000, 0.05, 1.0)):
        values = rng.normal(middle, noise, n)
        bright = rng.random(n) < 0.03
        values[bright] += rng.exponential(30 * noise, bright.sum())
        values = values.astype(np.float32)
        many = ({}, {"nclip": 0}, {"lsigma": 1.0, "usigma": 2.0}, {"binwidth": 1.5})
        # The histogram of the official step starts elsewhere where the first value is clipped.
        for settings, first in itertools.product(many, (0.5, 50, -50)):
            values[0] = middle + first * noise
            usual = Statistic(skystat=kind, **settings)
            theirs = SkyStats(kind, None, None, usual.nclip, usual.lsigma, usual.usigma, usual.binwidth)(values)
            ours = level(np.array_split(values, 3), usual)
            assert ours.n == theirs[1]
            # The official midpt sums up in float32.
            tolerance = 1e-4 if kind == "midpt" else TOLERANCE
            # From the smallest value on, bins of a width that float32 holds are counted.
            rounding = float(np.spacing(np.float32(abs(theirs[0] - values.min()))))
            assert ours.value == pytest.approx(theirs[0], abs=tolerance * noise + rounding), (n, noise, settings, first)


def test_same_pixels_inside_polygons():
    from gwcs.region import Polygon

    rng = np.random.default_rng(2)
    for _ in range(100):
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        radius, middle = rng.uniform(5, 40), rng.uniform(10, 50, 2)
        x = np.clip(middle[0] + radius * np.cos(angle), -0.9, 39.9)
        y = np.clip(middle[1] + radius * rng.uniform(0.3, 1) * np.sin(angle), -0.9, 49.9)
        theirs = Polygon(True, list(zip(np.append(x, x[0]), np.append(y, y[0])))).scan(np.zeros((50, 40), bool))
        first, after = polygon.rows_inside(x, y, (50, 40))
        column = np.arange(40)
        np.testing.assert_array_equal((column >= first[:, None]) & (column < after[:, None]), theirs)
