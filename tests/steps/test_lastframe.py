"""lastframe: the last group is left out."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp

from jwgpu.data import GROUP
from jwgpu.steps import lastframe


def ramp(n_groups, detector="MIRIFULONG"):
    made = make_ramp(np.ones((2, n_groups, 3, 3)), groupdq=np.full((2, n_groups, 3, 3), GROUP.JUMP_DET))
    return made.replace(meta=made.meta.set({"instrument.detector": detector}))


@pytest.mark.parametrize("n_groups", [3, 6])
def test_the_last_group_of_every_integration_is_flagged(n_groups):
    done = check_pure(lastframe, ramp(n_groups))
    assert (done.groupdq[:, -1] == GROUP.JUMP_DET | GROUP.DO_NOT_USE).all()
    assert (done.groupdq[:, :-1] == GROUP.JUMP_DET).all()


@pytest.mark.parametrize("n_groups, detector, reason", [(2, "MIRIMAGE", "2 groups"), (6, "NRS1", "detectors of MIRI")])
def test_it_skips(n_groups, detector, reason):
    record = lastframe(ramp(n_groups, detector)).history[-1]
    assert record.status == "SKIPPED"
    assert reason in record.reason
