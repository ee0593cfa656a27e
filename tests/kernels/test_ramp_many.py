"""The kernel ramp_many against its array reference, bit for bit."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from kernels.cases_ramp_jumps import cases

from jwgpu import kernels
from jwgpu.numerics import jumps
from jwgpu.numerics.jumps import Rules

pytestmark = pytest.mark.skipif(not kernels.available(np.empty(0)), reason="jwgpu was installed without kernels")


def _same(data, groupdq, gain, readnoise, rules) -> int:
    """Compare the two ways and return the number of hits."""
    expected = groupdq.copy()
    hits = jumps.reference(data, expected, gain, readnoise, rules).tolist()
    assert jumps.compiled(data, groupdq, gain, readnoise, rules).tolist() == hits, f"{data.shape}, {rules}"
    np.testing.assert_array_equal(groupdq, expected, err_msg=f"{data.shape}, {rules}")
    return sum(hits)


def test_one_median_of_all_on_ramps_full_of_edges(monkeypatch):
    monkeypatch.setattr(jumps, "MANY", 0)
    assert sum(_same(*case) for case in cases() if case[-1].single_pass) > 1000


@pytest.mark.parametrize("clip", ["integrations", "all"])
def test_clipping_on_ramps_full_of_edges(clip):
    thresholds = itertools.cycle([0.0, 0.7, 1.5, 4.0, 1.5])
    chosen = (case for case in cases() if case[-1].single_pass)
    found = [_same(*arrays, replace(rules, clip=clip, four=next(thresholds))) for *arrays, rules in chosen]
    assert sum(found) > 1000


def _long(n_integrations, n_groups, seed=0):
    """Return ramps as long exposures have them: noise of every size, outliers of every size and number, ties, NaN."""
    rng = np.random.default_rng((seed, n_integrations, n_groups))
    shape = (n_integrations, n_groups, 3, 41)
    level = rng.choice([0.0, 3, 100, 1e4, 1e7], shape[2:])
    charge = rng.normal(level, rng.choice([0, 1, 30], shape[2:]), shape)
    charge[..., ::5] = np.rint(charge[..., ::5])
    charge[..., 1::7] += rng.exponential(30, shape)[..., 1::7]
    hit = rng.random(shape) < rng.choice([0, 3e-3, 0.05, 0.4], shape[2:])
    charge += hit * rng.choice([10, 300, 1e5, -500], shape)
    data = np.cumsum(charge, axis=1).astype(np.float32)
    odd = rng.random(shape) < 0.02
    odd[..., 20:] = False
    data[odd] = rng.choice(np.float32([np.nan, np.inf, -np.inf]), int(odd.sum()))
    groupdq = (rng.random(shape) < 0.02) * rng.choice(np.uint8([0, 1, 2, 4, 6, 36]), shape)
    groupdq[..., 30:] = 0
    return data, groupdq, np.full(shape[2:], 1.5, np.float32), np.full(shape[2:], 4, np.float32)


RULES = (Rules(True), Rules(True, spread=None, after=((300.0, 3), (1e4, 20))), Rules(True, three=3.0, n_frames=4))


@pytest.mark.parametrize("clip", ["integrations", "all", None])
@pytest.mark.parametrize("shape", [(250, 4), (33, 9), (3, 300), (7, 310)])
def test_long_exposures(clip, shape):
    assert all(_same(*_long(*shape), replace(rules, clip=clip)) > 5 for rules in RULES)


def test_the_scatter_of_steep_ramps_whose_first_integration_is_lost():
    """Without a first value to start from, sums of squares lose the scatter to rounding: they may not be believed."""
    rng = np.random.default_rng(2)
    data = np.cumsum(rng.normal(rng.uniform(1e6, 1e7, (2, 40)), 30, (60, 3, 2, 40)), axis=1)
    data[20, 1:, :, ::2] += 400
    groupdq, one = np.zeros(data.shape, np.uint8), np.ones(data.shape[2:], np.float32)
    groupdq[0, 0] = 1
    assert _same(data.astype(np.float32), groupdq, one, one, Rules(True, clip="integrations")) >= 40
    assert (groupdq[20, 1, :, ::2] & jumps.JUMP_DET).all()


def test_groups_that_are_jumps_everywhere_reach_nothing():
    """They are spared, and what was noted of them is forgotten, unless another flag keeps them jumps."""
    data = np.cumsum(np.random.default_rng(1).normal(20, 3, (40, 5, 3, 41)), axis=1).astype(np.float32)
    data[7, 2:] += 300
    groupdq, one = np.zeros(data.shape, np.uint8), np.ones(data.shape[2:], np.float32)
    groupdq[7, 2, 1, 20] = 32
    _same(data, groupdq, one, one, Rules(True, clip="integrations", spread=(5.0, 1e9), after=((10.0, 2),)))
    flagged = np.argwhere(groupdq[7, 2] & jumps.JUMP_DET)
    assert flagged.tolist() == [[0, 20], [1, 19], [1, 20], [1, 21], [2, 20]]
