"""Levels of the sky: clipping and its four statistics, from values in any parts."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.sky_level import Level, Statistic, level

KINDS = ("mode", "median", "mean", "midpt")


def sky(rng, n=40_000, level=2.0, noise=0.1):
    values = rng.normal(level, noise, n)
    bright = rng.random(n) < 0.02
    values[bright] += rng.exponential(20 * noise, bright.sum())
    return values.astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_level_of_a_sky_with_stars(device, kind):
    values = sky(np.random.default_rng(1))
    found = level([device.array(values)], Statistic(skystat=kind))
    assert found.value == pytest.approx(2.0, abs=0.02 if kind == "mode" else 0.005)
    assert 0.97 * values.size < found.n < values.size


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"lsigma": 1.0, "usigma": 2.0}, {"lower": 1.9, "upper": 2.1}, {"nclip": 0}])
def test_parts_and_empty_pixels_make_no_difference(kind, settings):
    values = sky(np.random.default_rng(2), 9_000)
    whole = level([values], Statistic(skystat=kind, **settings))
    holes = np.insert(values, np.arange(0, 9_000, 7), np.float32(np.inf))
    for parts in (np.array_split(values, 7), [holes], [holes[:100].reshape(10, 10), holes[100:], holes[:0]]):
        found = level(parts, Statistic(skystat=kind, **settings))
        assert found.n == whole.n
        assert found.value == pytest.approx(whole.value, abs=1e-6)


def clipped(values, nclip, low, high):
    kept = values.astype(np.float64)
    for _ in range(nclip):
        mean, deviation = kept.mean(), kept.std(ddof=1)
        kept = values[(values >= mean - low * deviation) & (values <= mean + high * deviation)].astype(np.float64)
    return kept


@pytest.mark.parametrize("nclip, low, high", [(0, 4, 4), (1, 3, 3), (5, 4, 4), (5, 1.5, 3), (9, 0.8, 0.8)])
def test_mean_and_median_of_what_clipping_leaves(nclip, low, high):
    values = sky(np.random.default_rng(3), 5_000)
    kept = clipped(values, nclip, low, high)
    for kind, expected in (("mean", kept.mean()), ("median", np.median(kept))):
        found = level([values], Statistic(skystat=kind, nclip=nclip, lsigma=low, usigma=high))
        assert found.n == kept.size
        assert found.value == pytest.approx(expected, rel=1e-6)


def test_mode_is_the_top_of_the_histogram():
    """A triangle of values whose peak lies between two bins."""
    rise, fall = np.linspace(0, 1, 14_000), np.linspace(0, 1, 16_000)
    values = np.concatenate([1.4 * np.sqrt(rise), 3 - 1.6 * np.sqrt(fall)]).astype(np.float32)
    found = level([values], Statistic(nclip=0))
    assert found.value == pytest.approx(1.4, abs=0.03)
    assert level([values], Statistic(nclip=0, binwidth=0.5)).value == pytest.approx(1.4, abs=0.15)


@pytest.mark.parametrize("kind", KINDS)
def test_one_value_and_the_same_value(kind):
    assert level([np.float32([3.0])], Statistic(skystat=kind)) == (Level(None, 0) if kind == "mode" else Level(3.0, 1))
    assert level([np.full(9, 3, np.float32)], Statistic(skystat=kind)) == Level(3.0, 9)


@pytest.mark.parametrize("parts", [[], [np.empty(0, np.float32)], [np.full((3, 3), np.inf, np.float32)]])
def test_no_values_have_no_level(parts):
    for kind in KINDS:
        assert level(parts, Statistic(skystat=kind)) == Level(None, 0)


@pytest.mark.parametrize("limits", [{"lower": 500.0}, {"upper": -5.0}, {"lower": 2.2, "upper": 2.0}])
def test_limits_that_leave_nothing(limits):
    assert level([sky(np.random.default_rng(4), 500)], Statistic(**limits)) == Level(None, 0)


def test_a_level_follows_the_data():
    values = sky(np.random.default_rng(5), 20_000)
    for kind in KINDS:
        first, second = (level([values * np.float32(4) + np.float32(k)], Statistic(skystat=kind)) for k in (0, 64))
        assert second.value - first.value == pytest.approx(64, abs=2e-4)
