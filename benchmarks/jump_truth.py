"""How many jumps are found, and how many where there are none, by the size of the jump, beside the official package.

    python benchmarks/jump_truth.py [--pixels N] [--seed N]

Ramps of photon and read noise get one jump in a random group. Sizes are in units of the scatter of a difference of two
groups. Printed as Markdown: the fraction of jumps that are flagged in their group, and, for ramps without a jump, the
fraction of differences flagged all the same. The official columns need the extra `oracle`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jwgpu.data import GROUP, Meta, Ramp, Reference
from jwgpu.steps import jump

GROUPS = (3, 4, 5, 6, 8, 10, 11, 12, 20, 30, 50)
SIZES = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 30.0)
LEVEL, NOISE = 100.0, 10.0
"""Electrons that a group collects, and electrons of noise in a difference of two reads."""

PARAMETERS = {"flag_4_neighbors": False}


def ramps(n_groups: int, n_pixels: int, seed: int = 0) -> tuple[Ramp, Reference, Reference, np.ndarray]:
    """Return ramps, one row for each size, gain, read noise, and the group (size, pixel) that is hit."""
    rng = np.random.default_rng((seed, n_groups))
    shape = (1, n_groups, len(SIZES), n_pixels)
    data = np.cumsum(rng.poisson(LEVEL, shape), axis=1) + rng.normal(0, NOISE / np.sqrt(2), shape)
    struck = rng.integers(1, n_groups, shape[2:])
    size = np.array(SIZES)[:, None] * np.sqrt(LEVEL + NOISE**2)
    data += size * (np.arange(n_groups)[:, None, None] >= struck)
    meta = Meta({"exposure.nframes": 1, "exposure.group_time": 10.0, "exposure.ngroups": n_groups})
    ramp = Ramp(
        data=data.astype(np.float32), groupdq=np.zeros(shape, np.uint8), pixeldq=np.zeros(shape[2:], np.uint32),
        meta=meta,
    )  # fmt: skip
    gain, noise = np.ones(shape[2:], np.float32), np.full(shape[2:], NOISE, np.float32)
    return ramp, Reference("gain", "gain", {"data": gain}), Reference("readnoise", "readnoise", {"data": noise}), struck


def curve(find: Callable, n_groups: int, n_pixels: int, seed: int = 0) -> np.ndarray:
    """Return, for each size, the fraction of jumps found; for size 0, of all differences flagged.

    `find` gives a groupdq of a ramp, gain and read noise.
    """
    *arguments, struck = ramps(n_groups, n_pixels, seed)
    found = (find(*arguments)[0] & GROUP.JUMP_DET) != 0
    fraction = np.take_along_axis(found, struck[None], axis=0)[0].mean(axis=1)
    fraction[0] = found[1:, 0].mean()
    return fraction


def ours(ramp: Ramp, gain: Reference, readnoise: Reference) -> np.ndarray:
    """Flag jumps with jwgpu."""
    return jump(ramp, gain, readnoise, **PARAMETERS).groupdq


def official() -> Callable | None:
    """Return what flags jumps with the official package; None where it is not installed."""
    if importlib.util.find_spec("jwst") is None:
        return None
    tests = str(Path(__file__).parents[1] / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    from official import find_jumps

    return lambda *arguments: find_jumps(*arguments, **PARAMETERS)[0]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pixels", type=int, default=4000, help="ramps of each size")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ways = {"jwgpu": ours, "jwst": official()}
    print("| groups | package | false alarms |" + "".join(f" {size:g} sigma |" for size in SIZES[1:]))
    print("|---:|---|---:|" + "---:|" * len(SIZES[1:]))
    for n_groups in GROUPS:
        for name, find in ways.items():
            if find is None:
                continue
            false, *found = curve(find, n_groups, options.pixels, options.seed)
            print(f"| {n_groups} | {name} | {false:.1e} |" + "".join(f" {fraction:.4f} |" for fraction in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
