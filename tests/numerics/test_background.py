"""Background is told from light, bad values and what is hidden."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.background import background_pixels, level


@pytest.fixture
def image():
    """An image of unit noise about 50, a tenth of it bright, with deep holes, NaN and zeros."""
    data = np.random.default_rng(6).normal(50, 1, (100, 120)).astype(np.float32)
    data[40:50] += 400
    data[0, :5], data[1, :5], data[2, :5] = 20, np.nan, 0
    return data


@pytest.mark.parametrize(("above", "share"), [(2.0, 0.976), (1.0, 0.840), (3.0, 0.9973)])
def test_limits_are_those_of_the_background(image, above, share):
    found = background_pixels(image, above=above)
    assert not found[40:50].any() and not found[:3, :5].any()
    assert abs(found[50:].mean() - share) < 0.01
    assert image[found].min() > 50 - 3.2 and image[found].max() < 50 + above + 0.2


def test_without_limits_only_what_is_empty_or_hidden_goes(image):
    hidden = np.zeros(image.shape, bool)
    hidden[60:70] = True
    found = background_pixels(image, hidden, above=0.0)
    np.testing.assert_array_equal(found, ~hidden & ~np.isnan(image) & (image != 0))


def test_what_is_hidden_does_not_shift_the_limits(image):
    """Nine tenths of an image are light, and would pass for the background."""
    lit = image + np.float32(9)
    lit[:10] -= np.float32(9)
    lit[40:50] -= np.float32(400)
    hidden = np.arange(100)[:, None] >= 10
    assert background_pixels(lit, hidden)[3:10].mean() > 0.95
    assert background_pixels(lit)[3:10].mean() < 0.05


def test_every_integration_has_its_own_background(image):
    stack = np.stack([image, image + np.float32(1000)])
    found = background_pixels(stack)
    np.testing.assert_array_equal(found[0], background_pixels(image))
    assert abs(found[1][50:].mean() - 0.976) < 0.01


def test_nothing_left_is_no_error():
    assert not background_pixels(np.full((4, 5), np.nan, np.float32)).any()


def test_the_level_is_the_median_of_what_is_known():
    assert level(np.float32([3, np.nan, 1, 2, 10])) == np.float32(2.5)
    assert np.isnan(level(np.float32([np.nan])))
    assert level(np.float32([1])).dtype == np.float32
