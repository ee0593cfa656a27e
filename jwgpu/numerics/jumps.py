"""Find cosmic rays in ramps by two-point differences.

A cosmic ray adds charge between two reads, so one difference d_j = g_(j+1) - g_j of the electrons g stands out from
the others. With m the median difference of a pixel, r the read noise of the difference of two frames and n the frames
averaged into a group, a difference is a jump where

    |d_j - m| / sigma > threshold,    sigma^2 = |m| + r^2 / n.

Few differences give a median that the jump itself pulls up. Then jumps are taken one at a time, the largest first, from
the sizes |d_j|, with m the median of all but the largest, and the search repeats until nothing stands out [1]_.

`two_point_difference` runs the compiled kernels (kernels/src/ramp_jumps.h, and ramp_many.h for many integrations) where
there are any; `reference` is the same in array code: their specification, their test oracle and their fallback. Both
give the same flags bit for bit.

References
----------
.. [1] Anderson & Gordon 2011, PASP 123, 1237, doi:10.1086/662593
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jwgpu import kernels
from jwgpu.backend import namespace
from jwgpu.data.flags import GROUP
from jwgpu.kernels.build import group_size
from jwgpu.numerics import clipping

JUMP_DET, DO_NOT_USE = GROUP.JUMP_DET, GROUP.DO_NOT_USE
UNUSABLE = DO_NOT_USE | GROUP.SATURATED

CLIP = {None: 0, "integrations": 1, "all": 2}
"""How the kernel ramp_many tells jumps."""

MANY = 24
"""Differences of a pixel above which their median is found sooner without sorting them."""

NO_SCRATCH = 16
"""The size under which kernels that need no scratch are compiled."""

BLOCK_DIFFERENCES = 1 << 20
"""Differences the array code holds at once."""


@dataclass(frozen=True)
class Rules:
    """What counts as a jump, and what is flagged with it.

    Attributes
    ----------
    single_pass : bool
        Compare every difference with the median once. Otherwise clip one jump at a time.
    four, three, two : float
        Thresholds in sigma for four or more, three, and two usable differences; a single pass knows only `four`.
    spread : (float, float) or None
        Jumps between these, in sigma, flag their four neighbours too.
    after : tuple of (float, int)
        Up to two pairs (electrons, groups): jumps at least so large flag so many groups after theirs too.
    n_frames : int
        Frames averaged into a group.
    clip : {None, "integrations", "all"}
        Compare no difference with its expected scatter, but clip at `four` standard deviations: each difference over
        the integrations, or all differences of a pixel together.
    spared : (integration, group) bool, or None
        Where clipping is to find no jumps, of what is a piece: groups in which it would leave out every pixel of the
        whole. None of what is whole: then they are found.
    """

    single_pass: bool
    four: float = 4.0
    three: float = 5.0
    two: float = 6.0
    spread: tuple[float, float] | None = (10.0, 1000.0)
    after: tuple[tuple[float, int], ...] = ()
    n_frames: int = 1
    clip: str | None = None
    spared: np.ndarray | None = None


def two_point_difference(data, groupdq, gain, readnoise, rules: Rules):
    """Flag jumps in `groupdq`, in place; return how many groups of each row were hit, before others were flagged too.

    Groups that are DO_NOT_USE or SATURATED take no part and never carry JUMP_DET afterwards. The median is taken over
    all integrations of a pixel.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
    groupdq : (integration, group, y, x) uint8
    gain : (y, x) float32, electron / DN
    readnoise : (y, x) float32, DN
        Noise of the difference of two frames.
    rules : Rules

    Returns
    -------
    (y,) int
    """
    scratch = group_size(data.shape[0] * (data.shape[1] - 1))
    if not kernels.available(data) or (scratch is None and not rules.clip and not rules.single_pass):
        return reference(data, groupdq, gain, readnoise, rules)
    return compiled(data, groupdq, gain, readnoise, rules)


def compiled(data, groupdq, gain, readnoise, rules: Rules):
    """Do what `two_point_difference` says with the kernels `ramp_jumps` or `ramp_many`, and `ramp_jumps_extend`."""
    xp = namespace(data, groupdq, gain, readnoise)
    n_integrations, n_groups, n_rows, n_columns = data.shape
    size, n = group_size(n_integrations * (n_groups - 1)), n_rows * n_columns
    # One bit per difference, 8 to a byte, says which jumps reach their neighbours or later groups.
    notes = (n_integrations, (n_groups + 6) // 8, n_rows, n_columns)
    spread = xp.zeros(notes, dtype=np.uint8) if rules.spread else None
    large = [xp.zeros(notes, dtype=np.uint8) for _ in rules.after] + [None, None]
    after = [*rules.after, (np.inf, 0), (np.inf, 0)]
    (signal, flags), stride = kernels.as_they_lie(data, groupdq)
    shape = (np.int32(n_integrations), np.int32(n_groups), stride)
    many = rules.clip or size is None or (rules.single_pass and n_integrations * (n_groups - 1) > MANY)
    thresholds = (rules.four,) if many else (rules.four, rules.three, rules.two)
    kernels.launch(
        "ramp_many" if many else "ramp_jumps", NO_SCRATCH if many else size, n, signal, flags,
        xp.ascontiguousarray(gain), xp.ascontiguousarray(readnoise), spread, large[0], large[1],
        *(np.float64(x) for x in (*thresholds, *(rules.spread or (0.0, 0.0)), after[0][0], after[1][0])),
        np.int32(CLIP[rules.clip] if many else rules.single_pass), np.int32(rules.n_frames), *shape,
    )  # fmt: skip
    seen = flags.array if isinstance(flags, kernels.Rows) else flags
    if rules.clip:
        _spare_whole_groups(seen, spread, rules.spared)
    found = _count(seen)
    if rules.spread or rules.after:
        kernels.launch(
            "ramp_jumps_extend", NO_SCRATCH, n_integrations * n, flags, spread, large[0], large[1],
            np.int32(after[0][1]), np.int32(after[1][1]), np.int32(n_groups), np.int32(n_columns), stride, np.int64(n),
        )  # fmt: skip
    if seen is not groupdq:
        groupdq[...] = seen
    return found


def reference(data, groupdq, gain, readnoise, rules: Rules):
    """Do what `two_point_difference` says in array code, a few rows at a time."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite data are passed over like NaN
        return _reference(data, groupdq, gain, readnoise, rules)


