"""Windows of persistence from one exposure to the next: by detector, at their place on it."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp

from jwgpu.pipelines import Carried

WINDOWS = [("row", "i4"), ("column", "i4"), ("end", "f8")]


def ramp(detector="NRCB1", start=(1, 1), size=(8, 9), windows=None, **meta):
    """Return a ramp at the place `start` (y, x), 1-based, with windows left open."""
    made = make_ramp(np.zeros((2, *size)))
    place = {"subarray.ystart": start[0], "subarray.xstart": start[1], "instrument.detector": detector, **meta}
    tables = {} if windows is None else {"PERSISTENCE": np.array(windows, WINDOWS)}
    return made.replace(meta=made.meta.set(place), tables=tables)


def given(carried, exposure):
    return carried.give(exposure).tables.get("PERSISTENCE", np.zeros(0, WINDOWS)).tolist()


def test_windows_reach_the_next_exposure_of_the_detector():
    carried = Carried()
    assert given(carried, ramp()) == []
    carried.take(ramp(windows=[(2, 3, 100.0)]))
    carried.take(ramp("NRCA1", windows=[(4, 4, 90.0)]))
    carried.take(ramp())  # has not been through the step
    assert given(carried, ramp()) == [(2, 3, 100.0)]
    assert given(carried, ramp("NRCA1")) == [(4, 4, 90.0)]
    assert given(carried, ramp(windows=[(0, 0, 1.0)])) == [(0, 0, 1.0)], "one that has its own keeps them"


@pytest.mark.parametrize(
    ("start", "size", "found"),
    [((1, 1), (20, 20), [(6, 14), (7, 13)]), ((7, 12), (2, 3), [(1, 2)]), ((1, 1), (5, 5), [])],
)
def test_a_window_stays_at_its_place_on_the_detector(start, size, found):
    carried = Carried()
    carried.take(ramp(start=(6, 11), windows=[(1, 4, 50.0), (2, 3, 60.0)]))
    assert [window[:2] for window in given(carried, ramp(start=start, size=size))] == found


def test_stripes_neither_give_nor_take():
    stripes = {"subarray.multistripe_reads1": 1}
    carried = Carried()
    carried.take(ramp(windows=[(2, 3, 100.0)], **stripes))
    assert given(carried, ramp()) == []
    carried.take(ramp(windows=[(2, 3, 100.0)]))
    assert given(carried, ramp(**stripes)) == []
