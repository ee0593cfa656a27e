"""How far a run is."""

from __future__ import annotations

import contextlib

import pytest

import jwgpu as jw
from jwgpu import pipelines, simulate
from jwgpu.backend import memory
from jwgpu.pipelines import room, run

SHOWERS = {"find_showers": True, "extend_min_area": 9, "extend_snr_threshold": 0.9, "max_shower_amplitude": 1000.0}


class Bar(contextlib.nullcontext):
    """Remembers how it moved."""

    def __init__(self, *_):
        super().__init__(self)
        self.moves = []

    def update(self, n):
        self.moves.append(n)

    def set_description(self, *_, **__): ...


@pytest.mark.parametrize("cut", [True, False], ids=["in pieces", "whole"])
def test_the_bar_moves_by_one_for_each_step(cut, tmp_path, monkeypatch):
    """Whole frames that come after all rows of a step are part of that step, and move it with every group."""
    simulation = simulate.tiny("miri")
    written = simulate.write(simulation, tmp_path, crds=False)
    ramp = jw.open(written.uncal, lazy=True)
    pipeline = pipelines.choose(ramp).set("jump", **SHOWERS)
    bar = Bar()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # groups that other threads look at do not move it
    monkeypatch.setattr(run, "_bar", lambda *_: bar)
    monkeypatch.setattr(memory, "used", lambda: 0)
    monkeypatch.setattr(room, "_BESIDE", 0)
    limit = (ramp.shape[0] + 1) * ramp.shape[-2] * ramp.shape[-1] * 20 + int(0.8 * ramp.nbytes) if cut else None
    done = pipeline.run(ramp, jw.references(ramp, folder=written.references[0].parent), max_memory=limit)
    assert next(record for record in done.rate.history if record.step == "jump").notes["showers"] > 0
    assert sum(bar.moves) == pytest.approx(len(pipeline))
    assert min(bar.moves) >= 0
    assert len(bar.moves) > len(pipeline) + ramp.shape[1]
