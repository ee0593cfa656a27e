"""The kernels drizzle and pixmap against their array references."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_drizzle import Case, affine, cases

from jwgpu import kernels
from jwgpu.numerics import between, drizzle
from jwgpu.numerics.drizzle import Canvas, Drop

built = pytest.mark.skipif(not kernels.available(np.empty(0)), reason="jwgpu was installed without compiled kernels")


def poured(case: Case, **changes) -> Canvas:
    """Drizzle a case twice, as exposures 3 and 33."""
    made = {"origin": case.origin, "shape": case.shape, "variances": True, "planes": 2, "flags": True} | changes
    canvas = Canvas(np, made.pop("origin"), made.pop("shape"), **made)
    for index, time in ((3, 0.0), (31, 2.5), (33, 0.0)):
        canvas.add(case.drop, case.x, case.y, case.data, case.weight, variances=case.variances, dq=case.dq,
                   index=index, exposure_weight=time)  # fmt: skip
    return canvas


@built
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_kernel_gives_what_the_reference_gives(case, monkeypatch):
    found = poured(case)
    monkeypatch.setattr(kernels, "available", lambda array: False)
    expected = poured(case)
    exact = case.drop.kernel != "gaussian"  # whose exponential is another function there
    for name in ("total", "spread", "context", "flags"):
        one, other = getattr(found, name), getattr(expected, name)
        if exact or name == "context":
            np.testing.assert_array_equal(one, other, err_msg=name)
        elif name != "flags":
            np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=name)
    if "nowhere near" not in case.name and case.weight.any():
        assert found.total.any()
        assert set(np.unique(found.context[0])) <= {0, 8, 8 - 2**31}
        np.testing.assert_array_equal(found.context[1] == 2, found.context[0] != 0)


@built
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_bits_depend_on_no_tile_and_no_window(case, monkeypatch):
    whole = poured(case)
    for tiling in ((16, 1), (8, 8), (5, 5)):
        monkeypatch.setattr(drizzle, "tiling", lambda array, tiling=tiling: tiling)
        np.testing.assert_array_equal(poured(case).spread, whole.spread)
    (oy, ox), (ny, nx) = case.origin, case.shape
    cut = ny // 3, nx // 2
    for y in (slice(0, cut[0]), slice(cut[0], ny)):
        for x in (slice(0, cut[1]), slice(cut[1], nx)):
            part = poured(case, origin=(oy + y.start, ox + x.start), shape=(y.stop - y.start, x.stop - x.start))
            np.testing.assert_array_equal(part.total, whole.total[y, x])
            np.testing.assert_array_equal(part.context, whole.context[:, y, x])


@built
def test_windows_hold_every_pixel_that_falls_into_a_tile():
    for case in cases():
        windows, bound = drizzle.tile_windows(case.drop, case.x, case.y, case.origin, case.shape, 8)
        across = -(-case.shape[1] // 8)
        with np.errstate(all="ignore"):
            parts = list(drizzle.drops.falling(np, case.drop, case.x, case.y, case.origin, case.shape))
        for part, column, row, counts in parts:
            i, j = np.nonzero(counts & (part != 0))
            tile = ((row[i, j] - case.origin[0]) // 8 * across + (column[i, j] - case.origin[1]) // 8).astype(int)
            first, last, low, high = windows[tile].T
            assert ((first <= j) & (j < last) & (low <= i) & (i < high)).all(), case.name
            away = np.maximum(abs(case.x[1:-1, 1:-1] - column), abs(case.y[1:-1, 1:-1] - row))[i, j]
            assert (away <= bound + 0.5).all(), case.name


@built
@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("step", [1.5, 4.0, 32.0])
def test_values_between_nodes_are_those_of_the_reference(order, step, monkeypatch):
    rows, columns = between.Nodes.around(-1, 40, step), between.Nodes.around(-1, 71, step)
    values = np.random.default_rng(0).normal(0, 1, (2, rows.n, columns.n))
    at = np.arange(3.0, 30), np.arange(-1.0, 72)
    found = between.interpolated(np, values, rows, columns, *at, order)
    monkeypatch.setattr(kernels, "available", lambda array: False)
    np.testing.assert_array_equal(between.interpolated(np, values, rows, columns, *at, order), found)


def test_a_map_of_another_shape_is_refused():
    x, y = affine((5, 6))
    with pytest.raises(ValueError, match=r"a map of shape \(7, 8\)"):
        Canvas(np, (0, 0), (4, 4)).add(Drop(), x, y, np.ones((5, 5), "f4"), np.ones((5, 5), "f4"))
