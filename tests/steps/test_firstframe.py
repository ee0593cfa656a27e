"""firstframe: which first groups are left out."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp

from jwgpu.data import GROUP, PIXEL
from jwgpu.steps import firstframe


def ramp(n_groups=5, detector="MIRIMAGE"):
    """Two integrations; pixel (0, 1) saturates from the third group of the second, (2, 2) from the fourth."""
    groupdq = np.zeros((2, n_groups, 3, 3), np.uint8)
    groupdq[1, 2:, 0, 1] = GROUP.SATURATED
    groupdq[:, 3:, 2, 2] = GROUP.SATURATED
    made = make_ramp(np.ones((2, n_groups, 3, 3)), groupdq=groupdq)
    return made.replace(meta=made.meta.set({"instrument.detector": detector}))


def test_the_first_group_is_flagged_but_where_the_third_is_saturated():
    before = ramp()
    done = check_pure(firstframe, before)
    flagged = (done.groupdq & GROUP.DO_NOT_USE) != 0
    expected = np.zeros(flagged.shape, bool)
    expected[:, 0] = True
    expected[1, 0, 0, 1] = False
    np.testing.assert_array_equal(flagged, expected)
    np.testing.assert_array_equal(done.groupdq & ~GROUP.DO_NOT_USE, before.groupdq)
    assert done.pixeldq[0, 1] == PIXEL.FLUX_ESTIMATED
    assert np.count_nonzero(done.pixeldq) == done.history[-1].notes["pixels_kept"] == 1


def test_all_first_groups_are_flagged_where_bright_pixels_get_no_grace():
    done = check_pure(firstframe, ramp(), bright_use_group1=False)
    assert (done.groupdq[:, 0] == GROUP.DO_NOT_USE).all()
    assert not done.pixeldq.any()


@pytest.mark.parametrize("n_groups, detector, reason", [(3, "MIRIMAGE", "3 groups"), (5, "NRCB1", "detectors of MIRI")])
def test_it_skips(n_groups, detector, reason):
    record = firstframe(ramp(n_groups, detector)).history[-1]
    assert record.status == "SKIPPED"
    assert reason in record.reason
