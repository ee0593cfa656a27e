"""How true slopes and their errors are: simulated ramps of known rates, fitted by jwgpu and by the official package.

    python benchmarks/truth.py [--pixels 100000] [--frames 1] [--markdown FILE]

Needs the extra `oracle`. Ramps have photon noise, correlated from group to group, and read noise; with jumps, every
ramp has one hit, flagged in its group. For each rate and length the table has, for every fit,

* the bias, in per cent of the rate, with its standard error. What noise does to any good estimate is taken out first:
  the best weighted sum of the same differences, with weights from the true rate, has no bias, and the same noise.
* the width of the pulls: the standard deviation of (rate - truth) / error.

`OLS` is ramp_fit as it is by default, `unbiased` with `unbiased=True`, `LIKELY` with `algorithm="LIKELY"`.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from jwgpu import steps
from jwgpu.data import GROUP, Meta, Ramp, Reference
from jwgpu.numerics.likelihood import Times

GAIN, NOISE, GROUP_TIME = 2.0, 12.0, 10.0
"""Electron / DN; DN, of a difference of two frames; seconds."""

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
LENGTHS = (3, 5, 10, 20, 50)
FITS = {"OLS": {}, "unbiased": {"unbiased": True}, "LIKELY": {"algorithm": "LIKELY"}}


def main() -> None:
    """Simulate, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=100_000, help="of each ramp of ten groups")
    parser.add_argument("--frames", type=int, default=1, help="averaged into a group")
    parser.add_argument("--markdown", help="file for the tables")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    text = "".join(table(jumps, arguments.pixels, arguments.frames) for jumps in (False, True))
    if arguments.markdown:
        Path(arguments.markdown).write_text(text, encoding="utf-8")


