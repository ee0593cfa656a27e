"""Ramps full of edges: random pixels alone let a wrong kernel live."""

from __future__ import annotations

import itertools
import sys
from types import ModuleType

import numpy as np

from jwgpu import kernels, steps
from jwgpu.data import GROUP, PIXEL, Meta, Ramp, Reference

SHAPE = (45, 83)
"""Odd enough that no row, block or byte ends where another does."""

GROUPS_AND_INTEGRATIONS = ((1, 1), (2, 1), (3, 2), (4, 1), (5, 3), (10, 2), (16, 1), (17, 1), (70, 1), (280, 1))
"""Lengths of ramps on both sides of every size of scratch but the largest."""

OPTIONS = (
    {},
    {"suppress_one_group": False},
    {"min_diffs_single_pass": 3},
    {"minimum_sigclip_groups": 2, "rejection_threshold": 0.9},
    {"minimum_sigclip_groups": 3, "only_use_ints": False, "after_jump_flag_dn1": 50.0, "after_jump_flag_time1": 50.0},
    {"after_jump_flag_dn1": 50.0, "after_jump_flag_time1": 50.0, "flag_4_neighbors": False},
    {"after_jump_flag_dn1": 10.0, "after_jump_flag_time1": 30.0, "after_jump_flag_dn2": 900.0,
     "after_jump_flag_time2": 100.0},
    {"algorithm": "LIKELY"},
    {"unbiased": True, "suppress_one_group": False},
)  # fmt: skip
"""Parameters that lead through other branches; each step takes those that it has."""

LONG = ({}, {"min_diffs_single_pass": 1000}, {"algorithm": "LIKELY"})
"""Those of them that long ramps are run with."""

_FLAGS = [0, *(int(v) for v in GROUP._values.values()), int(GROUP.SATURATED | GROUP.DO_NOT_USE)]


