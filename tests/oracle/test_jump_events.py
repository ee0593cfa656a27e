"""Snowballs, showers and clipping over integrations against stcal's, on random events of every size and shape."""

from __future__ import annotations

import numpy as np
import pytest
from official import find_jumps
from ramps import make_ramp, make_reference

from jwgpu.steps import jump

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SHAPE, GROUP_TIME = (140, 150), 10.0
RIM = 5e-3
"""Of the flagged pixels of small circles, those that may lie exactly on the rim."""


def _exposure(rng, shape, n_hits=60, n_snowballs=6, faint=0, level=100):
    """Return a ramp with hits that are short tracks, round events with saturated cores, faint disks, and bad flags."""
    n_integrations, n_groups, n_rows, n_columns = shape
    charge = rng.poisson(level, shape) + rng.normal(0, 7, shape)
    y, x = np.mgrid[:n_rows, :n_columns]
    core = np.zeros(shape, bool)
    for k in range(n_hits + n_snowballs + faint):
        i, g = rng.integers(n_integrations), rng.integers(1, n_groups)
        dy, dx, turn = y - rng.uniform(0, n_rows), x - rng.uniform(0, n_columns), rng.uniform(0, np.pi)
        along, across = dy * np.cos(turn) + dx * np.sin(turn), dy * np.sin(turn) - dx * np.cos(turn)
        if k < n_hits:
            charge[i, g] += 2000 * ((abs(along) < rng.uniform(0, 8)) & (abs(across) < rng.uniform(0.3, 1.5)))
            continue
        radius = rng.uniform(5, 16)
        distance = np.hypot(along, across * rng.uniform(1, 1.6)) / radius
        charge[i, g] += (15 if k >= n_hits + n_snowballs else 3000) * (distance < 1)
        if k < n_hits + n_snowballs:
            core[i, min(g + rng.integers(2), n_groups - 1)] |= distance < rng.uniform(0, 0.6)
    flags = 2 * np.logical_or.accumulate(core, axis=1)
    flags[:, :, 5, 7:30] |= 1
    pixeldq = np.where(rng.random((n_rows, n_columns)) < 0.01, 1, 0).astype(np.uint32)
    pixeldq[:, :4] = 1 << 31
    ramp = make_ramp(np.cumsum(charge, axis=1), groupdq=flags, pixeldq=pixeldq, nframes=1, group_time=GROUP_TIME)
    return ramp, make_reference("gain", data=rng.uniform(1.5, 1.7, (n_rows, n_columns)))


def _compare(ramp, gain, most_different: float, **parameters) -> int:
    """Compare flags and counts with the official ones and return how many events there are."""
    readnoise = make_reference("readnoise", data=np.full(gain.data.shape, 7.0))
    expected, _, hits, events = find_jumps(ramp, gain, readnoise, **parameters)
    done = jump(ramp, gain, readnoise, **parameters)
    notes = done.history[-1].notes
    assert notes["groups_hit"] == hits
    assert notes.get("snowballs", 0) * ("showers" not in notes) + notes.get("showers", 0) == events
    flagged = np.count_nonzero((expected != ramp.groupdq) | (done.groupdq != ramp.groupdq))
    assert flagged > 50
    assert np.count_nonzero(done.groupdq != expected) <= most_different * flagged
    return events


SNOWBALLS = [
    {}, {"sat_required_snowball": False, "min_jump_area": 2.0}, {"edge_size": 0, "expand_factor": 3.3},
    {"max_extended_radius": 12, "sat_expand": 7, "edge_size": 40}, {"min_sat_area": 30.0, "min_jump_area": 60.0},
    {"mask_snowball_core_next_int": False}, {"snowball_time_masked_next_int": 35, "min_sat_radius_extend": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("parameters", SNOWBALLS, ids=lambda p: " ".join(p) or "defaults")
def test_snowballs_are_those_of_jwst(parameters):
    """All the same but for pixels exactly on the rim of a circle: there rounding decides what jwst flags."""
    events = 0
    for seed in range(3):
        ramp, gain = _exposure(np.random.default_rng(seed), (2, 7, *SHAPE))
        events += _compare(ramp, gain, RIM, expand_large_events=True, **parameters)
    assert events > 3


SHOWERS = [
    {}, {"extend_min_area": 30, "extend_snr_threshold": 1.5}, {"time_masked_after_shower": 45.0},
    {"extend_inner_radius": 2.0, "extend_outer_radius": 1.5, "extend_ellipse_expand_ratio": 1.5},
    {"max_shower_amplitude": 0.3}, {"max_extended_radius": 6}, {"expand_large_events": True},
]  # fmt: skip


@pytest.mark.parametrize("parameters", SHOWERS, ids=lambda p: " ".join(p) or "defaults")
def test_showers_are_those_of_jwst(parameters):
    for seed in range(2):
        ramp, gain = _exposure(np.random.default_rng(seed), (2, 12, *SHAPE), 20, 2, faint=8, level=30)
        assert _compare(ramp, gain, RIM, find_showers=True, **parameters)


def test_showers_of_many_integrations_are_those_of_jwst():
    ramp, gain = _exposure(np.random.default_rng(3), (20, 4, *SHAPE), 10, 2, faint=8, level=30)
    parameters = {"minimum_sigclip_groups": 20, "rejection_threshold": 4.0, "extend_snr_threshold": 1.1}
    assert _compare(ramp, gain, RIM, find_showers=True, **parameters)


@pytest.mark.parametrize("only_use_ints", [True, False])
@pytest.mark.parametrize("shape", [(12, 5), (30, 3), (101, 4)])
def test_clipping_is_that_of_jwst(shape, only_use_ints):
    ramp, gain = _exposure(np.random.default_rng(0), (*shape, 30, 32), 100, 1)
    minimum = shape[0] if only_use_ints else 30
    for threshold in (2.0, 3.0):
        _compare(ramp, gain, 0, minimum_sigclip_groups=minimum, only_use_ints=only_use_ints,
                 rejection_threshold=threshold)  # fmt: skip
