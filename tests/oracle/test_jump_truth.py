"""jump against the truth, beside the official step: how many jumps of each size are found, and every snowball."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from official import find_jumps

from jwgpu import pipelines, simulate
from jwgpu.data import GROUP
from jwgpu.steps import jump

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


@pytest.fixture
def truth(monkeypatch):
    """The benchmark that injects jumps."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("jump_truth")


@pytest.mark.parametrize("n_groups", [3, 4, 5, 10, 11, 30])
def test_as_many_are_found_as_by_jwst(truth, n_groups):
    found = truth.curve(truth.ours, n_groups, 400)
    np.testing.assert_array_equal(found, truth.curve(truth.official(), n_groups, 400))
    threshold = {3: 6.0, 4: 5.0}.get(n_groups, 4.0)
    false, complete = found[0], dict(zip(truth.SIZES[1:], found[1:]))
    assert false < 3e-3
    assert complete[15.0] > 0.995
    assert complete[threshold - 2] < 0.3 < 0.4 < complete[threshold + 1]
    assert all(np.diff(found[1:]) > -0.03)


@pytest.mark.parametrize("seed", [7, 8])
def test_snowballs_of_the_truth_are_those_of_jwst(seed):
    """All that the official step flags around each snowball of the truth is flagged, and little else."""
    simulation = simulate.exposure(size=(256, 256), n_groups=8, snowballs=6.0, n_stars=10, n_galaxies=2, seed=seed)
    before = pipelines.detector1(simulation.ramp).upto("dark_current")
    ramp = before.run(simulation.ramp, simulation.references).ramp
    references = simulation.references.gain, simulation.references.readnoise
    groupdq, _, hits, events = find_jumps(ramp, *references, expand_large_events=True)
    done = jump(ramp, *references, expand_large_events=True)
    notes = done.history[-1].notes
    assert (notes["groups_hit"], notes["snowballs"]) == (hits, events)
    plain = jump(ramp, *references)
    y, x = np.indices(ramp.shape[2:])
    large = 0
    for ball in simulation.truth.snowballs:
        where = ball["integration"], ball["group"], np.hypot(y - ball["y"], x - ball["x"]) < 5 * ball["radius"]
        theirs, ours, small = ((a[where] & (GROUP.JUMP_DET | GROUP.SATURATED)) != 0
                               for a in (groupdq, done.groupdq, plain.groupdq))  # fmt: skip
        large += theirs.sum() > 1.3 * small.sum()
        assert (theirs & ours).sum() > 0.995 * (theirs | ours).sum()
    assert large >= 3
    assert np.count_nonzero(groupdq != done.groupdq) < 1e-4 * groupdq.size
