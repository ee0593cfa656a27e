"""charge_migration: a pixel above the threshold takes its four neighbours with it, until the end of the ramp."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp

from jwgpu.data import GROUP
from jwgpu.steps import charge_migration

FLAG = GROUP.CHARGELOSS | GROUP.DO_NOT_USE
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


def bright(n_groups=5, first=2, value=30000.0):
    """Return a ramp of two integrations in whose second the middle pixel is bright from group `first` on."""
    data = np.full((2, n_groups, 3, 3), 10.0)
    data[1, first:, 1, 1] = value
    return data


def test_a_cross_is_flagged_from_there_on():
    done = check_pure(charge_migration, make_ramp(bright()))
    assert not done.groupdq[0].any()
    assert not done.groupdq[1, :2].any()
    np.testing.assert_array_equal(done.groupdq[1, 2:], np.broadcast_to(CROSS * FLAG, (3, 3, 3)))
    assert done.history[-1].notes == {"flagged_pixels": 5}


def test_a_signal_that_falls_again_stays_flagged():
    data = bright(first=1)
    data[1, 2:, 1, 1] = 0
    assert (charge_migration(make_ramp(data)).groupdq[1, 1:, 1, 1] == FLAG).all()


def test_the_threshold_itself_is_not_above():
    ramp = make_ramp(bright(value=25000.0))
    assert not charge_migration(ramp).groupdq.any()
    assert charge_migration(ramp, signal_threshold=24999.0).groupdq.any()


@pytest.mark.parametrize(("flag", "starts"), [(1, False), (2, True), (3, True), (4, True)])
def test_a_group_flagged_do_not_use_alone_starts_nothing(flag, starts):
    groupdq = np.zeros((2, 5, 3, 3), np.uint8)
    groupdq[1, 2:, 1, 1] = flag
    done = charge_migration(make_ramp(bright(), groupdq=groupdq))
    assert ((done.groupdq & GROUP.CHARGELOSS) != 0).any() == starts


def test_no_number_is_not_above():
    assert not charge_migration(make_ramp(np.full((1, 4, 3, 3), np.nan))).groupdq.any()


@pytest.mark.parametrize("n_groups", [1, 2])
def test_short_ramps_skip(n_groups):
    done = charge_migration(make_ramp(bright(n_groups, 0)))
    assert (done.history[-1].status, done.groupdq.any()) == ("SKIPPED", False)


def test_a_single_pixel_has_no_neighbours():
    assert (charge_migration(make_ramp(np.full((1, 3, 1, 1), 3e4))).groupdq == FLAG).all()
