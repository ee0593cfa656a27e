"""The kernels ramp_jumps and ramp_jumps_extend against their array reference, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from kernels.cases_ramp_jumps import cases

from jwgpu import kernels
from jwgpu.numerics import jumps

built = pytest.mark.skipif(not kernels.available(np.empty(0)), reason="jwgpu was installed without compiled kernels")


@built
def test_kernel_gives_the_flags_of_the_reference():
    flagged = 0
    for number, (data, groupdq, gain, readnoise, rules) in enumerate(cases()):
        expected = groupdq.copy()
        hits = jumps.reference(data, expected, gain, readnoise, rules)
        found = jumps.compiled(data, groupdq, gain, readnoise, rules)
        np.testing.assert_array_equal(found, hits, err_msg=f"case {number}: {data.shape}, {rules}")
        np.testing.assert_array_equal(groupdq, expected, err_msg=f"case {number}: {data.shape}, {rules}")
        flagged += hits.sum()
    assert flagged > 1000


@built
def test_kernel_leaves_other_flags_alone():
    for data, groupdq, gain, readnoise, rules in cases():
        groupdq |= np.uint8(32 | 64 | 128)
        before = groupdq & ~jumps.JUMP_DET
        jumps.compiled(data, groupdq, gain, readnoise, rules)
        np.testing.assert_array_equal(groupdq & ~jumps.JUMP_DET, before)


@built
def test_neighbours_stop_at_the_edges_of_the_image():
    for y, x in [(0, 0), (0, 4), (3, 0), (3, 4), (1, 2)]:
        data, groupdq = np.zeros((2, 6, 4, 5), np.float32), np.zeros((2, 6, 4, 5), np.uint8)
        data[1, 3:, y, x] = 50
        one = np.ones((4, 5), np.float32)
        assert jumps.compiled(data, groupdq, one, one, jumps.Rules(single_pass=False)).sum() == 1
        rows, columns = np.indices((4, 5))
        np.testing.assert_array_equal(groupdq[1, 3] != 0, abs(rows - y) + abs(columns - x) <= 1)
        assert np.count_nonzero(groupdq) == np.count_nonzero(groupdq[1, 3])
