"""Boolean planes grow as squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from jwgpu.numerics.masks import grow


@pytest.mark.parametrize("n_pixels", [0, 1, 2, 5])
@pytest.mark.parametrize("shape", [(9, 14), (1, 6), (6, 1), (3, 3)])
def test_growth_is_dilation_by_a_square(device, n_pixels, shape):
    mask = np.random.default_rng(n_pixels).random(shape) < 0.1
    expected = binary_dilation(mask, np.ones((2 * n_pixels + 1,) * 2))
    np.testing.assert_array_equal(device.host(grow(device.array(mask), n_pixels)), expected)
