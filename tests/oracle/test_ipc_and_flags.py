"""ipc, charge_migration and persistence against those of jwst 3.0.0: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

KERNEL = np.array([[0.0001, -0.006, 0.0002], [-0.0055, 1.023, -0.0057], [0.0003, -0.0058, 0.0001]], np.float32)

WINDOWS = {
    "nircam corner": ("NIRCAM", "NRCB1", 1, 2048 - 29, (30, 40)),
    "nircam inside": ("NIRCAM", "NRCB1", 500, 700, (30, 40)),
    "nircam edge alone": ("NIRCAM", "NRCB1", 3, 2045, (4, 40)),
    "niriss full": ("NIRISS", "NIS", 1, 1, (2048, 2048)),
    "miri left": ("MIRI", "MIRIMAGE", 1, 1, (30, 40)),
    "miri right": ("MIRI", "MIRIMAGE", 1032 - 39, 500, (30, 40)),
    "irs2": ("NIRSPEC", "NRS1", 1, 1, (3200, 12)),
    "irs2 turned": ("NIRSPEC", "NRS2", 1, 1, (3200, 12)),
}


def make(rng, window, n_integrations=1, n_groups=2):
    instrument, detector, x, y, shape = WINDOWS[window]
    data = rng.normal(5000, 3000, (n_integrations, n_groups, *shape)).astype(np.float32)
    ramp = make_ramp(data, nrs_normal=16, nrs_reference=4)
    rows = 2048 if "irs2" in window else shape[0]
    values = {
        "instrument.name": instrument, "instrument.detector": detector, "subarray.xstart": x, "subarray.ystart": y,
        "subarray.xsize": shape[1], "subarray.ysize": rows,
        "subarray.fastaxis": -2 if detector == "NRS2" else 2, "subarray.slowaxis": 1,
    }  # fmt: skip
    return ramp.replace(meta=ramp.meta.set(values))


def model(ramp):
    from stdatamodels.jwst.datamodels import RampModel

    made = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(made.meta, branch), leaf, value)
    return made


KERNELS = {
    "one": KERNEL,
    "of each pixel": KERNEL,
    "three by five": np.pad(KERNEL[:, :2], ((0, 0), (0, 3)), constant_values=0.01),
    "even": KERNEL[:2, :2].copy(),
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("window", WINDOWS)
def test_ipc(window, kind):
    from jwst.ipc.ipc_corr import ipc_correction
    from stdatamodels.jwst.datamodels import IPCModel

    rng = np.random.default_rng(1)
    ramp = make(rng, window)
    kernel = whole = KERNELS[kind]
    if kind == "of each pixel":
        place = ramp.meta.subarray
        shape = (place.ysize, place.xsize)
        kernel = (KERNEL[:, :, None, None] * rng.normal(1, 0.1, shape)).astype(np.float32)
        # The official step cuts the kernels of a subarray out of those of the full frame.
        whole = np.zeros((3, 3, place.ystart - 1 + shape[0], place.xstart - 1 + shape[1]), np.float32)
        whole[:, :, place.ystart - 1 :, place.xstart - 1 :] = kernel
    expected = ipc_correction(model(ramp), IPCModel(data=whole.copy()))
    ours = steps.ipc(ramp, make_reference("ipc", data=kernel))
    np.testing.assert_array_equal(ours.data, expected.data)
    assert (ours.data != ramp.data).any() == (window != "nircam edge alone")


@pytest.mark.parametrize("threshold", [25000.0, 9000.1])
def test_charge_migration(threshold):
    from jwst.charge_migration.charge_migration import charge_migration

    rng = np.random.default_rng(2)
    shape = (2, 6, 40, 30)
    data = np.cumsum(10 ** rng.uniform(0, 4.2, shape), axis=1)
    data[rng.random(shape) < 0.01] = np.nan
    ramp = make_ramp(data, groupdq=rng.choice([0, 0, 0, 1, 2, 3, 4, 5, 128, 129], shape))
    expected = charge_migration(model(ramp), threshold)
    ours = steps.charge_migration(ramp, signal_threshold=threshold)
    np.testing.assert_array_equal(ours.groupdq, expected.groupdq)
    added = (ours.groupdq & ~ramp.groupdq & GROUP.CHARGELOSS) != 0
    assert 0.02 < added.mean() < 0.98


DAY = 86400.0


@pytest.mark.parametrize("dn_threshold", [None, 20000.0])
@pytest.mark.parametrize("persistence_time", [5, 60, 1000])
@pytest.mark.parametrize("dnu", [False, True])
@pytest.mark.parametrize("n_known", [0, 2, 3])
def test_persistence(dn_threshold, persistence_time, dnu, n_known):
    """Three integrations, with the start of none, some or all of them in INT_TIMES, and windows that came along."""
    from jwst.persistence.persistence import DataSet

    rng = np.random.default_rng(3)
    shape = (3, 5, 30, 20)
    data = 10 ** rng.uniform(0, 4.7, shape)
    data[rng.random(shape) < 0.01] = np.nan
    start = 60000.25
    ramp = make_ramp(
        data, groupdq=rng.choice([0] * 9 + [1, 2], shape), start_time=start, group_time=10.7, integration_time=53.5
    )
    before = np.where(rng.random(shape[-2:]) < 0.2, (start - 40587) * DAY + rng.uniform(-100, 1100, shape[-2:]), 0)
    row, column = np.nonzero(before)
    opened = np.zeros(len(row), [("row", "i4"), ("column", "i4"), ("end", "f8")])
    opened["row"], opened["column"], opened["end"] = row, column, before[row, column]
    official = model(ramp)
    tables = {"PERSISTENCE": opened}
    if n_known:
        columns = [f"int_{when}_{scale}" for scale in ("MJD_UTC", "BJD_TDB") for when in ("start", "mid", "end")]
        times = np.zeros(n_known, [("integration_number", "i4"), *((name, "f8") for name in columns)])
        times["int_start_MJD_UTC"] = start + np.arange(n_known) * 60 / DAY
        official.int_times = times
        tables["int_times"] = times
    DataSet(official, None, persistence_time, dn_threshold, before, dnu).do_all()
    ours = steps.persistence(
        ramp.replace(tables=tables),
        persistence_time=persistence_time,
        dn_threshold=dn_threshold,
        persistence_dnu=dnu,
    )
    np.testing.assert_array_equal(ours.groupdq, official.groupdq)
    left = ours.tables["PERSISTENCE"]
    row, column = np.nonzero(before)
    np.testing.assert_array_equal(left["row"], row)
    np.testing.assert_array_equal(left["column"], column)
    np.testing.assert_array_equal(left["end"], before[row, column])
    assert ((ours.groupdq & GROUP.PERSISTENCE) != 0).any()
