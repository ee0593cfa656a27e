"""Stage 1 side by side: the official jwst package and jwgpu on the same simulated exposure, in one run.

    python benchmarks/stage1.py [--size 2048] [--groups 10] [--integrations 1] [--repeat 3] [--json FILE]

Needs the extra `oracle`. Both packages read the same files and the same references through the same local CRDS
cache, each in a process of its own: first once to warm the disk cache, then `--repeat` times, in turn; medians are
printed. Official steps run with one core each, as they do by default. Times are wall seconds inside the steps,
without reading and writing files; memory is the peak resident size of the process, in MB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Simulate, measure both, print the table."""
    arguments = _arguments()
    if arguments.worker:
        print("RESULT " + json.dumps(WORKERS[arguments.worker](Path(arguments.uncal), Path(arguments.out))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        written = _simulate(arguments, Path(folder))
        runs = {"jwst": [], "jwgpu": []}
        for turn in range(arguments.repeat + 1):
            for name, results in runs.items():
                result = _measure(name, written, Path(folder))
                if turn:
                    results.append(result)
    table = _table(runs)
    title = f"{arguments.size}x{arguments.size}, {arguments.groups} groups, {arguments.integrations} integration(s)"
    text = _markdown(title, table)
    print(text)
    if arguments.markdown:
        Path(arguments.markdown).write_text(text, encoding="utf-8")
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps({"title": title, "machine": _machine(), "rows": table, "runs": runs}, indent=1)
        )


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048, help="2048 is the full frame; other sizes are subarrays")
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--integrations", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scratch", default=None, help="folder for the simulated files (several GB)")
    parser.add_argument("--json")
    parser.add_argument("--markdown")
    parser.add_argument("--worker", choices=["jwst", "jwgpu"], help=argparse.SUPPRESS)
    parser.add_argument("--uncal", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    return parser.parse_args()


def _simulate(arguments, folder: Path):
    from jwgpu import simulate

    size = {} if arguments.size == 2048 else {"size": (arguments.size, arguments.size)}
    simulation = simulate.exposure(n_groups=arguments.groups, n_integrations=arguments.integrations, **size)
    return simulate.write(simulation, folder / "exposure")


def _measure(name: str, written, folder: Path) -> dict:
    command = [sys.executable, __file__, "--worker", name, "--uncal", str(written.uncal), "--out", str(folder)]
    environment = {**os.environ, **{k: str(v) for k, v in written.environment.items()}}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        sys.exit(f"{name} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(lines[-1].removeprefix("RESULT "))


def _official(uncal: Path, out: Path) -> dict:
    import logging

    from jwst.pipeline import Detector1Pipeline
    from stpipe import Pipeline, Step

    rows = {}
    run_step = Step.run

    def timed(step, *args):
        if isinstance(step, Pipeline):
            return run_step(step, *args)
        _reset_peak()
        start = time.perf_counter()
        outcome = run_step(step, *args)
        seconds = time.perf_counter() - start
        if not step.skip:
            row = rows.setdefault(step.name, {"seconds": 0.0, "peak": 0.0})
            row["seconds"] += seconds
            row["peak"] = max(row["peak"], _peak())
        return outcome

    Step.run = timed
    logging.disable(logging.WARNING)
    steps = {"jump": {"expand_large_events": False, "maximum_cores": "1"}, "ramp_fit": {"maximum_cores": "1"}}
    steps |= {name: {"skip": True} for name in ("ipc", "persistence", "charge_migration", "clean_flicker_noise")}
    start = time.perf_counter()
    Detector1Pipeline.call(str(uncal), steps=steps, output_dir=str(out), save_results=True)
    return {"steps": rows, "total": time.perf_counter() - start, "peak": _overall(rows)}


def _jwgpu(uncal: Path, out: Path) -> dict:
    import jwgpu as jw
    from jwgpu import pipelines

    rows = {}
    start = time.perf_counter()
    _reset_peak()
    ramp = jw.open(uncal)
    refs = jw.references(ramp)
    reading = _peak()

    def after(name, branches):
        record = next(iter(branches.values())).history[-1]
        rows[name] = {"seconds": record.seconds, "peak": _peak()}
        if len(branches) > 1 and name != "ramp_fit":
            rows[name]["seconds"] = sum(b.history[-1].seconds for b in branches.values())
        _reset_peak()

    _reset_peak()
    outcome = pipelines.choose(ramp).run(ramp, refs, donate=True, progress=False, after_step=after)
    for name, exposure in outcome.products.items():
        jw.save(exposure, out=out, suffix=f"jwgpu_{name}")
    return {"steps": rows, "total": time.perf_counter() - start, "peak": max(reading, _overall(rows), _peak())}


WORKERS = {"jwst": _official, "jwgpu": _jwgpu}


def _overall(rows: dict) -> float:
    return max(row["peak"] for row in rows.values())


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _table(runs: dict) -> list[dict]:
    names = [n for n in runs["jwgpu"][0]["steps"] if n in runs["jwst"][0]["steps"]]
    rows = [_row(name, runs, lambda run, name=name: run["steps"][name]) for name in names]
    pair = [n for n in ("jump", "ramp_fit") if n in names]
    rows.append(
        _row(
            "jump + ramp_fit",
            runs,
            lambda run: {
                "seconds": sum(run["steps"][n]["seconds"] for n in pair),
                "peak": max(run["steps"][n]["peak"] for n in pair),
            },
        )
    )
    rows.append(_row("end to end, with files", runs, lambda run: {"seconds": run["total"], "peak": run["peak"]}))
    return rows


def _row(label: str, runs: dict, value) -> dict:
    middle = {
        name: {key: statistics.median(value(run)[key] for run in results) for key in ("seconds", "peak")}
        for name, results in runs.items()
    }
    ratio = middle["jwst"]["seconds"] / max(middle["jwgpu"]["seconds"], 1e-9)
    return {"step": label, **middle, "ratio": ratio}


def _machine() -> str:
    from jwgpu import backend

    return f"{platform.machine()}, {os.cpu_count()} cores, {backend.describe()}"


def _markdown(title: str, rows: list[dict]) -> str:
    lines = [f"### {title}", "", _machine(), ""]
    lines += [
        "| step | jwst (s) | jwgpu (s) | ratio | jwst peak (MB) | jwgpu peak (MB) |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        a, b = row["jwst"], row["jwgpu"]
        lines.append(
            f"| {row['step']} | {a['seconds']:.2f} | {b['seconds']:.2f} | {row['ratio']:.1f} "
            f"| {a['peak']:.0f} | {b['peak']:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
