"""The array reference beside each kernel gives the kernel's bits: it is specification, oracle and fallback."""

from __future__ import annotations

import edges
import numpy as np
import pytest

from jwgpu import kernels


def parts(outcome):
    """Return the nouns that a step gave."""
    return outcome if isinstance(outcome, tuple) else (outcome,)


@pytest.mark.parametrize("name", edges.kernel_steps())
def test_array_code_and_kernel_agree(name, monkeypatch):
    if not kernels.available(np.empty(0)):
        pytest.skip("the CPU kernels were not built")
    available = kernels.available
    for step, ramp, references, parameters in edges.runs():
        if step.name != name:
            continue
        monkeypatch.setattr(kernels, "available", available)
        compiled = parts(step(ramp, *references, **parameters))
        monkeypatch.setattr(kernels, "available", lambda array: False)
        for one, other in zip(compiled, parts(step(ramp, *references, **parameters))):
            for label, array in one.arrays().items():
                found = other.arrays()[label]
                assert found.dtype == array.dtype
                different = (found.view(f"u{array.itemsize}") != array.view(f"u{array.itemsize}")).sum()
                assert different == 0, f"{label} of {ramp.shape} with {parameters}: {different} of {array.size}"
