"""One package on one exposure, in a process of its own: what `stage1.py` starts.

    python benchmarks/side.py jwst-steps UNCAL STEPS

STEPS are parameters by step, in JSON. The result is one line of JSON after the word RESULT.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from pathlib import Path

PASSES = 3
"""How often the steps of a package are taken in one process; of each step the best time counts."""


class Meter:
    """Seconds and the largest resident size (MB) of this process since it was made."""

    def __init__(self):
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self.start, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict:
        """Return seconds of the clock, seconds of all processors together, and memory."""
        found = {"seconds": time.perf_counter() - self.start, "cpu": time.process_time() - self.cpu}
        status = Path("/proc/self/status")
        if status.exists():
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
            return found | {"peak": int(line.split()[1]) / 1024}
        import resource

        unit = 1024**2 if sys.platform == "darwin" else 1024
        return found | {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}


def touch(nbytes: int = 3 << 30) -> None:
    """Write to as much memory as a run may take, and let go of it.

    The host of a virtual machine takes back what is free within seconds, and gives it again ten times more slowly than
    a machine of metal does, which would be counted against whoever runs first or for the shortest time.
    """
    import mmap

    huge = getattr(mmap, "MADV_HUGEPAGE", None)  # NumPy's large arrays are made of other pages than small ones
    with contextlib.ExitStack() as held:
        for advice in (None, huge)[: 1 + (huge is not None)]:
            private = {} if huge is None else {"flags": mmap.MAP_PRIVATE}
            memory = held.enter_context(mmap.mmap(-1, nbytes // 2, **private))
            if advice is not None:
                memory.madvise(advice)
            for at in range(0, len(memory), mmap.PAGESIZE):
                memory[at] = 1


def make(arguments: str, folder: str) -> dict:
    """Simulate an exposure and write it with its references and a CRDS cache."""
    from jwgpu import backend, simulate

    backend.use("cpu")
    written = simulate.write(simulate.exposure(**json.loads(arguments)), Path(folder) / "exposure")
    return {"uncal": str(written.uncal), "environment": dict(written.environment), "title": _title(written.uncal)}


def _title(uncal: Path) -> str:
    import jwgpu as jw

    ramp = jw.open(uncal, device="cpu")
    n_integrations, n_groups, n_rows, n_columns = ramp.shape
    return (
        f"{ramp.meta.instrument.detector} {ramp.meta.subarray.name}, {n_rows} x {n_columns} pixels, "
        f"{n_groups} groups, {n_integrations} integration{'s' * (n_integrations > 1)}"
    )


@contextlib.contextmanager
def official_steps():
    """Time every step where the official pipelines call it; give what was measured by step, added up over its calls."""
    from stpipe import Pipeline, Step

    found: dict[str, dict] = {}
    run = Step.run

    def timed(step, *arguments):
        if isinstance(step, Pipeline):
            return run(step, *arguments)
        meter = Meter()
        outcome = run(step, *arguments)
        row = meter.read()
        before = found.get(step.name, dict.fromkeys(row, 0.0))
        row = {key: max(value, before[key]) if key == "peak" else value + before[key] for key, value in row.items()}
        found[step.name] = row | {"complete": not step.skip}
        return outcome

    Step.run = timed
    try:
        yield found
    finally:
        Step.run = run


def jwst_steps(uncal: str, steps: str) -> dict:
    """Run the official pipeline several times, with its steps timed."""
    passes = []
    with official_steps() as found:
        for _ in range(PASSES):
            found.clear()
            _official(uncal, json.loads(steps))
            passes.append(dict(found))
    return {"steps": _best(passes)}


def _best(passes: list[dict]) -> dict:
    """Return for each step the pass that took the least time."""
    return {step: min((found[step] for found in passes), key=lambda row: row["seconds"]) for step in passes[0]}


def jwst_memory(uncal: str, steps: str) -> dict:
    """Run the official pipeline as it is, on the first exposure of a process and on a further one."""
    return {"first": _measured(_official, uncal, json.loads(steps)),
            "further": _measured(_official, uncal, json.loads(steps))}  # fmt: skip


def _measured(work, *arguments) -> dict:
    meter = Meter()
    work(*arguments)
    return meter.read()


def _official(uncal: str, steps: dict) -> None:
    import logging

    from jwst.pipeline import Detector1Pipeline

    logging.disable(logging.WARNING)
    Detector1Pipeline.call(uncal, steps=steps, save_results=False)


def jwst_likely(file: str) -> dict:
    """Fit a flagged ramp by the official likelihood."""
    import logging

    from jwst.ramp_fitting import RampFitStep
    from stdatamodels.jwst.datamodels import RampModel

    logging.disable(logging.WARNING)
    with RampModel(file) as ramp:
        ramp.data, ramp.groupdq, ramp.pixeldq, ramp.average_dark_current  # noqa: B018 - read before it is timed
        meter = Meter()
        RampFitStep.call(ramp, algorithm="LIKELY")
        return meter.read()


def jwgpu_steps(uncal: str, steps: str) -> dict:
    """Run the steps of jwgpu one by one, several times, and watch the kernels the last time."""
    import floor

    import jwgpu as jw
    from jwgpu.reference import cache

    with cache.limited(0):  # as the official package, keep no reference for another exposure
        passes = [_one_by_one(uncal, json.loads(steps)) for _ in range(PASSES - 1)]
        with floor.watching() as kernels:
            passes.append(_one_by_one(uncal, json.loads(steps)))
    bandwidth = floor.bandwidth()
    machine = {
        "words": f"{platform.machine()}, {os.cpu_count()} cores, {jw.backend.describe()}",
        "bandwidth": bandwidth,
    }
    return {"steps": _best(passes), "kernels": floor.table(kernels), "machine": machine}


def _one_by_one(uncal: str, steps: dict) -> dict:
    import floor

    import jwgpu as jw

    ramp = jw.open(uncal)
    refs, pipeline = jw.references(ramp), _pipeline(ramp, steps)
    for call in pipeline.calls:  # as the official pipeline does, references are chosen before the first step
        for kind in call.references:
            refs.select(kind, call.name)
    found, branches = {}, {"ramp": ramp}
    del ramp
    for call in (call for call in pipeline.calls if not call.skip):
        floor.settle()
        meter = Meter()
        for name in list(branches):
            outcome = _call(call, branches.pop(name), refs)
            made = outcome._asdict() if hasattr(outcome, "_asdict") else {name: outcome}
            branches |= {key: part for key, part in made.items() if part is not None}
            del outcome, made
        floor.settle()
        record = next(iter(branches.values())).history[-1]
        found[call.name] = meter.read() | {"complete": record.status == "COMPLETE", "in the step": record.seconds}
    return found


def _pipeline(ramp, steps: dict):
    from jwgpu import pipelines

    pipeline = pipelines.choose(ramp)
    for step, values in steps.items():
        values = dict(values)
        skip = values.pop("skip", None)
        pipeline = pipeline.set(step, **values)
        if skip is not None:
            pipeline = pipeline.without(step) if skip else pipeline.including(step)
    return pipeline


def _call(call, exposure, refs):
    references = [
        refs.get(kind, required=needed, step=call.name) if call.wants(kind, exposure) else None
        for kind, needed in call.references.items()
    ]
    return call.step(exposure.donate(), *references, **call.parameters)


def jwgpu_memory(uncal: str, steps: str) -> dict:
    """Run the pipeline of jwgpu as it is, on the first exposure of a process and on a further one."""
    return {"first": _measured(_ours, uncal, json.loads(steps)),
            "further": _measured(_ours, uncal, json.loads(steps))}  # fmt: skip


def _ours(uncal: str, steps: dict) -> None:
    import jwgpu as jw
    from jwgpu.reference import cache

    with cache.limited(0):  # as the official package, keep no reference for another exposure
        ramp = jw.open(uncal)
        refs, pipeline = jw.references(ramp), _pipeline(ramp, steps)
        given = [ramp]
        del ramp
        pipeline.run(given.pop(), refs, donate=True, progress=False)


def jwgpu_likely(file: str) -> dict:
    """Fit a flagged ramp by the likelihood of jwgpu."""
    import floor

    import jwgpu as jw
    from jwgpu import steps

    ramp = jw.open(file)
    refs = jw.references(ramp)
    with floor.watching() as kernels:
        floor.settle()
        meter = Meter()
        steps.ramp_fit(ramp, refs.gain, refs.readnoise, algorithm="LIKELY")
        floor.settle()
        found = meter.read()
    return found | {"kernels": floor.table(kernels)}


def flag(uncal: str, steps: str, out: str) -> dict:
    """Write the ramp after jump detection, for both likelihoods."""
    import jwgpu as jw

    ramp = jw.open(uncal)
    run = _pipeline(ramp, json.loads(steps)).upto("jump").run(ramp, jw.references(ramp), progress=False)
    jw.save(run.ramp, out)
    return {}


TASKS = {"touch": dict, "make": make, "flag": flag,
         "jwst-steps": jwst_steps, "jwst-memory": jwst_memory, "jwst-likely": jwst_likely,
         "jwgpu-steps": jwgpu_steps, "jwgpu-memory": jwgpu_memory, "jwgpu-likely": jwgpu_likely}  # fmt: skip

if __name__ == "__main__":
    touch()
    print("RESULT " + json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
