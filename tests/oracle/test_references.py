"""References read by jwgpu equal those read by the official data models, and official steps run on overrides."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


def _exposure(meta, shape):
    from jwgpu.data import Meta, Ramp

    data = np.zeros(shape, np.float32)
    return Ramp(
        data=data, groupdq=data.astype(np.uint8), pixeldq=np.zeros(shape[-2:], np.uint32), meta=Meta(meta)
    )  # fmt: skip


@pytest.mark.filterwarnings("default")
def test_dq_and_arrays_as_the_official_models_read_them(tmp_path):
    """A compact DQ_DEF in any order, unsigned flags, a window: array for array the same."""
    from stdatamodels.jwst import datamodels
    from stdatamodels.jwst.datamodels import dqflags

    import jwgpu.reference

    rng = np.random.default_rng(1)
    names = ["JUMP_DET", "DO_NOT_USE", "NO_SAT_CHECK", "HOT", "REFERENCE_PIXEL", "NO_SUCH_FLAG", "GOOD"]
    model = datamodels.SaturationModel((64, 48))
    model.data = rng.normal(size=(64, 48)).astype("f4")
    model.dq = rng.integers(0, 2**20, (64, 48), dtype=np.uint32) | np.uint32(1 << 31)
    bits = [3, 0, 17, 31, 6, 5, 9]
    model.dq_def = np.array(
        [(bit, 1 << bit, name, "") for bit, name in zip(bits, names)], dtype=model.get_dtype("dq_def")
    )
    for path, value in {
        "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "reftype": "saturation", "subarray.name": "SUB64",
        "subarray.xstart": 101, "subarray.ystart": 201, "subarray.xsize": 48, "subarray.ysize": 64,
    }.items():  # fmt: skip
        model[f"meta.{path}"] = value
    # The model compresses dq through dq_def on saving; write the raw array behind its back.
    raw = model.dq.copy()
    path = tmp_path / "saturation.fits"
    model.save(path)
    from astropy.io import fits

    with fits.open(path, mode="update") as hdus:
        hdus["DQ"].data = raw
    exposure = _exposure(
        {"instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "subarray.xstart": 111, "subarray.ystart": 206},
        (1, 2, 20, 30),
    )
    mine = jwgpu.reference.references(exposure, overrides={"saturation": path}).saturation
    with datamodels.SaturationModel(path) as official:
        assert np.array_equal(mine.dq, official.dq[5:25, 10:40])
        assert np.array_equal(mine.data, official.data[5:25, 10:40])
    assert (mine.dq & dqflags.pixel["HOT"] != 0).all()


@pytest.mark.filterwarnings("default")
def test_an_official_step_runs_on_an_override(tmp_path, crds_cache):
    """The empty cache is enough for the official package where the reference is given."""
    from jwst.gain_scale import GainScaleStep
    from stdatamodels.jwst import datamodels

    gain = datamodels.GainModel((16, 16))
    gain.data += 2
    gain.meta.exposure.gain_factor = 1.5
    gain.save(tmp_path / "gain.fits")
    image = datamodels.ImageModel((16, 16))
    image.data += 1
    image.err = np.ones((16, 16), "f4")
    image.meta.instrument.name, image.meta.instrument.detector = "NIRSPEC", "NRS1"
    image.meta.observation.date, image.meta.observation.time = "2025-01-01", "00:00:00"
    result = GainScaleStep.call(image, override_gain=str(tmp_path / "gain.fits"))
    assert result.meta.cal_step.gain_scale == "COMPLETE"
    assert np.all(result.data == 1.5)
