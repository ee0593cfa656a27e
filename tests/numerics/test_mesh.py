"""The background on a mesh of boxes."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics import clipping, mesh


def test_a_flat_background_is_found_under_stars(device):
    rng = np.random.default_rng(1)
    data = rng.normal(5, 0.2, (120, 150)).astype(np.float32)
    data[rng.random(data.shape) < 0.01] = 1e3
    level, noise = mesh.background(device.array(data), 50)
    assert level.shape == noise.shape == data.shape
    np.testing.assert_allclose(device.host(level), 5, atol=0.03)
    np.testing.assert_allclose(device.host(noise), 0.2, rtol=0.05)


def test_a_slope_is_followed_within_the_range_of_the_boxes(xp):
    x = xp.broadcast_to(xp.arange(400, dtype=np.float32), (100, 400))
    level, _ = mesh.background(x, 50)
    inner = level[50, 100:300]
    assert float(abs(inner - x[50, 100:300]).max()) < 3
    assert float(level.min()) >= 24
    assert float(level.max()) <= 375


def test_a_box_that_a_source_fills_is_bridged():
    data = np.ones((250, 250), np.float32)
    data[100:150, 100:150] = 100
    level, _ = mesh.background(data, 50)
    np.testing.assert_allclose(level, 1, atol=1e-5)


def test_hidden_boxes_get_what_lies_around():
    data = np.full((200, 200), 3, np.float32)
    hidden = np.zeros(data.shape, bool)
    hidden[:90, :90] = True
    data[hidden] = np.nan
    level, noise = mesh.background(data, 50, hidden)
    np.testing.assert_allclose(level, 3)
    np.testing.assert_allclose(noise, 0)


@pytest.mark.parametrize("box_size", [40, 1000])
def test_an_image_of_which_too_little_is_left_is_one_box(box_size):
    rng = np.random.default_rng(2)
    data = rng.normal(2, 1, (80, 80)).astype(np.float32)
    data[::2] = np.nan
    level, noise = mesh.background(data, box_size)
    assert np.ndim(level) == 0
    assert level == pytest.approx(2, abs=0.1)
    assert noise == pytest.approx(1, rel=0.1)


def test_an_image_of_nothing_has_no_background():
    level, noise = mesh.background(np.full((9, 9), np.nan, np.float32), 5)
    assert np.isnan(level)
    assert np.isnan(noise)


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_clipping_is_that_of_every_other_step(n):
    rng = np.random.default_rng(n)
    values = rng.standard_t(2, n).astype(np.float32)
    middle, spread, left = mesh.clipped(values)
    expected = clipping.statistics(values[:, None], 3.0)
    assert middle == pytest.approx(float(expected[0][0]), abs=1e-12)
    assert spread == pytest.approx(float(expected[1][0]), abs=1e-12)
    assert 0 < left <= n


@pytest.mark.parametrize("boxes", [(1, 3), (3, 2), (3, 3), (5, 4), (9, 9)])
def test_splines_are_those_of_the_whole_mesh(boxes):
    """A mesh of few boxes too: as scipy spreads both axes at once, and a constant stays one."""
    from scipy.ndimage import zoom

    level = np.random.default_rng(4).normal(1, 0.1, boxes)
    expected = np.clip(zoom(level, 20, order=3, mode="reflect", grid_mode=True), level.min(), level.max())
    shape = expected.shape[0] - 7, expected.shape[1] - 3
    found = mesh._spread(np.zeros(shape), level, (20, 20))
    np.testing.assert_allclose(found, expected[: shape[0], : shape[1]], rtol=1e-6)
