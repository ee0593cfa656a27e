"""rscd: which first groups are left out, and where fewer are."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp

from jwgpu.data import GROUP, PIXEL, Reference
from jwgpu.errors import InputError
from jwgpu.steps import rscd


def ramp(n_groups, saturated=None, **meta):
    """Return a ramp of two integrations; `saturated` maps a pixel (y, x) to its first saturated group."""
    groupdq = np.zeros((2, n_groups, 3, 3), np.uint8)
    for pixel, group in (saturated or {}).items():
        groupdq[:, group:, *pixel] = GROUP.SATURATED
    made = make_ramp(np.ones((2, n_groups, 3, 3)), groupdq=groupdq, readpatt="FASTR1", **{"nints": 2, **meta})
    return made.replace(meta=made.meta.set({"instrument.detector": "MIRIMAGE", "subarray.name": "FULL"}))


def reference(first=2, later=4, columns=("group_skip1", "group_skip")):
    kinds = [("subarray", "U17"), ("readpatt", "U12"), *((name, "i4") for name in columns)]
    values = {"group_skip1": first, "group_skip": later}
    lines = [("SUB64", "FASTR1", 9), ("FULL", "SLOWR1", 9), ("FULL", "FASTR1", None)]
    rows = [(a, b, *(values[c] if n is None else n for c in columns)) for a, b, n in lines]
    return Reference("rscd", "rscd.fits", {"rscd_group_skip_table": np.array(rows, kinds)})


def flagged(done, integration):
    """Return how many groups of each pixel are flagged, which must be its first."""
    flags = (done.groupdq[integration] & GROUP.DO_NOT_USE) != 0
    count = flags.sum(axis=0)
    np.testing.assert_array_equal(flags, np.arange(flags.shape[0])[:, None, None] < count)
    return count


def test_first_and_later_integrations_lose_what_the_reference_says():
    done = check_pure(rscd, ramp(10), reference())
    assert (flagged(done, 0) == 2).all()
    assert (flagged(done, 1) == 4).all()
    assert not done.pixeldq.any()
    assert (done.meta.get("rscd.ngroups_skip_int1"), done.meta.get("rscd.ngroups_skip_int2p")) == (2, 4)


@pytest.mark.parametrize("n_groups, counts", [(3, (0, 0)), (4, (1, 1)), (5, (1, 1)), (6, (2, 3)), (7, (2, 4))])
def test_short_ramps_keep_three_groups(n_groups, counts):
    done = rscd(ramp(n_groups), reference())
    assert tuple(flagged(done, i).max() for i in (0, 1)) == counts


def test_of_a_later_segment_all_integrations_are_later_ones():
    done = rscd(ramp(10, integration_start=3, nints=8), reference())
    assert (done.groupdq[:, :4] == GROUP.DO_NOT_USE).all()
    assert done.meta.get("rscd.ngroups_skip_int1") is None


@pytest.mark.parametrize("first_saturated, kept", [(0, 4), (1, 0), (2, 0), (3, 1), (4, 2), (5, 3), (6, 4), (9, 4)])
def test_saturation_spares_groups(first_saturated, kept):
    done = check_pure(rscd, ramp(10, {(1, 2): first_saturated}), reference(first=0))
    count = flagged(done, 1)
    assert count[1, 2] == kept
    count[1, 2] = 4
    assert (count == 4).all()
    fewer = kept < 4
    assert done.pixeldq[1, 2] == (PIXEL.FLUX_ESTIMATED if fewer else 0)
    assert np.count_nonzero(done.pixeldq) == done.meta.get("rscd.keep_groups_saturation_int2p") == fewer
    assert done.meta.get("rscd.keep_bright_firstgroup_int2p") == (fewer and kept == 0)


@pytest.mark.parametrize("columns", [("group_skip",), ("group_skip1", "group_skip")])
def test_without_a_number_for_the_first_integration_it_loses_one_group(columns):
    done = rscd(ramp(10), reference(first=-1, columns=columns))
    assert (flagged(done, 0) == 1).all()
    assert (flagged(done, 1) == 4).all()


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"exposure.readpatt": "FASTGRPAVG"}, "no line for the subarray FULL read with FASTGRPAVG"),
        ({"subarray.name": "SUB256"}, "no line for the subarray SUB256"),
        ({"instrument.detector": "NRCB1"}, "only the detectors of MIRI"),
    ],
)
def test_it_skips(change, reason):
    made = ramp(10)
    record = rscd(made.replace(meta=made.meta.set(change)), reference()).history[-1]
    assert record.status == "SKIPPED"
    assert reason in record.reason


def test_two_groups_are_too_few():
    assert "2 groups" in rscd(ramp(2), reference()).history[-1].reason


def test_a_table_without_its_columns_is_an_error():
    with pytest.raises(InputError, match=r"rscd\.fits.*no column group_skip "):
        rscd(ramp(10), reference(columns=("group_skip1",)))
