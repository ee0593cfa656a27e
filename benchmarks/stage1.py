"""Stage 1 side by side: the official jwst package and jwgpu on the same simulated exposures, in one run.

    python benchmarks/stage1.py [--case NAME ...] [--shrink N] [--repeat N] [--showers] [--markdown FILE] [--json FILE]

Needs the extra `oracle`. Both packages read the same files and the same references through the same local CRDS
cache, each time in a process of its own, in turn; medians of the repetitions are printed. Official steps run with one
core each, as they do by default; the parameters are the defaults of both packages, with snowballs in the
near-infrared and `emicorr` for MIRI, as the observatory has them, and showers where `--showers` asks for them.

Measured are: every step, with the reading of its references, one by one, the best of three times in one process;
`ramp_fit` with the algorithm LIKELY on one and the same file; all of detector1, from the raw
file to the products in memory, for the first exposure of a process, with the loading of the package, and for a further
one; and the command line, from the start of the process to the files on disk. Before each of these the files are read
once and memory is touched, so that neither package waits for the disk or for the host of a virtual machine. Seconds are
wall time (the JSON file has those of all processors together, too), memory is the largest resident size of the process,
in MB.

Below that stand the compiled kernels: the bytes that must be moved, the time which that takes at the copy bandwidth
measured in the same process, and how much longer the kernel took. On a GPU they are timed with CuPy events.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nvrtc_table

SNOWBALLS = {"jump": {"expand_large_events": True}}
SHOWERS = {"jump": {"find_showers": True}}
CASES = {
    "nircam": dict(make=dict(n_groups=10), steps=SNOWBALLS, likely=True),
    "nircam-2": dict(make=dict(n_groups=8, n_integrations=2), steps=SNOWBALLS),
    "miri": dict(make=dict(instrument="MIRI", n_groups=40, n_integrations=4, emi=10.0),
                 steps={"emicorr": {"skip": False}}),
    "tso": dict(make=dict(detector="NRCALONG", subarray="SUBGRISM64", exp_type="NRC_TSGRISM", readpatt="RAPID",
                          n_groups=10, n_integrations=200, n_galaxies=0, sky=30.0), steps=SNOWBALLS),
    "off": dict(make=dict(n_groups=10, ipc=True),
                steps={"charge_migration": {"skip": False, "signal_threshold": 20000.0},
                       "persistence": {"skip": False, "persistence_time": 1000}, "jump": {"skip": True}}),
    "irs2": dict(make=dict(instrument="NIRSPEC", readpatt="NRSIRS2", n_groups=6),
                 steps={**SNOWBALLS, "picture_frame": {"skip": False, "mask_science_regions": False}}),
}  # fmt: skip
SIZES = {"MIRI": (1024, 1032), "SUBGRISM64": (64, 2048)}
SIDES = ("jwst", "jwgpu")
MEASURED = ("seconds", "cpu", "peak")
WORKER = Path(__file__).with_name("side.py")


def main() -> None:
    """Measure the cases that the command line names, and print the tables."""
    options = _options()
    reports = []
    for name in options.case or CASES:
        case = copy.deepcopy(CASES[name])
        if options.showers and case["make"].get("instrument") == "MIRI":
            case["steps"].update(copy.deepcopy(SHOWERS))
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            reports.append(measure(name, case, options.shrink, options.repeat, Path(folder)))
        print(markdown(reports[-1]), flush=True)
    resources = nvrtc_table.markdown(nvrtc_table.rows(("sm_80", "sm_90")))
    print(resources)
    if options.markdown:
        options.markdown.write_text("\n".join([*map(markdown, reports), resources]), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")


def _options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", action="append", choices=CASES, help="may be repeated; all unless given")
    parser.add_argument("--shrink", type=int, default=1, help="divide the sides of the detector by this, to try it out")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--showers", action="store_true", help="look for showers in MIRI exposures, in both packages")
    parser.add_argument("--scratch", type=Path, help="folder for the simulated files (several GB)")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def shrunk(make: dict, by: int) -> dict:
    """Return the arguments of the simulation for a detector with sides smaller `by` so much."""
    if by == 1 or "IRS2" in make.get("readpatt", ""):  # the official package knows IRS2 frames of full size only
        return make
    rows, columns = SIZES.get(make.get("subarray", make.get("instrument")), (2048, 2048))
    return {**make, "size": (max(rows // by, 32), columns // by // 4 * 4)}


def measure(name: str, case: dict, shrink: int, repeat: int, folder: Path) -> dict:
    """Return the report of one case."""
    _say(f"{name}: simulating")
    made = _work(folder, {}, "make", json.dumps(shrunk(case["make"], shrink)), str(folder))
    runs = {side: [] for side in SIDES}
    for _ in range(repeat):
        for side in SIDES:
            _say(f"{name}: {side}")
            runs[side].append(_one(side, case, made, folder))
    return {"case": name, "title": made["title"], "steps": case["steps"], "machine": runs["jwgpu"][0]["machine"],
            "rows": rows(runs), "kernels": runs["jwgpu"][-1]["kernels"], "runs": runs}  # fmt: skip


def _one(side: str, case: dict, made: dict, folder: Path) -> dict:
    """Return what one package takes: each step, all in memory, the whole process."""
    uncal, environment, steps = made["uncal"], made["environment"], json.dumps(case["steps"])
    found = _work(folder, environment, f"{side}-steps", uncal, steps)
    found["steps"] = {step: row for step, row in found["steps"].items() if row["complete"]}
    found["memory"] = _work(folder, environment, f"{side}-memory", uncal, steps)
    if case.get("likely"):
        ramp = folder / "likely_jump.fits"
        if not ramp.exists():
            _work(folder, environment, "flag", uncal, steps, str(ramp))
        fit = _work(folder, environment, f"{side}-likely", str(ramp))
        found.get("kernels", []).extend(fit.pop("kernels", []))
        found["steps"]["ramp_fit, LIKELY"] = fit
    found["process"] = process(side, uncal, case["steps"], environment, folder)
    return found


def process(side: str, uncal: str, steps: dict, environment: dict, folder: Path) -> dict:
    """Return seconds and peak memory of a package's own command line, from its start to the files on disk."""
    out = folder / f"{side}-products"
    out.mkdir(exist_ok=True)
    flat = [(step, key, value) for step, values in steps.items() for key, value in values.items()]
    if side == "jwst":
        words = ["-c", "from stpipe._cli.strun import main; main()", "jwst.pipeline.Detector1Pipeline", uncal]
        words += [f"--output_dir={out}", "--log-level=ERROR", *(f"--steps.{s}.{k}={v}" for s, k, v in flat)]
    else:
        words = ["-m", "jwgpu", "run", uncal, "--out", str(out)]
        for step, key, value in flat:
            words += ["--set", f"{step}.{key}={str(value).lower() if isinstance(value, bool) else value}"]
    log = folder / f"{side}.log"
    warm(folder)
    _work(folder, {}, "touch")  # by another process: the memory of this one would be counted as the child's
    start = time.perf_counter()
    with log.open("w") as stream:
        child = subprocess.Popen(
            [sys.executable, *words], env={**os.environ, **environment}, cwd=folder, stdout=stream, stderr=stream
        )
        _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"the command line of {side} failed:\n{log.read_text()[-3000:]}")
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss / unit}


