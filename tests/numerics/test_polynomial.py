"""Polynomials per pixel, and the blocks of rows they are evaluated in."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.blocks import row_blocks
from jwgpu.numerics.polynomial import evaluate, is_usable, or_identity


@pytest.mark.parametrize("n_terms", [2, 3, 7])
def test_each_pixel_has_its_own_polynomial(device, n_terms):
    rng = np.random.default_rng(n_terms)
    coefficients, x = rng.normal(size=(n_terms, 4, 5)), rng.normal(size=(4, 5))
    values = device.host(evaluate(device.array(coefficients), device.array(x)))
    expected = sum(c * x**k for k, c in enumerate(coefficients))
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


def test_polynomials_without_use_become_the_identity(device):
    coefficients = np.ones((3, 2, 2), np.float32)
    coefficients[1, 0, 0] = 0
    coefficients[0, 0, 1] = np.nan
    coefficients[2, 1, 0] = 0
    terms = device.array(coefficients)
    usable = is_usable(terms, device.xp)
    np.testing.assert_array_equal(device.host(usable), [[False, False], [True, True]])
    values = evaluate(or_identity(terms, usable, device.xp), device.array(np.full((2, 2), 3.0, np.float32)))
    np.testing.assert_array_equal(device.host(values), [[3, 3], [4, 13]])
    assert values.dtype == np.float32


def test_row_blocks_cover_every_row_once(device):
    array = device.array(np.zeros((2, 10, 3)))
    for given in ({"rows": 4}, {"rows": 64}, {"rows": 3, "device_rows": 7}):
        rows = [row for block in row_blocks(array, **given) for row in range(10)[block]]
        assert rows == list(range(10))
    n_blocks = len(list(row_blocks(array, rows=4)))
    assert n_blocks == (1 if device.kind == "gpu" else 3)
