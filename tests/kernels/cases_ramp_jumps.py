"""Ramps on the edges of jump detection, for everything that runs `numerics.jumps`."""

from __future__ import annotations

import numpy as np

from jwgpu.numerics.jumps import Rules

SHAPES = [(1, 2), (1, 3), (2, 3), (1, 4), (1, 5), (3, 5), (1, 10), (1, 11), (1, 18), (2, 17), (1, 66)]


def cases():
    """Yield the arguments of `two_point_difference`: data, groupdq, gain, readnoise, rules."""
    for seed, (n_integrations, n_groups) in enumerate(SHAPES):
        for single_pass in (False, True):
            ramps = _ramps(np.random.default_rng(seed), n_integrations, n_groups)
            for rules in _rules(single_pass):
                yield *(a.copy() for a in ramps), rules


def _rules(single_pass):
    yield Rules(single_pass, n_frames=1)
    yield Rules(single_pass, spread=None, four=0.0, three=0.0, two=0.0, n_frames=8)
    yield Rules(single_pass, spread=(0.5, 3.0), n_frames=2)
    yield Rules(single_pass, spread=(4.0, 30.0), after=((20.0, 1), (60.0, 4)), n_frames=1)
    yield Rules(single_pass, spread=(0.0, 5.0), after=((50.0, 3), (0.0, 0)), n_frames=4)
    yield Rules(single_pass, spread=None, after=((30.0, 2),), n_frames=1)


def _ramps(rng, n_integrations, n_groups):
    """Return ramps whose rows sweep one edge each, along x."""
    n_columns = max(n_groups + 2, 14)
    shape = (n_integrations, n_groups, 20, n_columns)
    data = np.cumsum(rng.integers(-3, 4, shape), axis=1).astype(np.float32)
    groupdq = np.zeros(shape, np.uint8)
    gain, readnoise = np.ones(shape[2:], np.float32), np.ones(shape[2:], np.float32)
    middle = n_groups // 2
    data[0, middle:, :4] += 1000
    for x in range(n_groups + 1):  # x usable groups; one group, then all before it, lost
        groupdq[:, x:, 0, x] = 2
        groupdq[0, x : x + 1, 1, x] = 1
        data[0, x : x + 1, 2, x] = np.nan
        groupdq[-1, :x, 3, x] = 1
        data[-1, x:, 4, x] += 70  # a hit in each group, up and down, and in every second one
        data[0, x:, 5, x] -= 70
        data[0, x:, 6, x] += 40 * np.arange(n_groups - x)
    data[:, :, 7:11] = 0  # sigma is 1 electron; hits exactly at, and one step above, each threshold
    for y, step in enumerate((0, 1, -1)):
        sizes = np.array([1, 2, 3, 4, 5, 6, 7, 10, 30, 1000, 20, 50], np.float32)
        sizes = np.nextafter(sizes, np.float32(step * np.inf)) if step else sizes
        data[0, middle:, 7 + y, : sizes.size] = sizes
        groupdq[0, 3:, 7 + y, 1 : sizes.size : 3] = 2
        groupdq[0, 4:, 7 + y, 2 : sizes.size : 3] = 2
    data[0, 1:, 10] += 9  # equal hits
    data[0, middle:, 10] += 9
    groupdq[..., 11, ::2] = 4  # hits found before, also where the group is lost
    groupdq[..., 11, 1::4] = 4 | 2
    data[0, middle:, 11, ::3] += 25
    gain[12, :4], readnoise[12, 4:8] = (np.nan, 0, -2, 3), (np.nan, 0, 100, 1e-3)
    data[:, :, 12] *= 10
    data[0, middle, 13, ::2], data[-1, -1, 13, 1::2] = np.inf, -np.inf
    data[:, :, 14] = np.cumsum(np.full(n_groups, 16777.3), dtype=np.float32)[:, None]  # float32 rounding shows
    data[:, :, 15:] += np.cumsum(rng.poisson(100, shape), axis=1)[:, :, 15:]
    data[:, :, 15:] += np.cumsum(rng.exponential(300, shape) * (rng.random(shape) < 0.2), axis=1)[:, :, 15:]
    groupdq[:, :, 17:] |= (rng.random(shape) < 0.15).astype(np.uint8)[:, :, 17:] * np.uint8(rng.choice([1, 2]))
    if n_groups >= 7:  # sizes (a, a, a + 2, a + 2, d) once the largest is out: their median is no float32
        a, d = 2**24, 2**24 + 16386
        groupdq[:, :, 16, 0], groupdq[0, :7, 16, 0] = 2, 0
        data[0, :7, 16, 0], readnoise[16, 0] = (0, a, 0, a + 2, 0, d, d + 2**26), 55.43
    if n_groups == 10:  # sizes (a, ..., a + 2, ..., d): d - (a + 1) is below 4 sigma, and above it as a float32
        a, d = 2**24, 33577224
        data[0, :, 16, 11], readnoise[16, 11] = (0, a, 0, a, 0, a + 2, 0, a + 2, 0, d), 4.2e6
    edge = np.linspace(1.1, 1.9, 9, dtype=np.float32)  # hits of 4 sigma, but for the rounding of the noise's square
    data[:, :, 16, 1:10], readnoise[16, 1:10], groupdq[:, :, 16, 1:10] = 0, edge, 0
    data[0, middle:, 16, 1:10] = 4 * edge
    return data, groupdq, gain, readnoise
