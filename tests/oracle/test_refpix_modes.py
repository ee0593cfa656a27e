"""refpix against that of jwst 3.0.0: MIRI, and the convolution kernels of SIRS."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.data import PIXEL, Meta, Ramp, Reference
from jwgpu.steps import refpix

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


def _official(ramp, kernels=None, **parameters):
    from jwst.refpix import RefPixStep
    from jwst.refpix.reference_pixels import correct_model
    from stdatamodels.jwst.datamodels import RampModel

    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    options = {name: parameters.get(name, getattr(RefPixStep(), name)) for name in refpix.parameters}
    sirs = {name: options.pop(name) for name in ("refpix_algorithm", "sigreject", "gaussmooth", "halfwidth")}
    options = {name: value for name, value in options.items() if "irs2" not in name and "ovr" not in name}
    correct_model(model, conv_kernel_params={"sirs_kernel_model": kernels, **sirs}, **options)
    return model


def _meta(instrument, detector, shape, fast, slow) -> Meta:
    values = {"xstart": 1, "ystart": 1, "xsize": shape[1], "ysize": shape[0], "fastaxis": fast, "slowaxis": slow}
    meta = {f"subarray.{key}": value for key, value in values.items()} | {"subarray.name": "FULL"}
    return Meta(meta | {"instrument.name": instrument, "instrument.detector": detector, "exposure.zero_frame": False})


def _ramp(meta: Meta, shape, seed=0) -> Ramp:
    """Return a noisy ramp with drifts of rows, columns and groups, outliers and flagged pixels."""
    random = np.random.default_rng(seed)
    data = random.normal(9000, 300, shape[-2:]) + random.normal(0, 5, shape)
    data += random.normal(0, 30, (*shape[:2], 1, 1)) + np.cumsum(random.normal(0, 1, (*shape[:3], 1)), axis=2)
    data += random.normal(0, 10, (*shape[:2], 1, shape[-1]))
    data[random.random(shape) < 0.001] *= 3
    pixeldq = np.where(random.random(shape[-2:]) < 0.02, PIXEL.DO_NOT_USE, np.uint32(0)).astype(np.uint32)
    return Ramp(data=data.astype(np.float32), groupdq=np.zeros(shape, np.uint8), pixeldq=pixeldq, meta=meta)


@pytest.mark.parametrize("parameters", [{}, {"odd_even_rows": False}, {"siglimit": 2.0}])
def test_miri(parameters):
    ramp = _ramp(_meta("MIRI", "MIRIMAGE", (1024, 1032), 1, 2), (2, 3, 1024, 1032))
    ours, official = refpix(ramp, **parameters), _official(ramp, **parameters)
    assert np.abs(official.data - ramp.data).max() > 10
    np.testing.assert_allclose(ours.data, official.data, rtol=1e-6)
    np.testing.assert_array_equal(ours.data[:, 0], ramp.data[:, 0])


def test_miri_subarrays_are_skipped_by_both():
    meta = _meta("MIRI", "MIRIMAGE", (64, 72), 1, 2).set({"subarray.name": "SUB64"})
    ramp = _ramp(meta, (1, 3, 64, 72))
    np.testing.assert_array_equal(_official(ramp).data, ramp.data)
    assert refpix(ramp).history[-1].status == "SKIPPED"


def _coefficients(seed: int) -> dict:
    """Return coefficients that fall off with frequency, and differ between amplifiers and sides."""
    random = np.random.default_rng(seed)
    fall = 0.5 / (1 + (np.arange(513) / 60) ** 2)
    return {name: fall * random.uniform(0.7, 1, (4, 1)) * (1 + 0.02j * random.normal(size=(4, 513)))
            for name in ("gamma", "zeta")}  # fmt: skip


@pytest.mark.parametrize(
    ("detector", "fast", "slow", "parameters"),
    [
        ("NRCB1", 1, -2, {}),
        ("NRS1", 2, 1, {"sigreject": 2.0, "gaussmooth": 2.5, "halfwidth": 12}),
        ("NRCA1", -1, 2, {"odd_even_columns": False}),
    ],
)
def test_sirs(detector, fast, slow, parameters):
    ramp = _ramp(_meta("NIRCAM", detector, (2048, 2048), fast, slow), (1, 2, 2048, 2048), seed=3)
    coefficients = _coefficients(4)

    class Model:
        def to_flat_dict(self):
            return {f"{detector.lower()}.{name}": values for name, values in coefficients.items()}

    arrays = {f"{detector.lower()}.{name}": values for name, values in coefficients.items()}
    parameters = {"refpix_algorithm": "sirs", **parameters}
    ours = refpix(ramp, None, Reference("sirskernel", "kernels.asdf", arrays), **parameters)
    official = _official(ramp, Model(), **parameters)
    assert np.abs(official.data - _official(ramp).data).max() > 1
    # There, the first group goes through float32.
    np.testing.assert_allclose(ours.data, official.data, rtol=1e-6, atol=1e-7 * np.abs(ramp.data).max())
