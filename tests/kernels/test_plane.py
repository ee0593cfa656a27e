"""The polynomials of a plane: the kernel gives the bits of its array reference, and both what they say."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_plane import cases, plane, points

from jwgpu import kernels
from jwgpu.numerics.plane import evaluate

CASES = {words: rest for words, *rest in cases()}


@pytest.mark.parametrize("words", CASES)
def test_kernel_is_its_reference(words, monkeypatch):
    made, x, y = CASES[words]
    if not kernels.available(x):
        pytest.skip("the kernels were not compiled")
    found = evaluate(made, x, y)
    monkeypatch.setattr(kernels, "available", lambda array: False)
    for one, other in zip(found, evaluate(made, x, y)):
        assert one.shape == other.shape == np.broadcast_shapes(x.shape, y.shape)
        np.testing.assert_array_equal(one, other)


def test_cases_reach_every_end():
    nans = [np.isnan(evaluate(*CASES[words])[0]) for words in CASES]
    assert any(n.any() and not n.all() for n in nans)
    (across, _), x = evaluate(*CASES["across the end of the circle"]), CASES["across the end of the circle"][1]
    assert (across[np.isfinite(across)] < 1).any() and (across > 359).any() and np.isfinite(x).any()


def test_terms_are_those_of_powers(device):
    """A sum over all terms by powers, written out."""
    made = plane(4)
    x, y = points(64)
    u, v = (x - made.centre[0]) * made.scale[0], (y - made.centre[1]) * made.scale[1]
    inside = (x >= 0) & (x <= 20) & (y >= -20) & (y <= 14)
    found = evaluate(made, device.array(x), device.array(y))
    for k, value in enumerate(found):
        expected = sum(made.terms[i, j, k] * u[inside] ** i * v[inside] ** j for i in range(5) for j in range(5 - i))
        np.testing.assert_allclose(device.host(value)[inside], expected, rtol=1e-12, atol=1e-12)
        assert np.isnan(device.host(value)[~inside]).all()
