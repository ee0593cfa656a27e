"""One package on images, in a process of its own: what `imaging.py` starts.

    python benchmarks/imaging_side.py jwst-image3 ASSOCIATION OUT

The result is one line of JSON after the word RESULT.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from side import Meter, official_steps, touch


def make(n: str, size: str, folder: str) -> dict:
    """Simulate a set of dithered images, the rate of one of them, and their references with a CRDS cache."""
    import jwgpu as jw
    from jwgpu import associations, backend, pipelines, simulate

    backend.use("cpu")
    where = Path(folder)
    made = simulate.dithers(int(n), size=None if size == "0" else int(size))
    raw = made.raw(0)
    written = simulate.write(raw, where / "raw")
    run = pipelines.choose(raw.ramp).run(raw.ramp, raw.references, progress=False, donate=True)
    rate = jw.save(run.rate, out=where)
    del run, raw
    cal = [path for path in made.write(where / "cal") if path.suffix == ".fits"]
    asns = {}
    for k in [1 << p for p in range(2, 6) if 1 << p <= int(n)]:
        (asn,) = associations.associate(cal[:k], 3)
        asns[k] = str(asn.write(where / "cal", f"{k}_asn.json"))
    rows, columns = made[0].shape
    return {"rate": str(rate), "asns": asns, "environment": dict(written.environment),
            "title": f"NRCB1 F200W, {rows} x {columns} pixels"}  # fmt: skip


def official(pipeline: str, source: str, out: str) -> dict:
    """Run an official pipeline to files; every step is timed where the pipeline calls it."""
    import logging
    import warnings

    import jwst.pipeline

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    Path(out).mkdir(exist_ok=True)
    touch(2 << 30)  # once more: loading the packages takes seconds
    with official_steps() as found:
        whole = Meter()
        getattr(jwst.pipeline, pipeline).call(source, output_dir=out, save_results=True)
        return {"whole": whole.read(), "steps": found}


def ours(source: str, out: str) -> dict:
    """Run the pipeline of jwgpu to files; a step lasts from the end of the one before it."""
    import asdf
    import crds  # noqa: F401 - loaded before the first step, as in the official package
    import scipy.ndimage  # noqa: F401

    import jwgpu as jw
    from jwgpu import pipelines, steps
    from jwgpu.pipelines import mosaic

    for step in steps.names():  # the official pipelines import theirs
        steps.get(step)
    asdf.AsdfFile().extensions  # noqa: B018 - what is plugged into asdf is loaded, too
    found: dict[str, dict] = {}
    touch(2 << 30)
    whole = Meter()
    images = mosaic.exposures(source, scratch=out) if source.endswith(".json") else jw.open(source, lazy=True)
    refs = jw.references(images)
    pipeline = pipelines.choose(images).with_parameters(refs)
    found["opening"], step = whole.read(), Meter()

    def after(name, branches):
        nonlocal step
        found[name], step = step.read(), Meter()

    run = pipeline.run(images, refs, donate=True, progress=False, after_step=after)
    run.save(out)
    found["saving"] = step.read()
    total = whole.read()
    peak = max(row["peak"] for row in found.values())
    return {"whole": total | {"peak": peak}, "steps": found}


TASKS = {
    "make": make,
    "jwst-image2": lambda *words: official("Image2Pipeline", *words),
    "jwst-image3": lambda *words: official("Image3Pipeline", *words),
    "jwgpu-image2": ours,
    "jwgpu-image3": ours,
}

if __name__ == "__main__":
    touch(2 << 30)
    print("RESULT " + json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
