"""reset: which anomaly every group loses."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu.data import PIXEL
from jwgpu.errors import InputError
from jwgpu.steps import reset


def ramp(n_integrations, n_groups, first=1):
    made = make_ramp(np.full((n_integrations, n_groups, 3, 3), 500.0), integration_start=first)
    return made.replace(meta=made.meta.set({"instrument.detector": "MIRIMAGE"}))


def anomaly(n_integrations, n_groups):
    """Return (integration, group, y, x) whose every number is its own, and a NaN."""
    cube = np.arange(n_integrations * n_groups * 9.0).reshape(n_integrations, n_groups, 3, 3) + 1
    cube[:, 0, 1, 1] = np.nan
    return cube


@pytest.mark.parametrize("first", [1, 2, 7])
@pytest.mark.parametrize("n_groups", [2, 5])
def test_each_integration_loses_its_own_anomaly_and_late_ones_the_last(first, n_groups):
    flags = np.zeros((3, 3))
    flags[2, 0] = PIXEL.OTHER_BAD_PIXEL
    cube = anomaly(2, 3)
    before = ramp(3, n_groups, first)
    done = check_pure(reset, before, make_reference("reset", data=cube, dq=flags))
    n = min(n_groups, 3)
    for integration in range(3):
        known = np.nan_to_num(cube[min(first - 1 + integration, 1)])
        np.testing.assert_array_equal(done.data[integration, :n], 500 - known[:n])
        assert (done.data[integration, n:] == 500).all()
    np.testing.assert_array_equal(done.pixeldq, flags.astype(np.uint32))


def test_the_header_limits_what_is_used():
    meta = {"exposure.nints": 1, "exposure.ngroups": 2}
    cube = anomaly(2, 3)
    done = reset(ramp(2, 4), make_reference("reset", data=cube, meta=meta))
    np.testing.assert_array_equal(done.data[1, :2], 500 - np.nan_to_num(cube[0, :2]))
    assert (done.data[:, 2:] == 500).all()


def test_without_a_reference_or_for_another_instrument_it_skips():
    assert "no reset reference" in reset(ramp(1, 2)).history[-1].reason
    other = make_ramp([1.0, 2.0])
    assert "MIRI" in reset(other, make_reference("reset", data=anomaly(1, 1))).history[-1].reason


@pytest.mark.parametrize("cube", [np.zeros((3, 3, 3)), np.zeros((1, 1, 2, 3)), np.zeros((0, 2, 3, 3))])
def test_a_reference_of_another_shape_is_an_error(cube):
    with pytest.raises(InputError, match=r"reset\.fits"):
        reset(ramp(1, 2), make_reference("reset", data=cube))
