"""guider_cds against that of jwst 3.0.0: every guider mode, and a flight exposure; the numbers are the same."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_ramp, make_reference

import jwgpu
from jwgpu import steps

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

# Mode: integrations, groups, y, x
MODES = {
    "FGS_ID-STACK": (2, 2, 48, 64),
    "FGS_ID-IMAGE": (3, 2, 48, 64),
    "FGS_ACQ1": (6, 2, 32, 32),
    "FGS_ACQ2": (5, 2, 32, 32),
    "FGS_TRACK": (20, 2, 32, 32),
    "FGS_FINEGUIDE": (9, 40, 8, 8),
}


def _model(name, shape, **arrays):
    from stdatamodels.jwst import datamodels

    model = getattr(datamodels, name)()
    for array, values in arrays.items():
        setattr(model, array, values.copy())
    model.meta.instrument.name = "FGS"
    model.meta.subarray.xstart = model.meta.subarray.ystart = 1
    model.meta.subarray.ysize, model.meta.subarray.xsize = shape
    return model


def _check(mode, shape, gain, readnoise):
    from jwst.guider_cds.guider_cds import guider_cds

    random = np.random.default_rng(1)
    data = random.integers(0, 60000, shape)
    ramp = make_ramp(data, pixeldq=random.integers(0, 2**31, shape[-2:]), type=mode, group_time=0.364)
    raw = _model("GuiderRawModel", shape[-2:], data=ramp.data, dq=ramp.pixeldq)
    raw.meta.exposure.type, raw.meta.exposure.group_time = mode, 0.364
    with np.errstate(all="ignore"):
        official = guider_cds(
            raw, _model("GainModel", gain.shape, data=gain), _model("ReadnoiseModel", readnoise.shape, data=readnoise)
        )
    ours = steps.guider_cds(ramp, make_reference("gain", data=gain), make_reference("readnoise", data=readnoise))
    for name in ("data", "err", "dq"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(official, name), err_msg=name)
        assert getattr(ours, name).dtype == getattr(official, name).dtype
    assert ours.unit == official.meta.bunit_data


@pytest.mark.parametrize("mode", MODES)
def test_every_mode(mode):
    random = np.random.default_rng(2)
    shape = MODES[mode]
    gain = random.uniform(1.5, 2.2, shape[-2:]).astype(np.float32)
    gain[0, 0], gain[1, 1], gain[2, 2] = np.nan, 0, -1
    _check(mode, shape, gain, random.uniform(5, 20, shape[-2:]).astype(np.float32))


def test_stack_with_references_of_another_shape():
    random = np.random.default_rng(3)
    gain, readnoise = (random.uniform(1.5, 20, (40, 40)).astype(np.float32) for _ in range(2))
    _check("FGS_ID-STACK", MODES["FGS_ID-STACK"], gain, readnoise)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*get_cache_lock:DeprecationWarning")
def test_flight_acquisition(real_data, crds_cache, tmp_path):
    """The whole guider pipeline on a flight exposure, with the same references."""
    from jwst.pipeline import GuiderPipeline

    path = next((real_data / "fgs-acq1-uncal").glob("*_uncal.fits"))
    random = np.random.default_rng(4)
    frame = (2048, 2048)
    values = {
        "gain": {"data": random.uniform(1.5, 2.2, frame).astype(np.float32)},
        "readnoise": {"data": random.uniform(5, 20, frame).astype(np.float32)},
        "mask": {"dq": (random.random(frame) < 0.05).astype(np.uint32)},
    }
    files = {}
    for kind, arrays in values.items():
        model = _model(f"{kind.capitalize()}Model", frame, **arrays)
        model.meta.instrument.detector, model.meta.reftype = "GUIDER2", kind
        if kind == "mask":
            model.dq_def = np.array([(0, 1, "DO_NOT_USE", "")], model.get_dtype("dq_def"))
        files[kind] = str(tmp_path / f"{kind}.fits")
        model.save(files[kind])
    official = GuiderPipeline.call(
        str(path),
        steps={
            "dq_init": {"override_mask": files["mask"]},
            "guider_cds": {"override_gain": files["gain"], "override_readnoise": files["readnoise"]},
            "flat_field": {"skip": True},
        },
    )
    ramp = jwgpu.open(path)
    references = jwgpu.references(ramp, overrides=files)
    flagged = steps.dq_init(ramp, references.mask)
    ours = steps.guider_cds(flagged, references.gain, references.readnoise)
    assert ours.shape == (6, 128, 128)
    for name in ("data", "err", "dq"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(official, name), err_msg=name)
