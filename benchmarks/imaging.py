"""Images side by side: the official jwst package and jwgpu from a rate to a calibrated image, from four to a mosaic.

    python benchmarks/imaging.py [--shrink N] [--repeat N] [--most N] [--scratch DIR] [--markdown FILE] [--json FILE]

Needs the extra `oracle`. Both packages read the same files and the same references through the same local CRDS cache,
each time in a process of its own, in turn; medians of the repetitions are printed. Parameters are the defaults of both.

Measured are the steps of image2 and image3, and the whole from the opening of the files to the products on disk, after
the packages have been loaded. A step of jwgpu lasts from the end of the step before, so that it has the reading of what
it needs; the official package reads and writes the members of an association inside of its steps, too. Then jwgpu alone
makes mosaics of 4, 8, 16 and 32 exposures (`--most`): time is to grow linearly, memory is not to grow.

Seconds are wall time, memory is the largest resident size of the process, in MB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import stage1

SIDES = ("jwst", "jwgpu")
WORKER = Path(__file__).with_name("imaging_side.py")


def main() -> None:
    """Measure, and print the tables."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        report = measure(options, Path(folder))
    text = markdown(report)
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def _options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shrink", type=int, default=1, help="divide the sides of the detector by this, to try it out")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--most", type=int, default=32, help="exposures of the largest mosaic")
    parser.add_argument("--only", choices=SIDES, help="one of the packages")
    parser.add_argument("--scratch", type=Path, help="folder for the simulated files (several GB)")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def measure(options, folder: Path) -> dict:
    """Return what was measured."""
    _say("simulating")
    size = 0 if options.shrink == 1 else 2048 // options.shrink
    made = work(folder, {}, "make", max(options.most, 4), size, folder)
    sides = [side for side in SIDES if options.only in (None, side)]
    runs = {task: {side: [] for side in sides} for task in ("image2", "image3")}
    for _ in range(options.repeat):
        for task, source in (("image2", made["rate"]), ("image3", made["asns"]["4"])):
            for side in sides:
                _say(f"{task}: {side}")
                runs[task][side].append(
                    work(folder, made["environment"], f"{side}-{task}", source, folder / f"{side}-{task}")
                )
    growth = {}
    for n, asn in made["asns"].items() if "jwgpu" in sides else ():
        _say(f"jwgpu: {n} exposures")
        growth[n] = work(folder, made["environment"], "jwgpu-image3", asn, folder / f"jwgpu-{n}")["whole"]
    return {"title": made["title"], "tables": {task: rows(found) for task, found in runs.items()}, "growth": growth}


def work(folder: Path, environment: dict, *words) -> dict:
    """Run the worker on some words; return its result."""
    stage1.warm(folder)
    command = [sys.executable, str(WORKER), *map(str, words)]
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=folder, capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not found:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(found[-1].removeprefix("RESULT "))


def rows(runs: dict) -> list[dict]:
    """Return the lines of a table: every step, and the whole; medians of the repetitions."""
    last = list(runs)[-1]
    names = list(runs[last][0]["steps"])
    lines = []
    for name in [*names, "from files to files"]:
        line = {"step": name}
        for side, found in runs.items():
            values = [run["whole"] if name == "from files to files" else run["steps"].get(name) for run in found]
            if None not in values:
                line[side] = {key: statistics.median(value[key] for value in values) for key in values[0]}
        lines.append(line)
    return lines


def markdown(report: dict) -> str:
    """Return the tables."""
    lines = []
    for task, table in report["tables"].items():
        lines += [f"### {task}: {report['title']}", ""]
        lines += ["| step | jwst (s) | jwgpu (s) | ratio | jwst peak (MB) | jwgpu peak (MB) |", "|---|" + "---:|" * 5]
        for row in table:
            cells = [f"{row[side]['seconds']:.2f}" if side in row else "" for side in SIDES]
            both = all(side in row for side in SIDES)
            cells.append(f"{row['jwst']['seconds'] / max(row['jwgpu']['seconds'], 1e-9):.1f}" if both else "")
            cells += [f"{row[side]['peak']:.0f}" if side in row else "" for side in SIDES]
            lines.append(f"| {row['step']} | {' | '.join(cells)} |")
        lines.append("")
    if report["growth"]:
        lines += ["| exposures in a mosaic | jwgpu (s) | s per exposure | peak (MB) |", "|---:|---:|---:|---:|"]
        for n, row in report["growth"].items():
            lines.append(f"| {n} | {row['seconds']:.2f} | {row['seconds'] / int(n):.2f} | {row['peak']:.0f} |")
    return "\n".join(lines) + "\n"


def _say(words: str) -> None:
    print(f"{words} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
