"""Every launch of a kernel that the steps make of ramps full of edges, recorded on the CPU for replay elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from edges import runs
from kernels import cases_plane
from kernels.cases_drizzle import cases

from jwgpu import kernels
from jwgpu.numerics import between, drizzle, plane


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
        for _, polynomials, x, y in cases_plane.cases():
            plane.evaluate(polynomials, x, y)
        _drizzle(patch)
    return made


def _drizzle(patch) -> None:
    """Drizzle, and interpolate between nodes, as a GPU does: a work item for each pixel."""
    patch.setattr(drizzle, "tiling", lambda array: (16, 1))
    for case in cases():
        canvas = drizzle.Canvas(np, case.origin, case.shape, variances=True, planes=1, flags=True)
        canvas.add(case.drop, case.x, case.y, case.data, case.weight, variances=case.variances, dq=case.dq, index=31)
    for step in (1.5, 32.0):
        nodes = between.Nodes.around(-1, 40, step), between.Nodes.around(-1, 71, step)
        values = np.random.default_rng(0).normal(0, 1, (2, nodes[0].n, nodes[1].n))
        between.interpolated(np, values, *nodes, np.arange(3.0, 30), np.arange(-1.0, 72))
