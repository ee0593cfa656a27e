"""Ramps that lead through every branch of the slope fit."""

from __future__ import annotations

import itertools

import edges
import numpy as np

from jwgpu.data import GROUP
from jwgpu.numerics.slopes import Sampling


def cases():
    """Give (words, arguments of `fit_slopes`) for ramps of every length, kind and way of reading them out."""
    for (n_groups, n_integrations), suppress in itertools.product(edges.GROUPS_AND_INTEGRATIONS, (False, True)):
        if suppress and n_groups == 1:
            continue
        yield case(f"{n_groups}x{n_integrations} {suppress}", n_groups, n_integrations, suppress=suppress)
        if n_groups > 3:
            yield case(f"{n_groups} cut {suppress}", n_groups, n_integrations, suppress=suppress, cut=True)
    for n_frames in (2, 4, 8):
        yield case(f"{n_frames} frames", 5, 2, n_frames=n_frames)
    yield case("plain", 6, 2, zeroframe=False, dark=False)
    for n_groups, n_integrations in ((1, 2), (2, 1), (3, 2), (10, 2), (17, 1), (70, 1)):
        yield case(f"unbiased {n_groups}", n_groups, n_integrations, unbiased=True)
    yield mostly_whole(False)
    yield mostly_whole(True)
    yield mostly_whole(True, lead=(0, 1, 2, 5, 6, 7, 8, 3, 2, 0, 1, 4))
    yield mostly_whole(False, lead=(4, 1, 2, 5, 6, 7, 8, 3, 2, 3, 1, 4), cut=True)
    yield pairs_of_flags(1)
    yield pairs_of_flags(0)
    yield flat_signal_to_noise()


def case(
    words, n_groups, n_integrations, *, suppress=False, cut=False, n_frames=2, zeroframe=True, dark=True, unbiased=False
):
    """Return one case; `cut` leaves out the first group and the last, which no pixel may use."""
    ramp = edges.ramp(n_groups, n_integrations, seed=n_frames)
    references = edges.references()
    groupdq = ramp.groupdq.copy()
    if cut:
        groupdq[:, [0, -1]] |= GROUP.DO_NOT_USE
    current = np.full(edges.SHAPE, np.float32(0.3))
    first, used = (1, n_groups - 2) if cut else (0, n_groups)
    return words, (
        ramp.data, groupdq, ramp.pixeldq, references["gain"].data, references["readnoise"].data,
        current if dark else None, ramp.zeroframe if zeroframe else None,
        Sampling(21.5, 10.75, n_frames, first, used, suppress, unbiased),
    )  # fmt: skip


def mostly_whole(suppress, lead=(), cut=False):
    """Return ramps of many integrations, of which some pixels have a few that are not whole, and some have none.

    No pixel may use the first `lead` groups of the integrations.
    """
    random = np.random.default_rng(11)
    ramp, references = edges.ramp(8, 12), edges.references()
    data = random.normal(30, 6, ramp.shape).cumsum(axis=1).astype(np.float32)
    data[random.random(data.shape) < 0.0005] = np.nan
    flags = [0, *(int(v) for _, v in GROUP.items()), int(GROUP.DO_NOT_USE | GROUP.SATURATED)]
    groupdq = np.where(random.random(data.shape) < 0.004, random.choice(flags, data.shape), 0).astype(np.uint8)
    lost = random.random((12, 1, *edges.SHAPE)) < 0.03  # whole integrations, from some group on
    start = random.integers(0, 8, lost.shape)
    late = lost & (np.arange(8)[None, :, None, None] >= start)
    groupdq |= np.where(late, random.choice([1, 2, 4], lost.shape), 0).astype(np.uint8)
    groupdq[:, :, 20, :30] = GROUP.JUMP_DET
    for flags, n in zip(groupdq, lead):
        flags[:n] |= GROUP.DO_NOT_USE
    if cut:
        groupdq[:, [0, -1]] |= GROUP.DO_NOT_USE
    first, used = (1, 6) if cut else (0, 8)
    return f"mostly whole {suppress} {lead}", (
        data, groupdq, ramp.pixeldq, references["gain"].data, references["readnoise"].data, None, ramp.zeroframe,
        Sampling(21.5, 10.75, 2, first, used, suppress),
    )  # fmt: skip


def pairs_of_flags(first):
    """Return ramps of five groups whose first fitted ones carry every flag and every jump with another."""
    flags = [0, *(int(v) for _, v in GROUP.items()), int(GROUP.JUMP_DET | GROUP.DO_NOT_USE)]
    flags += [int(GROUP.JUMP_DET | GROUP.PERSISTENCE), int(GROUP.JUMP_DET | GROUP.DROPOUT)]
    patterns = np.array(list(itertools.product(flags, flags, flags, (0, int(GROUP.CHARGELOSS)))), np.uint8)
    groupdq = np.zeros((1, 5, 1, len(patterns)), np.uint8)
    groupdq[0, first : first + 4, 0] = patterns.T
    if first:
        groupdq[:, 0] = GROUP.DO_NOT_USE
    data = np.random.default_rng(5).normal(40, 9, groupdq.shape).cumsum(axis=1).astype(np.float32)
    ones = np.ones(data.shape[2:], np.float32)
    return f"pairs of flags {first}", (
        data, groupdq, np.zeros(ones.shape, np.uint32), 2 * ones, 5 * ones, None, data[:, 0] / 2,
        Sampling(20.0, 10.0, 2, first, 5 - first, False),
    )  # fmt: skip


def flat_signal_to_noise():
    """Return ramps whose signal to noise crosses, in fine steps, every limit between two exponents of the weights."""
    rise = np.geomspace(5, 5e4, 24 * 41).reshape(24, 41)
    random = np.random.default_rng(3)
    data = rise * np.linspace(0, 1, 12)[:, None, None] + random.normal(0, 3, (1, 12, 24, 41))
    flags = np.zeros(data.shape, np.uint8)
    flags[:, 6, ::3] = GROUP.JUMP_DET
    ones = np.ones((24, 41), np.float32)
    return "signal to noise", (
        data.astype(np.float32), flags, np.zeros((24, 41), np.uint32), 2 * ones, 5 * ones, None, None,
        Sampling(10.0, 10.0, 1, 0, 12, True),
    )  # fmt: skip
