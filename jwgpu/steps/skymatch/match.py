"""Differences of the sky between groups of exposures, and the levels that even them out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from jwgpu.numerics.sky_level import Level

_RANK = 1e-12


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
    rows, right = [], []
    for i in range(n):
        for j in range(i + 1, n):
            here, there = levels.get((i, j), Level(None, 0)), levels.get((j, i), Level(None, 0))
            if here.value is None or there.value is None:
                continue
            weight = (here.n + there.n) / 2
            row = np.zeros(n)
            row[i], row[j] = weight, -weight
            rows.append(row)
            right.append(weight * (here.value - there.value))
    if not rows:
        return np.full(n, np.nan)
    rows = np.array(rows)
    found = np.linalg.pinv(rows, rcond=_RANK) @ np.array(right)
    found[~rows.any(axis=0)] = np.nan
    return found


def sets(levels: dict[tuple[int, int], Level], n: int) -> int:
    """Return into how many sets, that no overlap connects, those groups fall that overlap with others."""
    label = list(range(n))
    joined = {pair for pair, found in levels.items() if found.value is not None and pair[::-1] in levels}
    for i, j in joined:
        old, new = label[i], label[j]
        label = [new if k == old else k for k in label]
    return len({label[i] for i, _ in joined})
