"""The noise that pixels of a mosaic have in common: the parts of drops by hand, and what Fruchter & Hook found."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_drizzle import affine

from jwgpu.numerics.correlated import correlation, covariance, noise_scale
from jwgpu.numerics.drizzle import Canvas, Drop


@pytest.mark.parametrize("pixfrac, ratio", [(1.0, 1.0), (1.0, 0.5), (1.0, 0.25), (0.6, 1.0), (0.5, 0.8)])
def test_drops_anywhere(pixfrac, ratio):
    """Fruchter & Hook 2002, equations 9 and 10."""
    d = pixfrac / ratio
    expected = d / (1 - 1 / (3 * d)) if d >= 1 else 1 / (1 - d / 3)
    assert noise_scale(correlation(Drop("square", pixfrac, ratio))) == pytest.approx(expected, rel=3e-3)


def test_small_apertures_have_less_in_common():
    c = correlation(Drop("square", 1.0, 0.5))
    scales = [noise_scale(c, size) for size in (1, 2, 4, 8, 32)]
    assert scales[0] == pytest.approx(1) and np.all(np.diff(scales) > 0)
    assert scales[-1] < noise_scale(c) < 1.1 * scales[-1]


@pytest.mark.parametrize("kernel", ["square", "turbo", "gaussian"])
def test_covariance_is_that_of_what_each_pixel_gives(kernel):
    """Pixel by pixel: what a 1 in it alone leaves in the mosaic, in squares times its noise, and products."""
    drop, shape, n = Drop(kernel, 0.8, 0.7), (13, 14), 7
    rng = np.random.default_rng(1)
    layers = []
    for angle, shift, noise in ((10.0, (1.3, 2.0), 1.0), (-25.0, (3.6, 1.0), 2.0)):
        x, y = affine((n, n), angle=angle, scale=1 / 0.7, shift=shift)
        layers.append((x, y, rng.uniform(0.5, 2, (n, n)).astype(np.float32), noise))
    layers[0][2][3, 3] = 0
    responses, scatter = [], []
    for k, layer in enumerate(layers):
        for pixel in range(n * n):
            canvas = Canvas(np, (0, 0), shape)
            for other, (x, y, weight, _) in enumerate(layers):
                data = np.zeros((n, n), np.float32)
                data.flat[pixel] = other == k
                canvas.add(drop, x, y, data, weight)
            responses.append(np.nan_to_num(canvas.science()).astype(float).ravel())
            scatter.append(layer[3])
    whole = (np.array(responses).T * np.square(scatter)) @ np.array(responses)
    found = covariance(drop, layers, (0, 0), shape)
    m = len(found) // 2
    rows, columns = np.divmod(np.arange(whole.shape[0]), shape[1])
    inner = (rows >= m) & (rows < shape[0] - m) & (columns >= m) & (columns < shape[1] - m)
    for dy in range(-m, m + 1):
        for dx in range(-m, m + 1):
            near = (rows[None] - rows[:, None] == dy) & (columns[None] - columns[:, None] == dx) & inner[:, None]
            assert found[m + dy, m + dx] == pytest.approx(whole[near].sum(), rel=1e-5, abs=1e-5)


def test_nothing_falls():
    found = covariance(Drop(), [], (0, 0), (20, 20))
    assert not found.any()
