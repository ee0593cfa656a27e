"""NIRSpec IRS2 format against jwst 3.0.0, on ramps with fewer rows and columns than the detector has."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from ramps import make_ramp, make_reference

from jwgpu import steps
from jwgpu.data import GROUP, PIXEL, Meta
from jwgpu.data.irs2 import Interleaved

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

ROWS, COLUMNS, SCIENCE = 3200, 8, 2048


@pytest.fixture(params=[("NRS1", 1), ("NRS2", 5)], ids=lambda p: f"{p[0]}-nframes{p[1]}")
def ramp(request):
    """Two integrations of five groups: ramps of every steepness, hits, flags, a zero frame with holes."""
    detector, nframes = request.param
    rng = np.random.default_rng(nframes)
    shape = (2, 5, ROWS, COLUMNS)
    slope = 10 ** rng.uniform(0, 4.3, shape[-2:])
    data = 1000 + slope * np.arange(1, 6)[:, None, None] + rng.normal(0, 10, shape)
    data += np.cumsum(np.where(rng.random(shape) < 0.02, rng.uniform(0, 60000, shape), 0), axis=1)
    data = np.clip(data, 0, 65535)
    data[rng.random(shape) < 0.002] = 0
    zeroframe = np.clip(1000 + slope + rng.normal(0, 10, (2, ROWS, COLUMNS)), 0, 65535)
    zeroframe[rng.random(zeroframe.shape) < 0.02] = 0
    made = make_ramp(
        data, zeroframe=zeroframe, nframes=nframes, frame_divisor=8, nrs_normal=16, nrs_reference=4,
        groupdq=np.where(rng.random(shape) < 0.01, GROUP.SATURATED, 0),
        pixeldq=np.where(rng.random(shape[-2:]) < 0.1, PIXEL.HOT, 0),
    )  # fmt: skip
    return made.replace(
        meta=made.meta.set({"instrument.name": "NIRSPEC", "instrument.detector": detector, **axes(detector)})
    )


def axes(detector):
    sign = 1 if detector == "NRS1" else -1
    return {"subarray.fastaxis": 2 * sign, "subarray.slowaxis": sign}


def official_ramp(ramp):
    """Return the official data model of `ramp`, with the window that IRS2 headers claim."""
    from stdatamodels.jwst.datamodels import RampModel

    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    model.zeroframe = ramp.zeroframe.copy()
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    model.meta.exposure.zero_frame = True
    return windowed(model)


def windowed(model):
    """Say that a model begins at the corner of the detector."""
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = model.shape[-2:]
    return model


def holed(rng, array):
    array[rng.random(array.shape) < 0.01] = np.nan
    return array.astype(np.float32)


def same(ours, official):
    for name in ("groupdq", "pixeldq", "data", "zeroframe"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(official, name), err_msg=name)


def test_the_science_rows_are_the_official_ones():
    from jwst.saturation import x_irs2

    for detector, way in (("NRS1", 1), ("NRS2", -1)):
        expected = x_irs2.make_mask(np.zeros((ROWS, 4)))[::way]
        frame = Interleaved.of(Meta(axes(detector)), (ROWS, COLUMNS))
        np.testing.assert_array_equal(frame.science(np)[::way], expected)


@pytest.mark.parametrize("grow", [0, 1, 2])
@pytest.mark.parametrize("use_readpatt", [True, False])
@pytest.mark.parametrize("with_bias", [True, False])
def test_saturation(ramp, grow, use_readpatt, with_bias):
    from jwst.saturation.saturation import irs2_flag_saturation
    from stdatamodels.jwst.datamodels import SaturationModel, SuperBiasModel

    rng = np.random.default_rng(4)
    threshold = holed(rng, rng.uniform(20000, 60000, (SCIENCE, COLUMNS)))
    bias = holed(rng, rng.normal(1000, 30, (ROWS, COLUMNS)))
    flags = np.where(rng.random(threshold.shape) < 0.05, PIXEL.NO_SAT_CHECK | PIXEL.OTHER_BAD_PIXEL, 0)
    flags = flags.astype(np.uint32)
    model = SaturationModel(data=threshold.copy(), dq=flags.copy())
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = ROWS, COLUMNS
    model_bias = windowed(SuperBiasModel(data=bias.copy())) if with_bias else None
    # The official match wants references of 2048 columns.
    with mock.patch("jwst.lib.reffile_utils.ref_matches_sci", return_value=True):
        official = irs2_flag_saturation(official_ramp(ramp), model, grow, use_readpatt, model_bias)
    ours = steps.saturation(
        ramp,
        make_reference("saturation", data=threshold, dq=flags),
        make_reference("superbias", data=bias) if with_bias else None,
        n_pix_grow_sat=grow,
        use_readpatt=use_readpatt,
    )
    same(ours, official)
    assert (ours.groupdq[:, 1] & GROUP.SATURATED).any()


def test_group_scale_mask_and_superbias(ramp):
    """These three take the frame as it is, reference pixels and all."""
    from jwst.dq_init.dq_initialization import do_dqinit
    from jwst.group_scale.group_scale import do_correction as scale
    from jwst.superbias.bias_sub import do_correction as subtract
    from stdatamodels.jwst.datamodels import MaskModel, SuperBiasModel

    rng = np.random.default_rng(5)
    bias = holed(rng, rng.normal(1000, 30, (ROWS, COLUMNS)))
    flags = np.where(rng.random(bias.shape) < 0.05, PIXEL.DO_NOT_USE | PIXEL.DEAD, 0).astype(np.uint32)
    official = official_ramp(ramp)
    scale(official)
    official = do_dqinit(official, windowed(MaskModel(dq=flags.copy())))
    official = subtract(official, windowed(SuperBiasModel(data=bias.copy(), dq=flags.copy())))
    ours = steps.dq_init(steps.group_scale(ramp), make_reference("mask", dq=flags))
    same(steps.superbias(ours, make_reference("superbias", data=bias, dq=flags)), official)
