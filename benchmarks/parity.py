"""Compare jwgpu with the official package step by step, for many detectors and readouts.

    python benchmarks/parity.py [MODE ...] [--folder DIR]

Each mode is simulated and written as files with a CRDS cache of its own; both packages take the raw file through
stage 1, each on its own results. Printed are, after every step, the largest difference of the data and how many flags
differ, as a Markdown table. Differences are relative to the largest absolute value that the group has had on its way,
since the superbias was subtracted if it was (what is left after a dark is as uncertain as what it was subtracted from);
those of rates, to the rate or to that value over the time of the integration, where this is larger.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MODES = {
    "NIRCam full": dict(n_groups=4, readpatt="BRIGHT2"),
    "NIRCam SUB160": dict(subarray="SUB160", readpatt="RAPID", n_groups=8, n_integrations=2, sky=300.0),
    "NIRISS full": dict(instrument="NIRISS", n_groups=4),
    "NIRISS SUBSTRIP256": dict(instrument="NIRISS", subarray="SUBSTRIP256", exp_type="NIS_SOSS", readpatt="NISRAPID",
                               n_groups=4, n_integrations=2, sky=100.0),
    "NIRSpec full": dict(instrument="NIRSPEC", n_groups=4),
    "NIRSpec ALLSLITS": dict(instrument="NIRSPEC", detector="NRS2", subarray="ALLSLITS", exp_type="NRS_FIXEDSLIT",
                             readpatt="NRSRAPID", n_groups=5, sky=50.0),
    "NIRSpec SUB2048": dict(instrument="NIRSPEC", subarray="SUB2048", exp_type="NRS_BRIGHTOBJ", readpatt="NRSRAPID",
                            n_groups=5, n_integrations=4, sky=50.0),
    "NIRSpec IRS2": dict(instrument="NIRSPEC", readpatt="NRSIRS2", n_groups=4),
    "FGS full": dict(instrument="FGS", exp_type="FGS_IMAGE", n_groups=4),
    "FGS GUIDER1": dict(instrument="FGS", detector="GUIDER1", exp_type="FGS_IMAGE", readpatt="FGS", n_groups=3),
    "time series": dict(subarray="SUB64P", exp_type="NRC_TSIMAGE", readpatt="RAPID", n_groups=4, n_integrations=60,
                        sky=300.0),
    "one group": dict(subarray="SUB160", readpatt="RAPID", n_groups=1, n_integrations=2, sky=300.0),
    "two groups": dict(subarray="SUB160", readpatt="BRIGHT2", n_groups=2, sky=300.0),
    "NIRCam SUB82STRIPE2_DHS": dict(detector="NRCA2", subarray="SUB82STRIPE2_DHS", exp_type="NRC_TSGRISM",
                                    readpatt="RAPID", n_groups=4, n_integrations=2, sky=50.0),
    "NIRCam SUB164STRIPE4_DHS": dict(detector="NRCALONG", subarray="SUB164STRIPE4_DHS", exp_type="NRC_TSGRISM",
                                     readpatt="BRIGHT2", n_groups=4, sky=50.0),
    "NIRCam SUB64P_SUPSTP008": dict(subarray="SUB64P_SUPSTP008", readpatt="RAPID", n_groups=5, n_integrations=2,
                                    sky=3000.0),
    "NIRCam SUB64P_SUPSTP002": dict(subarray="SUB64P_SUPSTP002", readpatt="RAPID", n_groups=3, n_integrations=2,
                                    sky=3000.0),
    # With bad reference pixels the official package takes those of the first superstripe for all.
    "NIRISS SUB680STRIPE_SOSS": dict(instrument="NIRISS", subarray="SUB680STRIPE_SOSS", exp_type="NIS_SOSS",
                                     readpatt="NISRAPID", n_groups=4, n_integrations=2, sky=100.0, bad_pixels=False),
    "MIRI full": dict(instrument="MIRI", n_groups=6, n_integrations=2),
    "MIRI SUB256": dict(instrument="MIRI", subarray="SUB256", n_groups=8, n_integrations=2),
}  # fmt: skip


def products(exposure) -> dict[str, np.ndarray]:
    """Return the arrays of a product of either package that are compared."""
    names = ("data", "groupdq", "pixeldq", "dq", "zeroframe")
    found = {name: getattr(exposure, name, None) for name in names}
    return {name: np.asarray(array) for name, array in found.items() if array is not None and np.size(array)}


class Reach:
    """The largest absolute value that each group has had so far, by the official package, without the bias."""

    def __init__(self):
        self.data = np.float32(1)

    def see(self, step: str, official) -> None:
        """Take account of the result of one more step."""
        data = np.asarray(official.data)
        if step == "superbias":
            self.data = np.maximum(np.abs(data), 1)
        elif data.ndim == 4:
            fits = np.shape(self.data) in ((), data.shape)
            self.data = np.fmax(np.abs(data), self.data if fits else np.float32(self.data.max()))

    def scale(self, official, values):
        """Return what a difference in `values`, data of the product `official`, is divided by."""
        if values.ndim == 4:
            return np.maximum(np.abs(values), self.data)
        time = official.meta.exposure.ngroups * official.meta.exposure.group_time
        longest = self.data.max(axis=1) / np.float32(time)
        return np.maximum(np.abs(values), longest if values.ndim == 3 else longest.max(axis=0))


def difference(ours, official, reach: Reach) -> dict:
    """Return the largest difference of the data, the number of differing flags, and of pixels where one is NaN."""
    mine, theirs = products(ours), products(official)
    worst, flags, holes = 0.0, 0, 0
    for name in mine.keys() & theirs.keys():
        a, b = mine[name], theirs[name]
        if a.shape != b.shape:
            return {"shapes": f"{name}: {a.shape}, official {b.shape}"}
        if name.endswith("dq"):
            flags += int(np.count_nonzero(a != b))
            continue
        known = np.isfinite(a) & np.isfinite(b)
        holes += int(np.count_nonzero(np.isnan(a) != np.isnan(b)))
        scale = np.maximum(np.abs(b), 1) if name == "zeroframe" else reach.scale(official, b)
        gap = np.abs(a[known].astype(np.float64) - b[known]) / scale[known]
        worst = max(worst, float(gap.max(initial=0)))
    return {"worst": worst, "flags": flags, "holes": holes, "of": int(theirs["data"].size)}


def compare(uncal: str) -> dict[str, dict]:
    """Return step: difference for the raw file `uncal`; the CRDS cache is that of the environment."""
    import warnings

    import stpipe
    from jwst.pipeline import Detector1Pipeline

    import jwgpu as jw

    warnings.simplefilter("ignore")
    ramp = jw.open(uncal, device="cpu")
    pipeline = jw.pipelines.choose(ramp)
    run = pipeline.run(ramp, jw.references(ramp), keep=pipeline.names(), progress=False)
    states = {record.step: record.status for product in run.products.values() for record in product.history}
    table: dict[str, dict] = {}
    reach = Reach()
    original = stpipe.Step.run

    def watched(step, *args):
        result = original(step, *args)
        name = getattr(step, "class_alias", None)
        if name not in states or isinstance(step, stpipe.Pipeline):
            return result
        first = result[0] if isinstance(result, tuple) else result
        if first is None:
            return result
        reach.see(name, first)
        theirs = getattr(first.meta.cal_step, _STATES.get(name, name), None)
        if states[name] != "COMPLETE" and theirs != "COMPLETE":
            table[name] = {"skipped": True}
        elif (states[name] == "COMPLETE") != (theirs == "COMPLETE"):
            table[name] = {"shapes": f"{states[name].lower()}, official {str(theirs).lower()}"}
        elif name == "gain_scale" and name in table:
            table[name] = _worse(table[name], difference(run[name].rateints, first, reach))
        elif isinstance(result, tuple):
            pairs = zip((run[name].rate, run[name].rateints), result)
            found = [difference(mine, official, reach) for mine, official in pairs if official is not None]
            table[name] = found[0] if len(found) == 1 else _worse(*found)
        else:
            mine = run[name]
            table[name] = difference(getattr(mine, "rate", mine), first, reach)
        return result

    stpipe.Step.run = watched
    Detector1Pipeline.call(uncal, save_results=False)
    return table


_STATES = {"dark_current": "dark_sub"}


def _worse(a: dict, b: dict) -> dict:
    return {key: max(a[key], b[key]) if key == "worst" else a[key] + b[key] for key in a} if "worst" in a else a


def words(found: dict | None) -> str:
    """Return the cell of the table for one step of one mode."""
    if found is None:
        return ""
    if "shapes" in found:
        return found["shapes"]
    if "skipped" in found:
        return "skipped"
    flags = f"{found['flags']} flags" if found["flags"] else "0"
    holes = f", {found['holes']} NaN" if found["holes"] else ""
    return f"{found['worst']:.1e}; {flags}{holes}"


def measure(mode: str, folder: Path) -> dict[str, dict]:
    """Simulate and compare one mode, in a process of its own: a CRDS cache is chosen once in a process."""
    from jwgpu import simulate

    written = simulate.write(simulate.exposure(**MODES[mode]), folder)
    done = subprocess.run(
        [sys.executable, __file__, "--compare", str(written.uncal)],
        env={**os.environ, **written.environment}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        return {"error": {"shapes": (done.stderr.strip().splitlines() or ["it failed"])[-1]}}
    return json.loads(done.stdout.splitlines()[-1])


def table(results: dict[str, dict[str, dict]]) -> str:
    """Return the results as a Markdown table, a column for each mode."""
    steps = list(dict.fromkeys(step for found in results.values() for step in found))
    lines = ["| step | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    lines += [f"| {s} | " + " | ".join(words(found.get(s)) for found in results.values()) + " |" for s in steps]
    return "\n".join(lines)


def main() -> None:
    """Measure the modes that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modes", nargs="*", metavar="MODE", help=f"of {', '.join(MODES)}; all unless given")
    parser.add_argument("--folder", type=Path, help="keep the files here")
    parser.add_argument("--compare", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compare:
        print(json.dumps(compare(options.compare)))
        return
    unknown = [mode for mode in options.modes if mode not in MODES]
    if unknown:
        parser.error(f"there is no mode {unknown[0]!r}; choose of {', '.join(MODES)}")
    with tempfile.TemporaryDirectory() as temporary:
        results = {}
        for mode in options.modes or MODES:
            folder = (options.folder or Path(temporary)) / mode.lower().replace(" ", "_")
            print(f"{mode} ...", file=sys.stderr, flush=True)
            results[mode] = measure(mode, folder)
    print(table(results))


if __name__ == "__main__":
    main()
