"""Differences of the sky between groups of exposures, and the levels that even them out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jwgpu.numerics.sky_level import Level

_RANK = 1e-12

_TOGETHER = 4
"""Equations for each unknown that wait before they are reduced to as many as there are unknowns: all pairs of hundreds
of groups would fill the memory."""


def together(levels: Iterable[Level]) -> Level:
    """Return the mean of levels weighted with the numbers of their pixels."""
    known = [level for level in levels if level.value is not None and level.n]
    n = sum(level.n for level in known)
    return Level(sum(level.value * level.n for level in known) / n, n) if n else Level(None, 0)


def differences(levels: dict[tuple[int, int], Level], n: int) -> np.ndarray:
    """Return by how much the sky of each group is higher than the others would have it, by least squares.

    For each pair of groups with levels s_ij and s_ji where they overlap, of n_ij and n_ji pixels, an equation::

        w (d_i - d_j) = w (s_ij - s_ji)        w = (n_ij + n_ji) / 2

    Of all solutions it is the shortest, which holds for groups that hang together by their overlaps, and for sets of
    them apart from each other.

    Parameters
    ----------
    levels : mapping
        (group, other group): level of the first where the second sees it too.
    n : int
        Groups.

    Returns
    -------
    (n,) float64
        NaN of groups that no other overlaps.
    """
    reduced, equations, there = np.zeros((0, n + 1)), [], np.zeros(n, bool)
    for (i, j), here in sorted(levels.items()):
        back = levels.get((j, i), Level(None, 0))
        if i > j or here.value is None or back.value is None:
            continue
        weight = (here.n + back.n) / 2
        equation = np.zeros(n + 1)
        equation[[i, j, n]] = weight, -weight, weight * (here.value - back.value)
        equations.append(equation)
        there[[i, j]] = True
        if len(equations) == _TOGETHER * (n + 1):
            reduced, equations = np.linalg.qr(np.stack([*reduced, *equations]), mode="r"), []
    if not there.any():
        return np.full(n, np.nan)
    system = np.stack([*reduced, *equations])
    found = np.linalg.pinv(system[:, :n], rcond=_RANK) @ system[:, n]
    found[~there] = np.nan
    return found


def sets(levels: dict[tuple[int, int], Level], n: int) -> int:
    """Return into how many sets, that no overlap connects, those groups fall that overlap with others."""
    label = list(range(n))
    joined = {pair for pair, found in levels.items() if found.value is not None and pair[::-1] in levels}
    for i, j in joined:
        old, new = label[i], label[j]
        if old != new:
            label = [new if k == old else k for k in label]
    return len({label[i] for i, _ in joined})
