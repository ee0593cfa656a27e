"""The chi square that ramp_fit leaves beside its result."""

from __future__ import annotations

import edges
import numpy as np
import pytest
from ramps import left_by_fit, make_ramp

from jwgpu.data import GROUP

ALGORITHMS = ["OLS_C", "LIKELY"]


def maps(ramp, gain=None, readnoise=None, **parameters):
    """Return chi square and its degrees of freedom."""
    left = left_by_fit(ramp, gain, readnoise, save_chisq=True, **parameters)
    return left["chisq"], left["chisq_dof"]


def noisy(flux, n=20_000, n_groups=10, n_frames=1, seed=3):
    """Return ramps of `flux` electron / s read every 10 s, frames averaged into groups."""
    random = np.random.default_rng(seed)
    frames = random.poisson(flux * 10.0 / n_frames, (2, n_groups * n_frames, 1, n)).cumsum(axis=1) / 2.0
    frames += random.normal(0, 12 / np.sqrt(2), frames.shape)
    data = frames.reshape(2, n_groups, n_frames, 1, n).mean(axis=2)
    return make_ramp(data, group_time=10.0, frame_time=10.0 / n_frames, nframes=n_frames)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("flux", "n_frames"), [(0, 1), (2, 1), (40, 1), (1000, 1), (40, 4), (1000, 4)])
def test_good_ramps_have_one_per_degree_of_freedom(flux, n_frames, algorithm):
    chisq, freedom = maps(noisy(flux, n_frames=n_frames), algorithm=algorithm)
    assert chisq.data.shape == freedom.data.shape == (2, 1, 20_000)
    assert (freedom.data == 8).mean() > 0.99
    assert 0.97 < chisq.data.sum(dtype=float) / freedom.data.sum(dtype=float) < 1.05
    assert 0.9 < chisq.data[freedom.data == 8].std() / 4 < 1.15


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bend_shows(algorithm):
    """A ramp whose second half is steeper fits no line."""
    ramp = noisy(40)
    bend = np.maximum(np.arange(10) - 5, 0)[:, None, None] * np.float32(40)
    chisq, freedom = maps(ramp.replace(data=ramp.data + bend), algorithm=algorithm)
    assert np.median(chisq.data / np.maximum(freedom.data, 1)) > 2


def test_each_segment_stands_alone():
    """A jump costs the difference it is in, and what is flagged those on both sides; the height does not matter."""
    ramp = noisy(40, n=2000)
    groupdq = ramp.groupdq.copy()
    groupdq[:, 4] = GROUP.JUMP_DET
    groupdq[1, 7] = GROUP.DO_NOT_USE
    high = ramp.replace(data=ramp.data + (np.arange(10) >= 4)[:, None, None] * np.float32(5e3), groupdq=groupdq)
    chisq, freedom = maps(high)
    assert (freedom.data[0] == 7).all()
    assert (freedom.data[1] == 5).all()
    assert 0.9 < chisq.data.mean() / freedom.data.mean() < 1.1


def test_nothing_to_say():
    for ramp in (make_ramp([700.0], group_time=10.0, frame_time=10.0), edges.ramp(5, 2)):
        groupdq = ramp.groupdq | GROUP.DO_NOT_USE
        chisq, freedom = maps(ramp.replace(groupdq=groupdq))
        assert np.isnan(chisq.data).all()
        assert not freedom.data.any()


def test_same_bits_in_every_library(device):
    ramp, references = edges.ramp(5, 2), edges.references()
    for algorithm in ALGORITHMS:
        expected = maps(ramp, **references, algorithm=algorithm)
        moved = {name: device.put(reference) for name, reference in references.items()}
        for found, wanted in zip(maps(device.put(ramp), **moved, algorithm=algorithm), expected):
            np.testing.assert_array_equal(device.host(found.data), wanted.data)
