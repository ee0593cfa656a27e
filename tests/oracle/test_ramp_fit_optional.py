"""The optional results of ramp_fit against those of jwst 3.0.0."""

from __future__ import annotations

import edges
import numpy as np
import pytest
from oracle.test_ramp_fit import finite, model, sane_gain
from ramps import make_ramp, make_reference

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import GROUP

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


def official(ramp, references, algorithm="OLS_C", suppress=True, **meta):
    """Return planes of the exposure and the optional results of stcal."""
    from stcal.ramp_fitting import ramp_fit
    from stdatamodels.jwst.datamodels import dqflags

    made = model(ramp)
    for name, value in meta.items():
        setattr(made.meta.exposure, name, value)
    found = ramp_fit.ramp_fit(
        made, True, references["readnoise"].data.copy(), references["gain"].data.copy(), algorithm, "optimal", "1",
        dqflags.pixel, suppress_one_group=suppress,
    )  # fmt: skip
    return found[0], found[2]


def left_by(ramp, references, **parameters):
    """Return what ramp_fit leaves beside its result."""
    with jw.byproducts() as left:
        steps.ramp_fit(ramp, references["gain"], references["readnoise"], save_opt=True, **parameters)
    return left


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize(("n_groups", "n_integrations"), [(1, 2), (2, 1), (3, 2), (5, 3), (10, 2), (17, 1)])
@pytest.mark.parametrize("instrument", ["NIRCAM", "MIRI"])
def test_every_segment(n_groups, n_integrations, suppress, instrument):
    references = sane_gain()
    meta = {"drop_frames1": 2}
    ramp = finite(
        edges.ramp(n_groups, n_integrations, 3, **{"instrument.name": instrument, "exposure.drop_frames1": 2})
    )
    dark = np.full(edges.SHAPE, np.float32(0.2)) if n_groups % 2 else None
    groupdq = ramp.groupdq.copy()
    if instrument == "MIRI":
        groupdq[:, [0, -1]] |= GROUP.DO_NOT_USE
    ramp = ramp.replace(
        average_dark_current=dark, groupdq=groupdq, zeroframe=ramp.zeroframe if dark is not None else None
    )
    _, theirs = official(ramp, references, suppress=suppress, **meta)
    left = left_by(ramp, references, suppress_one_group=suppress)
    if theirs is None:
        assert not left
        return
    gain, noise = references["gain"].data, references["readnoise"].data
    # Without a gain or a noise to weight with, jwst has NaN, infinity or 0 in turn; jwgpu has slopes where it can.
    sane = (gain > 1e-3) & (gain < 1e3) & (noise > 0) & (noise < 1e5)
    # The official weights are powers in float32, and slopes and intercepts small differences of large counts; median
    # rates in float32 that all but cancel differ.
    counts = 1e-6 * np.where(np.isnan(ramp.data), 0, np.abs(ramp.data)).max(axis=(0, 1))
    margins = {"slope": counts, "yint": n_groups * counts, "var_poisson": counts / ramp.meta.exposure.group_time**2}
    for name, expected in theirs.items():
        found = getattr(left["fitopt"], name)
        if found.ndim == 4 and name != "crmag":
            assert not expected[:, found.shape[1] :].any()  # planes that no segment is in
            expected = expected[:, : found.shape[1]]
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        close = np.isclose(found, expected, rtol=1e-4, atol=1e-6 + margins.get(name, 0), equal_nan=True)
        assert close[..., sane].all(), name


def test_chi_square_of_the_likelihood():
    """On ramps that are plain: where jumps are found, a test of the likelihood compares."""
    random = np.random.default_rng(4)
    data = random.poisson(50, (2, 8, 5, 40)).cumsum(axis=1) + random.normal(0, 9, (2, 8, 5, 40))
    ramp = make_ramp(data, group_time=10.0, frame_time=10.0)
    plane = np.ones((5, 40))
    references = {
        "gain": make_reference("gain", data=2 * plane), "readnoise": make_reference("readnoise", data=12 * plane),
    }  # fmt: skip
    planes, _ = official(ramp, references, "LIKELY")
    left = left_by(ramp, references, algorithm="LIKELY", opt_name="mine")
    assert left["likely_chisq"].meta.get("jwgpu.output") == "mine"
    np.testing.assert_allclose(left["likely_chisq"].data, planes["chisq"], rtol=1e-3)
