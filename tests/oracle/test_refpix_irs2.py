"""refpix of NIRSpec IRS2 frames against that of jwst 3.0.0, which knows full frames only."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu.data import PIXEL, Meta, Ramp, Reference
from jwgpu.steps import refpix

pytest.importorskip("jwst")
pytestmark = [pytest.mark.oracle, pytest.mark.slow]

TIMES = 712 * 2048
LISTED = np.array(
    [(1, 1, 0b1011), (2, 2, 1 << 31 | 1 << 3), (1, 2, 0b1000), (4, 1, 7)],
    [("OUTPUT", "u2"), ("ODD_EVEN", "u2"), ("MASK", "u4")],
)


def _ramp(detector: str, n_groups: int, n_integrations: int = 1) -> Ramp:
    """Return a ramp with noise common to all outputs, and reference pixels that stand out, are flagged, are 0."""
    random = np.random.default_rng(n_groups)
    shape = (n_integrations, n_groups, 3200, 2048)
    pedestal = random.normal(1000, 50, shape[-2:])
    data = np.empty(shape, np.float32)
    for place in np.ndindex(shape[:2]):
        drift = 30 * np.convolve(random.normal(0, 1, 2048), np.ones(30) / 30, "same")
        data[place] = pedestal + random.normal(0, 6, shape[-2:]) + drift + 100 * place[1]
    data[:, :, [108, 109]] += 800
    data[-1, :, 640 * 3 + 190] += random.normal(0, 300, 2048).astype(np.float32)
    pixeldq = np.zeros(shape[-2:], np.uint32)
    pixeldq[:, :4] = pixeldq[:, -4:] = PIXEL.REFERENCE_PIXEL
    pixeldq[640 + 68, 100] |= PIXEL.BAD_REF_PIXEL | PIXEL.DO_NOT_USE
    pixeldq[100:130, 1] |= PIXEL.DO_NOT_USE
    fast, slow = (2, 1) if detector == "NRS1" else (-2, -1)
    meta = {"xstart": 1, "ystart": 1, "xsize": 2048, "ysize": 2048, "fastaxis": fast, "slowaxis": slow, "name": "FULL"}
    meta = {f"subarray.{key}": value for key, value in meta.items()}
    meta |= {"instrument.name": "NIRSPEC", "instrument.detector": detector, "exposure.readpatt": "NRSIRS2RAPID"}
    groupdq = random.integers(0, 8, shape).astype(np.uint8)
    return Ramp(data=data, groupdq=groupdq, pixeldq=pixeldq, meta=Meta(meta | {"exposure.nrs_normal": 16,
                                                                             "exposure.nrs_reference": 4}))  # fmt: skip


def _weights(real: bool) -> np.ndarray:
    """Return a table of weights: those of a real response in time, or any complex numbers."""
    random = np.random.default_rng(1)
    names = [f"{kind}_{amplifier}" for kind in ("alpha", "beta") for amplifier in range(4)]
    table = np.zeros(2 * TIMES, [(name, "f4") for name in names])
    for name in names:
        if real:
            weights = np.fft.fft(np.exp(-np.arange(TIMES) / 30.0) * random.normal(1, 0.1) / 30)
        else:
            weights = random.normal(0, 0.3, TIMES) + 1j * random.normal(0, 0.3, TIMES)
        table[name][::2], table[name][1::2] = weights.real, weights.imag
    return table


def _official(ramp, table, parameters):
    from jwst.refpix import RefPixStep, irs2_subtract_reference, reference_pixels
    from stdatamodels.jwst.datamodels import IRS2Model, RampModel

    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    step = RefPixStep()
    for name, value in parameters.items():
        setattr(step, name, value)
    irs2_subtract_reference.flag_bad_refpix(model, n_sigma=step.ovr_corr_mitigation_ftr, flag_only=True)
    if step.irs2_mean_subtraction:
        sirs = {"refpix_algorithm": "median", "sirs_kernel_model": None, "sigreject": 4, "gaussmooth": 1}
        reference_pixels.correct_model(
            model, step.odd_even_columns, False, 11, 1.0, True, {**sirs, "halfwidth": 30}, step.siglimit
        )
    irs2_subtract_reference.flag_bad_refpix(model, replace_only=True)
    weights = IRS2Model(irs2_table=table, dq_table=LISTED)
    return irs2_subtract_reference.correct_model(model, weights, preserve_refpix=step.preserve_irs2_refpix)


@pytest.mark.parametrize(
    ("detector", "groups", "integrations", "real", "parameters"),
    [
        ("NRS1", 2, 1, True, {}),
        ("NRS2", 3, 2, False, {"ovr_corr_mitigation_ftr": 2.0}),
        ("NRS2", 3, 1, True, {"irs2_mean_subtraction": True}),
        ("NRS1", 3, 1, True, {"irs2_mean_subtraction": True, "odd_even_columns": False, "siglimit": 2.0}),
        ("NRS1", 2, 1, False, {"preserve_irs2_refpix": True}),
    ],
)
def test_irs2(detector, groups, integrations, real, parameters):
    """Within 1e-5 of the largest value, save where a pixel equals its mean over the ramp bit by bit in one only."""
    ramp, table = _ramp(detector, groups, integrations), _weights(real)
    reference = Reference("refpix", "irs2.fits", {"irs2_table": table, "dq_table": LISTED})
    ours, official = refpix(ramp, reference, **parameters), _official(ramp, table, parameters)
    assert ours.shape == official.data.shape
    apart = np.abs(ours.data - official.data) > 1e-5 * np.abs(official.data).max()
    assert apart.sum() <= (2000 if "irs2_mean_subtraction" in parameters else 0)
    np.testing.assert_array_equal(ours.pixeldq, official.pixeldq)
    np.testing.assert_array_equal(ours.groupdq, official.groupdq)
