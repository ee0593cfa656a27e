"""Outlines of several polygons together."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.numerics.outlines import union, within
from jwgpu.numerics.polygon import area

SQUARE = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])


def total(outlines):
    return sum(area(o) for o in outlines)


@pytest.mark.parametrize("others, covered, pieces", [
    ([], 16, 1),
    ([SQUARE], 16, 1),
    ([SQUARE + 2], 28, 1),
    ([SQUARE + np.array([2, 0])], 24, 1),
    ([SQUARE + np.array([4, 0])], 32, 1),
    ([SQUARE + 9], 32, 2),
    ([SQUARE[::-1] + 2, SQUARE / 2 + 1], 28, 1),
    ([SQUARE / 4 + 1], 16, 1),
])  # fmt: skip
def test_area(others, covered, pieces):
    for turn in (np.eye(2), np.array([[0.8, -0.6], [0.6, 0.8]])):
        found = union([p @ turn.T for p in (SQUARE, *others)])
        assert len(found) == pieces
        assert total(found) == pytest.approx(covered)


def test_within_a_rectangle():
    parts = within(union([SQUARE, SQUARE + 2]), (1, 1), (5, 3))
    assert total(parts) == pytest.approx(7)  # 3 x 2 of the first, and one more of the second
    assert within(union([SQUARE]), (10, 10), (12, 12)) == []
