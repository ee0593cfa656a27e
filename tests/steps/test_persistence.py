"""persistence: windows open with saturation and brightness, close with time, and go on to the next exposure."""

from __future__ import annotations

import numpy as np
import pytest
from every.compare import differences
from ramps import check_pure, make_ramp

from jwgpu.data import GROUP
from jwgpu.errors import InputError
from jwgpu.step import ParameterError
from jwgpu.steps import persistence

START = 60000.0
EPOCH_SECONDS = (START - 40587.0) * 86400.0


def make(n_integrations=3, n_groups=4, start=START, **more):
    """Return a ramp with a group every 10 s and an integration every 50 s."""
    data = np.full((n_integrations, n_groups, 3, 3), 10.0)
    return make_ramp(data, start_time=start, group_time=10.0, integration_time=50.0, **more)


def flagged(ramp, y=1, x=1):
    """Return which groups of a pixel are flagged, (integration, group)."""
    return (ramp.groupdq[:, :, y, x] & GROUP.PERSISTENCE) != 0


def saturated(first, pixel=(1, 1), **more):
    """Return a ramp in whose first integration a pixel saturates in group `first`."""
    groupdq = np.zeros((3, 4, 3, 3), np.uint8)
    groupdq[0, first:, *pixel] = GROUP.SATURATED
    return make(groupdq=groupdq, **more)


def test_saturation_opens_a_window():
    """From 30 s on: open until 75 s, so through the first group of the next integration, at 60 s, and that at 70 s."""
    done = check_pure(persistence, saturated(2), persistence_time=45)
    expected = np.zeros((3, 4), bool)
    expected[0, 2:] = expected[1, :2] = True
    np.testing.assert_array_equal(flagged(done), expected)
    assert not flagged(done, 0, 0).any()
    assert done.history[-1].notes == {"flagged_groups": 4}
    assert len(done.tables["PERSISTENCE"]) == 0


def test_brightness_opens_a_window_where_none_is_open():
    data = np.full((1, 6, 3, 3), 10.0)
    data[0, 1:3, 1, 1] = 500
    ramp = make_ramp(data, start_time=START, group_time=10.0, integration_time=70.0)
    assert not flagged(persistence(ramp, persistence_time=15)).any()
    done = persistence(ramp, persistence_time=15, dn_threshold=400.0)
    # Opened at 20 s, the window holds until 35 s, whatever is bright at 30 s.
    np.testing.assert_array_equal(flagged(done)[0], [False, True, True, False, False, False])


def test_windows_go_on_to_the_next_exposure():
    first = persistence(saturated(0), persistence_time=400)
    windows = first.tables["PERSISTENCE"]
    assert windows[["row", "column"]].tolist() == [(1, 1)]
    np.testing.assert_allclose(windows["end"], EPOCH_SECONDS + 410)
    later = make(start=START + 300 / 86400).replace(tables={"PERSISTENCE": windows})
    done = persistence(later, persistence_time=400)
    # The groups of the third integration are read 410 to 440 s after the start of the first exposure.
    np.testing.assert_array_equal(flagged(done).sum(axis=1), [4, 4, 1])
    assert not (done.groupdq & GROUP.DO_NOT_USE).any()
    closed = (persistence(later, persistence_time=400, persistence_dnu=True).groupdq & GROUP.DO_NOT_USE) != 0
    np.testing.assert_array_equal(closed[:, :, 1, 1], flagged(done))


def test_a_window_that_lies_ahead_is_dropped():
    windows = np.array([(1, 1, EPOCH_SECONDS + 1e6)], [("row", "i4"), ("column", "i4"), ("end", "f8")])
    done = persistence(make().replace(tables={"PERSISTENCE": windows}), persistence_time=400)
    assert not flagged(done).any()


def test_the_times_of_the_integrations_come_from_the_table():
    times = np.zeros(3, [("integration_number", "i4"), ("int_start_MJD_UTC", "f8")])
    times["int_start_MJD_UTC"] = START + np.array([0, 10, 20]) / 24
    ramp = saturated(2).replace(tables={"int_times": times})
    np.testing.assert_array_equal(flagged(persistence(ramp, persistence_time=3000)).sum(axis=1), [2, 0, 0])
    times["int_start_MJD_UTC"][1] = np.nan
    with pytest.raises(InputError, match="INT_TIMES"):
        persistence(ramp, persistence_time=3000)


def test_what_cannot_be():
    assert persistence(make()).history[-1].reason == "no persistence_time is given"
    with pytest.raises(ParameterError, match="above 0"):
        persistence(make(), persistence_time=0)
    windows = np.array([(3, 1, 1.0)], [("row", "i4"), ("column", "i4"), ("end", "f8")])
    with pytest.raises(InputError, match="3 x 3 pixels"):
        persistence(make().replace(tables={"PERSISTENCE": windows}), persistence_time=10)


def test_same_on_every_device(device):
    ramp = saturated(2, (0, 2)).replace(
        tables={"PERSISTENCE": persistence(saturated(1), persistence_time=60).tables["PERSISTENCE"]}
    )
    options = dict(persistence_time=60, dn_threshold=5.0)
    expected, found = persistence(ramp, **options), persistence(device.put(ramp), **options)
    assert found.device == device.kind
    assert differences(found.to("cpu"), expected) == []
    np.testing.assert_array_equal(found.tables["PERSISTENCE"], expected.tables["PERSISTENCE"])
