"""Every launch of a kernel that the steps make of ramps full of edges, recorded on the CPU for replay elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from edges import runs

from jwgpu import kernels


@dataclass
class Launch:
    """One call of `kernels.launch`: its arguments before, and its arrays after."""

    name: str
    size: int
    n: int
    before: list
    after: list


def copied(values):
    """Return arguments with arrays copied."""
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


@pytest.fixture(scope="session")
def launches() -> list[Launch]:
    """Return every launch, made once on the CPU library."""
    if not kernels.available(np.empty(0)):
        pytest.skip("the CPU kernels were not built")
    made: list[Launch] = []
    original = kernels.launch

    def record(name, size, n, *arguments):
        before = copied(arguments)
        original(name, size, n, *arguments)
        made.append(Launch(name, size, n, before, copied(arguments)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "launch", record)
        for step, ramp, references, parameters in runs():
            step(ramp, *references, **parameters)
    return made
