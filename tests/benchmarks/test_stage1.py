"""The benchmark of stage 1 counts bytes right, and measures both packages."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jwgpu import backend, kernels

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def floor(monkeypatch):
    """The module that compares kernels with the bandwidth."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("floor")


@pytest.fixture
def stage1(monkeypatch):
    """The script."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("stage1")


def test_what_a_kernel_must_move(floor):
    """A plane of readings once, flags that it changes in place twice, and what it only writes once."""
    known = floor.parameters()["ramp_jumps"]
    assert known[:2] == (("data", True), ("groupdq", False))
    data, groupdq, spread = np.zeros((1, 5, 7, 9), np.float32), np.zeros((1, 5, 7, 9), np.uint8), np.zeros((1, 1, 7, 9))
    noise = np.zeros((7, 9), np.float32)
    bytes_ = floor.moved(known, (data, groupdq, noise, noise, spread, None, np.float64(4)))
    assert bytes_ == data.nbytes + 2 * groupdq.nbytes + 2 * noise.nbytes + spread.nbytes


def test_all_kernels_are_known(floor):
    from fakecupy import shim

    from jwgpu.kernels.build import OPTIONS

    code = shim.preprocess('#include "all.h"\n', (*(o for o in OPTIONS if o.startswith("-I")), "-DJW_GROUPS=16"))
    real = {name.removesuffix("_16"): tuple(p.name for p in found) for name, found in shim.kernels(code).items()}
    assert {name: tuple(p for p, _ in found) for name, found in floor.parameters().items()} == real


@pytest.mark.skipif(not kernels.available(np.empty(0)), reason="the CPU kernels were not built")
def test_launches_are_timed(floor, tiny):
    from jwgpu import steps

    made = tiny("nircam_ideal")
    before = kernels.launch
    with floor.watching() as launches:
        steps.ramp_fit(made.ramp, made.references.gain, made.references.readnoise)
    assert kernels.launch is before
    (row,) = floor.table(launches)
    assert row["kernel"] == "ramp_slopes" and row["launches"] == 1 and row["seconds"] > 0
    assert row["bytes"] > made.ramp.data.nbytes


def test_launches_on_a_gpu_are_timed_by_events(floor, fakecupy_installed, monkeypatch, tiny):
    """With the CuPy double, whose events are made here: the seconds are those between the two of each launch."""
    clock = iter(range(100))

    class Event:
        def record(self):
            self.at = next(clock)

        def synchronize(self):
            assert self.at >= 0

    monkeypatch.setattr(fakecupy_installed.cuda, "Event", Event, raising=False)
    monkeypatch.setattr(fakecupy_installed.cuda, "get_elapsed_time", lambda a, b: 1000.0 * (b.at - a.at), raising=False)
    backend.use("gpu")
    from jwgpu import steps

    made = tiny("nircam_ideal")
    ramp, refs = made.ramp.to("gpu"), made.references
    with floor.watching() as launches:
        steps.ramp_fit(ramp, refs.gain.to("gpu"), refs.readnoise.to("gpu"))
    assert [row["seconds"] for row in floor.table(launches)] == [1.0]
    assert floor.bandwidth(nbytes=1 << 20, repeat=2) == 2 * (1 << 20)


def test_copies_are_measured(floor):
    assert 1e8 < floor.bandwidth(nbytes=1 << 24, repeat=2) < 1e13


def test_rows_are_medians_of_what_both_have(stage1):
    def run(seconds, **steps):
        whole = {"seconds": seconds, "cpu": seconds, "peak": 1.0}
        return {
            "steps": {k: {"seconds": v, "cpu": v, "peak": 10 * v} for k, v in steps.items()},
            "memory": {"first": whole, "further": {**whole, "seconds": seconds / 2}},
            "process": whole,
        }

    runs = {"jwst": [run(8.0, jump=s, theirs=1.0) for s in (4.0, 6.0, 5.0)], "jwgpu": [run(2.0, jump=0.5, ours=1.0)]}
    jump, first, further, process = stage1.rows(runs)
    assert jump["jwst"] == {"seconds": 5.0, "cpu": 5.0, "peak": 50.0}
    assert (jump["step"], jump["jwgpu"]["peak"], jump["ratio"]) == ("jump", 5.0, 10.0)
    assert (first["ratio"], further["jwst"]["seconds"]) == (4.0, 4.0)
    assert process["step"] == "command line to files on disk"


@pytest.mark.oracle
@pytest.mark.slow
def test_both_packages_are_measured(tmp_path):
    pytest.importorskip("jwst")
    report, text = tmp_path / "report.json", tmp_path / "report.md"
    command = [sys.executable, str(FOLDER / "stage1.py"), "--case", "nircam", "--shrink", "16", "--json", str(report)]
    done = subprocess.run([*command, "--markdown", str(text)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads(report.read_text())
    measured = {row["step"]: row for row in case["rows"]}
    for step in ("saturation", "refpix", "jump", "ramp_fit", "ramp_fit, LIKELY",
                 "all of detector1, in memory, first exposure",
                 "all of detector1, in memory, further exposure", "command line to files on disk"):  # fmt: skip
        assert all(measured[step][side][what] > 0 for side in ("jwst", "jwgpu") for what in ("seconds", "peak")), step
    assert {"ramp_jumps", "ramp_slopes", "ramp_likelihood"} <= {row["kernel"] for row in case["kernels"]}
    assert text.read_text().count("| ramp_fit |") == 1