def _reference(data, groupdq, gain, readnoise, rules: Rules):
    xp = namespace(data, groupdq, gain, readnoise)
    n_integrations, n_groups, n_rows, n_columns = data.shape
    median = xp.empty((n_rows, n_columns), dtype=np.float64)
    sigma = xp.empty_like(median)
    rows = max(1, BLOCK_DIFFERENCES // (n_integrations * n_groups * n_columns))
    for first in range(0, n_rows, rows):
        block = np.s_[first : first + rows]
        flags = groupdq[:, :, block]
        flags[(flags & UNUSABLE) != 0] &= ~JUMP_DET
        difference = xp.diff(_electrons(data[:, :, block], flags, gain[block]), axis=1)
        noise2 = ((readnoise[block] * gain[block]) ** 2).astype(np.float64) / rules.n_frames
        median[block] = clipping.median(difference.reshape(-1, *difference.shape[2:]))
        sigma[block] = _sigma(median[block], noise2)
        if rules.clip:
            jump = _clipped(difference, rules) & ((flags[:, 1:] & UNUSABLE) == 0)
        elif rules.single_pass:
            jump = _ratio(difference, median[block], sigma[block]) > rules.four
            jump &= xp.isfinite(difference)
        else:
            jump = _clip(xp.abs(difference), noise2, rules)
        flags[:, 1:] |= jump.astype(np.uint8) * JUMP_DET
    if rules.clip:
        _spare_whole_groups(groupdq, None, rules.spared)
    found = _count(groupdq)
    for integration in range(n_integrations):
        cube, flags = data[integration], groupdq[integration]
        if rules.spread:
            _flag_neighbours(cube, flags, gain, median, sigma, rules.spread)
        if rules.after:
            _flag_after(cube, flags, gain, median, rules.after)
    return found


def _clipped(difference, rules: Rules):
    """Return which differences (integration, difference, y, x) sigma clipping leaves out."""
    xp = namespace(difference)
    together = difference if rules.clip == "integrations" else difference.reshape(-1, *difference.shape[2:])
    lower, upper = clipping.bounds(together, rules.four)
    return xp.isfinite(difference) & ((difference < lower) | (difference > upper))


def whole_groups(groupdq) -> np.ndarray:
    """Say in which groups, (integration, group), every pixel is a jump or DO_NOT_USE."""
    whole = [(plane & (JUMP_DET | DO_NOT_USE)).all() for plane in groupdq.reshape(-1, *groupdq.shape[2:])]
    some = bool(namespace(groupdq).stack(whole).any())
    return np.array([some and bool(one) for one in whole]).reshape(groupdq.shape[:2])


def _spare_whole_groups(groupdq, spread, spared) -> None:
    """Take JUMP_DET, where it is the only flag, from groups in which every pixel is a jump or unusable.

    They are no longer noted in `spread` either, the bits of the kernels, if that is given. `spared` says which groups
    they are, if it is known.
    """
    xp = namespace(groupdq)
    spared = whole_groups(groupdq) if spared is None else spared
    for integration, group in zip(*np.nonzero(spared)):
        plane = groupdq[integration, group]
        plane[...] = xp.where(plane == JUMP_DET, np.uint8(0), plane)
        if spread is not None and group > 0:
            byte, bit = divmod(int(group) - 1, 8)
            spread[integration, byte] &= ~(((plane & JUMP_DET) == 0) * np.uint8(1 << bit))


def _count(groupdq):
    """Count the groups of each row that carry JUMP_DET, a plane at a time to keep temporaries small."""
    xp = namespace(groupdq)
    planes = groupdq.reshape(-1, *groupdq.shape[2:])
    return sum(xp.count_nonzero(plane & JUMP_DET, axis=-1) for plane in planes)


def _electrons(data, groupdq, gain):
    """Return the groups in electrons, NaN where they are unusable."""
    xp = namespace(data)
    return xp.where((groupdq & UNUSABLE) != 0, np.float32(np.nan), data * gain)


def _sigma(median, noise2):
    """Return the expected scatter of a difference, NaN (never a jump) where it would be zero."""
    xp = namespace(median)
    sigma = xp.sqrt(xp.abs(median) + noise2)
    return xp.where(sigma == 0, np.nan, sigma)


def _ratio(difference, median, sigma):
    """Return |difference - median| / sigma in float64, as the decision needs it."""
    return namespace(difference).abs(difference - median) / sigma


def _typical(size):
    """Return the size that a pixel's differences should have, and how many differences are usable.

    Of four or more, the largest (with its ties) is left out and the median of the others taken; of three the median, of
    two the smaller; fewer say nothing (NaN). `size` is (difference, pixel); float64.
    """
    xp = namespace(size)
    count = xp.count_nonzero(~xp.isnan(size), axis=0)
    largest = xp.where(xp.isnan(size), np.float32(-np.inf), size).max(axis=0)
    smallest = xp.where(xp.isnan(size), np.float32(np.inf), size).min(axis=0)
    rest = xp.where((count >= 4) & (size == largest), np.float32(np.nan), size)
    typical = xp.where(count == 2, smallest.astype(np.float64), clipping.median(rest))
    return xp.where(count < 2, np.nan, typical), count


def _clip(size, noise2, rules: Rules):
    """Return which differences are jumps, given their sizes (integration, difference, y, x)."""
    xp = namespace(size)
    shape = size.shape
    size, noise2 = size.reshape(shape[0] * shape[1], -1).copy(), noise2.reshape(-1)
    jump = xp.zeros(size.shape, dtype=bool)
    left = xp.arange(size.shape[1])  # pixels that may hold another jump
    part, first = size, True
    while left.size:
        typical, count = _typical(part)
        if not first:
            typical = typical.astype(np.float32).astype(np.float64)  # so does the official package
        first = False
        sigma = _sigma(typical, noise2[left])
        ratio = xp.abs((part - typical).astype(np.float32)) / sigma
        ratio = xp.where(xp.isnan(ratio), -1.0, ratio)
        worst = ratio.max(axis=0)
        threshold = xp.where(count >= 4, rules.four, xp.where(count == 3, rules.three, rules.two))
        hit = (count >= 2) & (worst > threshold)
        new = ratio[:, hit] == worst[hit]
        left, part = left[hit], part[:, hit]
        part[new] = np.nan
        jump[:, left] |= new
    return jump.reshape(shape)


def _flag_neighbours(data, groupdq, gain, median, sigma, spread) -> None:
    """Flag the four neighbours of the jumps of one integration whose ratio lies between the two limits `spread`."""
    for group in range(1, data.shape[0]):
        difference = _electrons(data[group], groupdq[group], gain) - _electrons(
            data[group - 1], groupdq[group - 1], gain
        )
        ratio = _ratio(difference, median, sigma)
        source = (ratio > spread[0]) & (ratio < spread[1]) & ((groupdq[group] & JUMP_DET) != 0)
        reached = source.copy()
        reached[1:] |= source[:-1]
        reached[:-1] |= source[1:]
        reached[:, 1:] |= source[:, :-1]
        reached[:, :-1] |= source[:, 1:]
        reached &= (groupdq[group] & UNUSABLE) == 0
        groupdq[group] |= reached.astype(np.uint8) * JUMP_DET


def _flag_after(data, groupdq, gain, median, after) -> None:
    """Flag the groups of one integration that follow a jump of at least so many electrons, for each pair of `after`."""
    xp = namespace(data)
    until = xp.zeros(median.shape, dtype=np.int32)
    for group in range(1, data.shape[0]):
        difference = _electrons(data[group], groupdq[group], gain) - _electrons(
            data[group - 1], groupdq[group - 1], gain
        )
        source = (groupdq[group] & JUMP_DET) != 0
        for limit, n_groups in after:
            large = source & (difference - median >= limit)
            until = xp.where(large, xp.maximum(until, group + n_groups), until)
        reached = (until >= group) & ((groupdq[group] & UNUSABLE) == 0)
        groupdq[group] |= reached.astype(np.uint8) * JUMP_DET
