"""Whole pipelines: the same products on every device."""

from __future__ import annotations

import numpy as np
import pytest
from every.compare import differences
from every.situations import MODES

from jwgpu import pipelines, simulate


def products(mode: str, kind: str, **options):
    """Run the pipeline of a mode on `"cpu"` or `"gpu"` and return its products."""
    simulation = simulate.tiny(mode)
    ramp = simulation.ramp.to(kind)
    return pipelines.choose(ramp).run(ramp, simulation.references, progress=False, **options).products


@pytest.mark.parametrize("mode", MODES)
def test_same_bits_on_the_device(mode, fakecupy_installed):
    expected, found = products(mode, "cpu"), products(mode, "gpu")
    assert found.keys() == expected.keys()
    for name, product in found.items():
        assert product.device == "gpu"
        assert differences(product, expected[name]) == []


@pytest.mark.gpu
@pytest.mark.parametrize("mode", MODES)
def test_same_on_a_gpu(mode):
    """Through all steps: a last bit of a sum that differs may move a flag, and with it a pixel."""
    expected, found = products(mode, "cpu"), products(mode, "gpu")
    for name, product in found.items():
        assert product.device == "gpu"
        host = product.to("cpu")
        same = host.dq == expected[name].dq
        assert same.mean() > 0.999
        for label in ("data", "err"):
            a, b = getattr(host, label), getattr(expected[name], label)
            same_axes = np.broadcast_to(same, a.shape)
            np.testing.assert_allclose(a[same_axes], b[same_axes], rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
def test_a_real_gpu_counts_its_crossings():
    from jwgpu import backend

    host = np.arange(1000, dtype=np.float32)
    with backend.counting() as traffic:
        np.testing.assert_array_equal(backend.to_host(backend.to(host, "gpu")), host)
    assert (traffic.bytes_up, traffic.bytes_down) == (host.nbytes, host.nbytes)


def test_keeping_a_result_changes_nothing(fakecupy_installed):
    """Buffers that are kept are not donated, on the device as on the host."""
    for kind in ("cpu", "gpu"):
        plain, kept = products("nircam", kind), products("nircam", kind, keep=["saturation", "linearity"])
        for name, product in kept.items():
            assert differences(product, plain[name]) == []
