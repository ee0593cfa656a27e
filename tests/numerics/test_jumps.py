"""numerics.jumps: the array reference, on every array library, and when it is the one that runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from kernels.cases_ramp_jumps import cases

from jwgpu import kernels
from jwgpu.numerics import jumps


def test_reference_gives_the_same_on_every_library(device):
    for data, groupdq, gain, readnoise, rules in itertools.islice(cases(), 0, None, 7):
        expected = groupdq.copy()
        hits = jumps.reference(data, expected, gain, readnoise, rules)
        flags = device.array(groupdq).copy()
        arrays = [device.array(a) for a in (gain, readnoise)]
        np.testing.assert_array_equal(device.host(jumps.reference(device.array(data), flags, *arrays, rules)), hits)
        np.testing.assert_array_equal(device.host(flags), expected)


def test_reference_gives_the_same_whatever_the_block_of_rows(monkeypatch):
    for data, groupdq, gain, readnoise, rules in itertools.islice(cases(), 0, None, 5):
        whole = groupdq.copy()
        hits = jumps.reference(data, whole, gain, readnoise, rules)
        monkeypatch.setattr(jumps, "BLOCK_DIFFERENCES", 3 * data[:, :, 0].size)
        np.testing.assert_array_equal(jumps.reference(data, groupdq, gain, readnoise, rules), hits)
        monkeypatch.undo()
        np.testing.assert_array_equal(groupdq, whole)


@pytest.mark.parametrize("n_groups", [6, 1100], ids=["without a kernel", "more groups than a kernel holds"])
def test_reference_serves_where_no_kernel_can(n_groups, monkeypatch):
    if n_groups == 6:
        monkeypatch.setattr(kernels, "available", lambda array: False)
    monkeypatch.setattr(jumps, "compiled", None)
    data, groupdq = np.zeros((1, n_groups, 2, 2), np.float32), np.zeros((1, n_groups, 2, 2), np.uint8)
    data[0, 3:, 0, 0] = 100
    one = np.ones((2, 2), np.float32)
    hits = jumps.two_point_difference(data, groupdq, one, one, jumps.Rules(single_pass=False))
    np.testing.assert_array_equal(hits, [1, 0])
    np.testing.assert_array_equal(np.argwhere(groupdq), [[0, 3, 0, 0], [0, 3, 0, 1], [0, 3, 1, 0]])
