"""The steps that only MIRI needs, against jwst 3.0.0: the same data, the same flags, the same header values."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP, PIXEL, Meta, Reference

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SHAPE = (24, 28)


def _ramp(n_groups, n_integrations=2, *, seed=0, first=1, n_all=None, saturate=True):
    """Ramps that saturate from any group on, some from the first."""
    rng = np.random.default_rng(seed)
    shape = (n_integrations, n_groups, *SHAPE)
    starts = rng.integers(0, 2 * n_groups + 1, (n_integrations, 1, *SHAPE)) if saturate else n_groups
    groupdq = np.where(np.arange(n_groups)[:, None, None] >= starts, GROUP.SATURATED, 0)
    groupdq = groupdq | np.where(rng.random(shape) < 0.03, GROUP.DO_NOT_USE, 0)
    pixeldq = np.where(rng.random(SHAPE) < 0.1, PIXEL.HOT | PIXEL.DO_NOT_USE, 0)
    ramp = make_ramp(rng.uniform(5e3, 6e4, shape), groupdq=groupdq, pixeldq=pixeldq, readpatt="FASTR1",
                     nints=n_all or n_integrations, integration_start=first,
                     integration_end=first + n_integrations - 1)  # fmt: skip
    return ramp.replace(meta=ramp.meta.set({"instrument.detector": "MIRIMAGE", "subarray.name": "FULL"}))


def _model(ramp):
    from stdatamodels.jwst.datamodels import RampModel

    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    return model


def _same(ours, official, step):
    for name in ("data", "groupdq", "pixeldq"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(official, name), err_msg=name)
    assert ours.history[-1].status == getattr(official.meta.cal_step, step)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("bright", [True, False])
def test_firstframe(n_groups, bright):
    from jwst.firstframe.firstframe_sub import do_correction

    ramp = _ramp(n_groups)
    official = do_correction(_model(ramp), bright_use_group1=bright)
    _same(steps.firstframe(ramp, bright_use_group1=bright), official, "firstframe")


@pytest.mark.parametrize("n_groups", [1, 2, 3, 9])
def test_lastframe(n_groups):
    from jwst.lastframe.lastframe_sub import do_correction

    ramp = _ramp(n_groups)
    _same(steps.lastframe(ramp), do_correction(_model(ramp)), "lastframe")


@pytest.mark.parametrize("n_groups", [1, 3, 9])
@pytest.mark.parametrize("n_known", [(1, 4), (2, 9), (3, 20)])
@pytest.mark.parametrize("first", [1, 3])
def test_reset(n_groups, n_known, first):
    from jwst.reset.reset_sub import do_correction
    from stdatamodels.jwst.datamodels import ResetModel

    rng = np.random.default_rng(5)
    ramp = _ramp(n_groups, 3, first=first, n_all=6)
    anomaly = rng.normal(0, 30, (*n_known, *SHAPE)).astype(np.float32)
    anomaly[rng.random(anomaly.shape) < 0.01] = np.nan
    flags = np.where(rng.random(SHAPE) < 0.1, PIXEL.OTHER_BAD_PIXEL, np.uint32(0))
    reference = ResetModel(data=anomaly.copy(), dq=flags.copy())
    reference.meta.exposure.nints, reference.meta.exposure.ngroups = n_known
    official = do_correction(_model(ramp), reference)
    official.meta.cal_step.reset = "COMPLETE"
    _same(steps.reset(ramp, make_reference("reset", data=anomaly, dq=flags)), official, "reset")


def _table(*lines, columns=("group_skip1", "group_skip")):
    kinds = [("subarray", "U17"), ("readpatt", "U12"), *((name, "i4") for name in columns)]
    return np.array(list(lines), kinds)


def _official_rscd(ramp, table):
    from jwst.rscd.rscd_sub import do_correction
    from stdatamodels.jwst.datamodels import RSCDModel

    kinds = [(n, table.dtype[n].str.replace("<U", "S") if table.dtype[n].kind == "U" else "i4")
             for n in table.dtype.names]  # fmt: skip
    return do_correction(_model(ramp), RSCDModel(rscd_group_skip_table=table.astype(kinds)))


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 5, 6, 7, 9, 15])
@pytest.mark.parametrize("skips", [(0, 3), (1, 4), (3, 1), (-1, 30)])
@pytest.mark.parametrize("first, n_integrations", [(1, 1), (1, 3), (3, 2)])
def test_rscd(n_groups, skips, first, n_integrations):
    n_all = n_integrations if first == 1 else 6
    ramp = _ramp(n_groups, n_integrations, first=first, n_all=n_all, seed=n_groups)
    table = _table(("FULL", "SLOWR1", 9, 9), ("SUB64", "FASTR1", 9, 9), ("FULL", "FASTR1", *skips))
    official = _official_rscd(ramp, table)
    ours = steps.rscd(ramp, Reference("rscd", "rscd.fits", {"rscd_group_skip_table": table}))
    _same(ours, official, "rscd")
    for name in ("ngroups_skip", "keep_groups_saturation", "keep_bright_firstgroup"):
        for part in ("int1", "int2p"):
            n_official = getattr(official.meta.rscd, f"{name}_{part}")
            if name == "keep_bright_firstgroup" and not getattr(official.meta.rscd, f"ngroups_skip_{part}"):
                n_official = None if n_official is None else 0
            assert ours.meta.get(f"rscd.{name}_{part}") == n_official


@pytest.mark.parametrize("subarray, status", [("SUBPRISM", "COMPLETE"), ("BRIGHTSKY", "SKIPPED")])
def test_rscd_by_subarray(subarray, status):
    ramp = _ramp(9)
    ramp = ramp.replace(meta=Meta({**dict(ramp.meta.items()), "subarray.name": subarray}))
    table = _table(("SLITLESSPRISM", "FASTR1", 2, 3))
    ours = steps.rscd(ramp, Reference("rscd", "rscd.fits", {"rscd_group_skip_table": table}))
    assert ours.history[-1].status == status
    _same(ours, _official_rscd(ramp, table), "rscd")