def _work(folder: Path, environment: dict, *words: str) -> dict:
    warm(folder)
    command = [sys.executable, str(WORKER), *words]
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not found:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(found[-1].removeprefix("RESULT "))


def warm(folder: Path) -> None:
    """Read every file, so that the system has them in memory."""
    for path in folder.rglob("*.fits"):
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass


def rows(runs: dict) -> list[dict]:
    """Return the lines of the table: what was measured in both packages, medians of the repetitions."""
    ours, theirs = (runs[side][0]["steps"] for side in reversed(SIDES))
    steps = [step for step in ours if step in theirs]
    lines = [_row(step, runs, lambda run, step=step: run["steps"][step]) for step in steps]
    for label, group in (
        ("saturation + refpix + linearity + dark_current", ("saturation", "refpix", "linearity", "dark_current")),
        ("jump + ramp_fit", ("jump", "ramp_fit")),
    ):
        if set(group) <= set(steps):
            lines.append(_row(label, runs, lambda run, group=group: _together([run["steps"][s] for s in group])))
    for which in ("first", "further"):
        label = f"all of detector1, in memory, {which} exposure"
        lines.append(_row(label, runs, lambda run, which=which: run["memory"][which]))
    lines.append(_row("command line to files on disk", runs, lambda run: run["process"]))
    return lines


def _together(parts: list[dict]) -> dict:
    return {key: (max if key == "peak" else sum)(p[key] for p in parts) for key in MEASURED}


def _row(label: str, runs: dict, value) -> dict:
    middle = {
        side: {key: statistics.median(value(run)[key] for run in found) for key in MEASURED}
        for side, found in runs.items()
    }
    return {"step": label, **middle, "ratio": middle["jwst"]["seconds"] / max(middle["jwgpu"]["seconds"], 1e-9)}


def markdown(report: dict) -> str:
    """Return the tables of one case."""
    lines = [f"### {report['case']}: {report['title']}", "", report["machine"]["words"], ""]
    lines += ["| step | jwst (s) | jwgpu (s) | ratio | jwst peak (MB) | jwgpu peak (MB) |", "|---|" + "---:|" * 5]
    for row in report["rows"]:
        a, b = row["jwst"], row["jwgpu"]
        lines.append(f"| {row['step']} | {a['seconds']:.2f} | {b['seconds']:.2f} | {row['ratio']:.1f} "
                     f"| {a['peak']:.0f} | {b['peak']:.0f} |")  # fmt: skip
    bandwidth = report["machine"]["bandwidth"] / 1e9
    lines += ["", f"Memory is copied at {bandwidth:.1f} GB/s, reading and writing counted.", ""]
    lines += ["| kernel | launches | GB moved | s at that rate | s taken | times the floor | share of the bandwidth |"]
    lines += ["|---|" + "---:|" * 6]
    for k in report["kernels"]:
        floor = k["bytes"] / report["machine"]["bandwidth"]
        lines.append(f"| {k['kernel']} | {k['launches']} | {k['bytes'] / 1e9:.3f} | {floor:.4f} | {k['seconds']:.4f} "
                     f"| {k['seconds'] / floor:.1f} | {floor / k['seconds']:.0%} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _say(words: str) -> None:
    print(f"{words} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