def ramp(n_groups: int, n_integrations: int, seed: int = 0, **meta) -> Ramp:
    """Return a ramp whose pixels meet each other's edges.

    Rates from none to saturation, cosmic rays of every size, ties, negative, infinite and missing values; every flag
    in every group, runs of flags from any group to the end, and, for short ramps, every pattern of good and flagged
    groups.
    """
    random = np.random.default_rng((seed, n_groups, n_integrations))
    shape = (n_integrations, n_groups, *SHAPE)
    rate = random.choice([0, 0.3, 5, 60, 900, 6000, -3], SHAPE)
    steps = random.poisson(np.abs(rate), shape) * np.sign(rate) + random.normal(0, 6, shape)
    hit = random.random(shape) < 2.0 / max(n_groups, 4)
    steps += hit * random.choice([20, 60, 200, 3e3, 5e4, -400], shape)
    data = np.cumsum(steps, axis=1).astype(np.float32)
    integer = random.random(SHAPE) < 0.3  # whole numbers tie often
    data[..., integer] = np.rint(data[..., integer])
    flat = random.random(SHAPE) < 0.03
    flat[:, 9] = True
    data[..., flat] = np.float32(7)
    # One step in a constant ramp: with a noise of 1 it meets thresholds and limits exactly.
    data[:, :, :, 10:13] = 0
    data[:, n_groups // 2 :, :, 10:13] += random.choice(np.float32([4, 5, 6, 10, 50, 1000, 900]), (SHAPE[0], 3))
    odd = random.random(shape) < 0.004
    data[odd] = random.choice(np.float32([np.nan, np.inf, -np.inf, 3e38, 0, -1e6]), int(odd.sum()))
    return Ramp(
        data=data, groupdq=_groupdq(random, shape), pixeldq=_pixeldq(random), zeroframe=_zeroframe(random, data),
        meta=_meta(n_groups, n_integrations, meta),
    )  # fmt: skip


def _groupdq(random, shape) -> np.ndarray:
    n_integrations, n_groups = shape[:2]
    flags = np.where(random.random(shape) < 0.06, random.choice(_FLAGS, shape), 0).astype(np.uint8)
    start = random.integers(0, 3 * n_groups, (n_integrations, 1, *SHAPE))
    flags |= np.where(np.arange(n_groups)[None, :, None, None] >= start, GROUP.SATURATED, 0).astype(np.uint8)
    if n_groups <= 8:
        patterns = np.array(list(itertools.product((0, 1), repeat=n_groups)), np.uint8).T
        n = min(patterns.shape[1], SHAPE[1])
        for row, flag in enumerate((GROUP.DO_NOT_USE, GROUP.SATURATED, GROUP.JUMP_DET, GROUP.CHARGELOSS)):
            flags[0, :, row, :n] = patterns[:, :n] * flag
    flags[:, :, 5, :3] = GROUP.DO_NOT_USE
    flags[:, :, 5, 3:6] = GROUP.SATURATED
    return flags


def _pixeldq(random) -> np.ndarray:
    choice = random.choice(np.uint32([PIXEL.DO_NOT_USE, PIXEL.REFERENCE_PIXEL, PIXEL.HOT]), SHAPE)
    return np.where(random.random(SHAPE) < 0.03, choice, np.uint32(0)).astype(np.uint32)


def _zeroframe(random, data: np.ndarray) -> np.ndarray:
    zero = (data[:, 0] * np.float32(0.5)).astype(np.float32)
    zero[random.random(zero.shape) < 0.1] = 0
    return zero


def _meta(n_groups: int, n_integrations: int, more: dict) -> Meta:
    return Meta(
        {
            "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "exposure.type": "NRC_IMAGE",
            "exposure.group_time": 21.47, "exposure.frame_time": 10.73, "exposure.nframes": 4,
            "exposure.groupgap": 0, "exposure.ngroups": n_groups, "exposure.nints": n_integrations,
            "subarray.xstart": 1, "subarray.ystart": 1, "subarray.xsize": SHAPE[1], "subarray.ysize": SHAPE[0],
            **more,
        }
    )  # fmt: skip


def references() -> dict[str, Reference]:
    """Return gain and read noise with the values that references really hold: NaN, zero, negative."""
    random = np.random.default_rng(7)
    gain = random.uniform(1.5, 2.5, SHAPE).astype(np.float32)
    gain[2, :6] = [np.nan, 0, -1, np.inf, 1e-30, 1]
    noise = random.uniform(4, 30, SHAPE).astype(np.float32)
    noise[3, :4] = [np.nan, 0, -2, 1e6]
    noise[::2, 9] = 0
    noise[:, 14], noise[:, 15] = 3000, 0.05  # weights far below and far above 1
    # With these, one DN is one electron, and the noise of a group of four frames is one electron.
    gain[:, 10:13], noise[:, 10:13] = 1, 2
    return {
        "gain": Reference("gain", "gain.fits", {"data": gain}),
        "readnoise": Reference("readnoise", "readnoise.fits", {"data": noise}),
    }


def uses_kernels(step) -> bool:
    """Say whether a step calls mathematics that has a kernel."""
    for value in vars(sys.modules[step.__module__]).values():
        module = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None))
        name = getattr(module, "__name__", "")
        if name.startswith("jwgpu.numerics") and getattr(module, "kernels", None) is kernels:
            return True
    return False


def kernel_steps() -> list[str]:
    """Return the steps that use kernels and need nothing but gain and read noise."""
    return [
        n
        for n in steps.names()
        if uses_kernels(steps.get(n))
        and set(steps.get(n).references) <= set(references())
        and steps.get(n).nouns == (Ramp,)
    ]


def runs():
    """Give (step, ramp, references, parameters) for every step, length of ramp and set of parameters."""
    known = references()
    for name in kernel_steps():
        step = steps.get(name)
        if not set(step.references) <= set(known):
            continue  # its kernels are run by the steps whose references these are
        for n_groups, n_integrations in GROUPS_AND_INTEGRATIONS:
            exposure = ramp(n_groups, n_integrations)
            for parameters in OPTIONS if n_groups <= 17 else LONG:
                if set(parameters) <= set(step.parameters):
                    yield step, exposure, [known[r] for r in step.references], parameters
