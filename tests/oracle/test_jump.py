"""jump against that of jwst 3.0.0 on ramps full of edge cases: flags, counts, names and defaults are the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from official import find_jumps
from ramps import make_ramp, make_reference

from jwgpu.numerics import jumps
from jwgpu.steps import jump

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SHAPES = [(1, 3), (2, 3), (1, 4), (2, 5), (1, 5), (3, 6), (1, 10), (2, 11), (1, 15), (3, 20)]
SIZE = 24


def _ramps(rng, n_integrations, n_groups):
    """Return data, groupdq, gain and readnoise: every steepness, hits, ties, lost groups, NaN, odd references."""
    shape = (n_integrations, n_groups, SIZE, SIZE)
    charge = rng.poisson(np.broadcast_to(10 ** rng.uniform(-1, 4, shape[2:]), shape)).astype(float)
    hits = rng.random(shape) < rng.choice([0, 0.02, 0.2])
    charge += hits * 10 ** rng.uniform(0, 5, shape) * rng.choice([1, 1, 1, -1], shape)
    data = np.cumsum(charge, axis=1) + rng.normal(0, 8, shape)
    data[:, :, : SIZE // 3] = np.round(data[:, :, : SIZE // 3], -2)
    gain, readnoise = rng.uniform(1, 3, shape[2:]), rng.uniform(3, 12, shape[2:])
    gain[:, :3], readnoise[:, :3] = 1, 5
    for array, odd in ((data, (np.nan, np.inf, np.nan)), (gain, (np.nan, 0, -1.5)), (readnoise, (np.nan, 0, 0))):
        for value in odd:
            array[rng.random(array.shape) < 0.01] = value
    groupdq = np.where(rng.random(shape) < rng.choice([0, 0.05]), 1, 0)
    groupdq[:, 0] |= rng.integers(2)
    groupdq[0, -1] |= rng.integers(2)
    full = np.where(rng.random((n_integrations, SIZE, SIZE)) < 0.4, rng.integers(0, n_groups, SIZE), n_groups)
    groupdq[np.arange(n_groups)[:, None, None] >= full[:, None]] |= 2
    return data, groupdq, gain, readnoise


def _parameters(rng):
    """Return official parameters of the step; half the time those that few exposures use."""
    chosen = {
        "rejection_threshold": [4.0, 3.0], "three_group_rejection_threshold": [6.0, 3.0],
        "four_group_rejection_threshold": [5.0, 3.0], "flag_4_neighbors": [True, False],
        "max_jump_to_flag_neighbors": [1000.0, 30.0], "min_jump_to_flag_neighbors": [10.0, 5.0],
        "after_jump_flag_dn1": [0.0, 10.0], "after_jump_flag_time1": [0.0, 25.0],
        "after_jump_flag_dn2": [0.0, 1000.0], "after_jump_flag_time2": [0.0, 300.0],
        "min_diffs_single_pass": [10, 2],
    }  # fmt: skip
    return {name: values[rng.integers(2)] for name, values in chosen.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("way", ["compiled", "reference"])
def test_flags_are_those_of_jwst(shape, way, monkeypatch):
    if way == "reference":
        monkeypatch.setattr(jumps, "compiled", jumps.reference)
    flagged = 0
    for seed in range(6):
        rng = np.random.default_rng([seed, *shape])
        data, groupdq, gain, readnoise = _ramps(rng, *shape)
        ramp = make_ramp(data, groupdq=groupdq, nframes=int(rng.choice([1, 8])), group_time=10.0)
        references = make_reference("gain", data=gain), make_reference("readnoise", data=readnoise)
        parameters = _parameters(rng)
        expected, pixeldq, hits, _ = find_jumps(ramp, *references, **parameters)
        done = jump(ramp, *references, **parameters)
        if hits == -99:
            assert done.history[-1].status == "SKIPPED"
            continue
        assert done.history[-1].notes["groups_hit"] == hits
        np.testing.assert_array_equal(done.groupdq, expected)
        np.testing.assert_array_equal(done.pixeldq, pixeldq)
        flagged += hits
    assert flagged > 100


def test_names_and_defaults_are_those_of_jwst():
    from jwst.jump import JumpStep

    official = JumpStep()
    ours = {"snowball_method", *(field.name for field in dataclasses.fields(jump.groups["morphology"]))}
    for name, parameter in jump.parameters.items():
        assert name in ours or parameter.default == getattr(official, name), name
