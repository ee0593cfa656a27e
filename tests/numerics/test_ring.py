"""Averages over rings."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from jwgpu.numerics import ring


@pytest.mark.parametrize(("inner", "outer"), [(1.0, 3.6), (0.0, 2.0), (2.5, 4.0), (1.0, 1.0)])
@pytest.mark.parametrize("shape", [(70, 41), (5, 90), (3, 2)])
def test_ring_is_a_convolution(device, inner, outer, shape):
    """Of what is there; beyond the edge, zeros count."""
    random = np.random.default_rng(2)
    values = random.normal(1, 1, shape).astype(np.float32)
    values[random.random(shape) < 0.3] = np.nan
    half = int(np.ceil(outer))
    distance = np.hypot(*np.mgrid[-half : half + 1, -half : half + 1])
    kernel = ((distance >= inner) & (distance <= outer)).astype(float)
    good = np.isfinite(values)
    total = ndimage.convolve(np.where(good, values, 0).astype(float), kernel, mode="constant", cval=0.0)
    weight = ndimage.convolve(good.astype(float), kernel, mode="constant", cval=1.0)
    expected = np.where(good & (weight > 0.5), total / np.maximum(weight, 1), np.nan)
    found = device.host(ring.average(device.array(values), inner, outer))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_ring_without_pixels_has_no_average(device):
    found = device.host(ring.average(device.array(np.ones((4, 4), np.float32)), 0.4, 0.6))
    assert np.isnan(found).all()


def test_memory_is_let_go_at_once():
    """Also what refers to itself, before anybody looks for it: frames come in hundreds."""
    values = np.ones((200, 300), np.float32)
    ring.average(values, 1.0, 3.6)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(3):
            ring.average(values, 1.0, 3.6)
        assert tracemalloc.get_traced_memory()[0] < values.nbytes
    finally:
        tracemalloc.stop()
        gc.enable()