def table(jumps: bool, pixels: int, frames: int) -> str:
    """Print one table as it grows; return it."""
    names = ["OLS", "unbiased", "LIKELY", "jwst OLS_C", "jwst LIKELY"]
    lines = [
        f"### {'one flagged jump in every ramp' if jumps else 'no jumps'}, {frames} frames a group, gain {GAIN:g} "
        f"electron / DN, read noise {NOISE:g} DN, {GROUP_TIME:g} s between groups\n",
        "| groups | DN/s | " + " | ".join(f"{n}: bias (%) | width" for n in names) + " |",
        "|---:|---:|" + "---:|---:|" * len(names),
    ]
    print(*lines, sep="\n")
    for n_groups in LENGTHS:
        for rate in RATES:
            ramp, best = simulate(rate, n_groups, max(pixels * 10 // max(n_groups, 10), 1000), frames, jumps)
            found = {**ours(ramp), **official(ramp)}
            cells = [words(*found[n], best["LIKELY" in n], rate) if n in found else "| " for n in names]
            lines.append(f"| {n_groups} | {rate:g} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    print()
    return "\n".join(lines) + "\n\n"


def simulate(rate: float, n_groups: int, n: int, frames: int, jumps: bool) -> tuple[Ramp, tuple]:
    """Return ramps of `rate` DN / s, and the best unbiased estimates that know the truth.

    There are two: LIKELY loses the differences on both sides of a group with a jump, least squares only the first.
    """
    random = np.random.default_rng((n_groups, int(1000 * rate), jumps))
    electrons = random.poisson(rate * GAIN * GROUP_TIME / frames, (n_groups * frames, n)).cumsum(axis=0)
    reads = electrons / GAIN + random.normal(0, NOISE / np.sqrt(2), electrons.shape)
    data = reads.reshape(n_groups, frames, n).mean(axis=1)
    groupdq = np.zeros(data.shape, np.uint8)
    at = random.integers(1, n_groups, n)
    if jumps:
        data += (np.arange(n_groups)[:, None] >= at) * random.exponential(2000.0, n)
        groupdq[at, np.arange(n)] = GROUP.JUMP_DET
    used = np.ones((n_groups - 1, n), bool)
    used[at - 1, np.arange(n)] = not jumps
    meta = {
        "instrument.name": "NIRCAM", "exposure.group_time": GROUP_TIME, "exposure.frame_time": GROUP_TIME / frames,
        "exposure.nframes": frames, "exposure.groupgap": 0,
    }  # fmt: skip
    data = data.astype(np.float32)
    ramp = Ramp(
        data=data[None, :, None], groupdq=groupdq[None, :, None], pixeldq=np.zeros((1, n), np.uint32), meta=Meta(meta)
    )
    rates = np.diff(data.astype(np.float64), axis=0) / GROUP_TIME
    fewer = used & np.concatenate([np.ones((1, n), bool), used[:-1]])
    return ramp, tuple(best_estimate(rates, some, rate, frames) for some in (used, fewer))


def best_estimate(rates: np.ndarray, used: np.ndarray, rate: float, frames: int) -> np.ndarray:
    """Return weighted means of differences (difference, pixel), DN / s, with weights from the true rate."""
    times = np.arange(1, frames + 1) * GROUP_TIME / frames
    table = Times.of([times + group * GROUP_TIME for group in range(len(rates) + 1)], False).table
    diagonal, beside = (rate / GAIN * table[i] + NOISE**2 / 2 * table[i + 1] for i in (1, 3))
    covariance = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    estimate = np.full(rates.shape[1], np.nan)
    for pattern in (p for p in np.unique(used, axis=1).T if p.any()):
        here = (used == pattern[:, None]).all(axis=0)
        weights = np.linalg.solve(covariance[np.ix_(pattern, pattern)], np.ones(pattern.sum()))
        estimate[here] = weights @ rates[np.ix_(pattern, here)] / weights.sum()
    return estimate


def planes(n: int) -> dict[str, np.ndarray]:
    """Return gain and read noise of all pixels."""
    return {"gain": np.full((1, n), GAIN, np.float32), "readnoise": np.full((1, n), NOISE, np.float32)}


def ours(ramp: Ramp) -> dict[str, tuple]:
    """Return rate and error of every fit of jwgpu."""
    known = {name: Reference(name, f"{name}.fits", {"data": p}) for name, p in planes(ramp.shape[-1]).items()}
    found = {}
    for name, parameters in FITS.items():
        if name != "LIKELY" or ramp.n_groups > 3:
            rate = steps.ramp_fit(ramp, known["gain"], known["readnoise"], **parameters).rate
            found[name] = rate.data[0], rate.err[0]
    return found


def official(ramp: Ramp) -> dict[str, tuple]:
    """Return rate and error of the official package."""
    from stcal.ramp_fitting import ramp_fit
    from stdatamodels.jwst import datamodels
    from stdatamodels.jwst.datamodels import dqflags

    found = {}
    for algorithm in ("OLS_C", "LIKELY") if ramp.n_groups > 3 else ("OLS_C",):
        model = datamodels.RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
        model.meta.instrument.name = "NIRCAM"
        for name in ("group_time", "frame_time", "nframes", "groupgap"):
            setattr(model.meta.exposure, name, ramp.meta.get(f"exposure.{name}"))
        known = planes(ramp.shape[-1])
        image, _, _ = ramp_fit.ramp_fit(
            model, False, known["readnoise"], known["gain"], algorithm, "optimal", "1", dqflags.pixel,
            suppress_one_group=True,
        )  # fmt: skip
        found[f"jwst {algorithm}"] = image["slope"][0], image["err"][0]
    return found


def words(rate, error, best, truth: float) -> str:
    """Return the cells of one fit."""
    good = np.isfinite(rate) & (error > 0) & np.isfinite(best)
    rate, error, best = (a[good].astype(np.float64) for a in (rate, error, best))
    off = (rate - best) / truth
    width = ((rate - truth) / error).std()
    return f"{100 * off.mean():+.3f} ± {100 * off.std() / np.sqrt(off.size):.3f} | {width:.3f}"


if __name__ == "__main__":
    main()
