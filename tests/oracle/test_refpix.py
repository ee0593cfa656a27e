"""refpix against that of jwst 3.0.0, for every orientation, amplifier layout and place of the window."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from jwgpu.data import PIXEL, Meta, Ramp
from jwgpu.steps import refpix

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

# Detector: instrument, FASTAXIS, SLOWAXIS
DETECTORS = {
    "NRCB1": ("NIRCAM", 1, -2),
    "NRCA1": ("NIRCAM", -1, 2),
    "NIS": ("NIRISS", -2, -1),
    "NRS1": ("NIRSPEC", 2, 1),
    "NRS2": ("NIRSPEC", -2, -1),
    "GUIDER1": ("FGS", -2, -1),
    "GUIDER2": ("FGS", 2, -1),
}
# 0-based start x, y and size x, y: corners, all four edges, across amplifiers, no edge at all
CORNER = (2008, 2018, 40, 30)
WINDOWS = [(0, 0, 40, 30), CORNER, (500, 0, 30, 9), (900, 2040, 30, 8), (0, 500, 9, 30), (2000, 505, 48, 20)]


def _ramp(detector, window, outputs, name="SUB640", groups=2, seed=0) -> Ramp:
    """Return a noisy ramp with stripes, levels, outliers, flagged reference pixels, and a zero frame with holes."""
    random = np.random.default_rng(seed)
    x, y, nx, ny = window
    shape = (1, groups, ny, nx)
    data = random.normal(0, 5, shape) + random.normal(0, 30, (1, groups, 1, 1))
    data += random.normal(0, 10, (1, groups, ny, 1)) + random.normal(0, 10, (1, groups, 1, nx))
    data[random.random(shape) < 0.01] *= 50
    zeroframe = 1.01 * data[:, 0]
    zeroframe[random.random(zeroframe.shape) < 0.02] = 0
    at_y, at_x = np.mgrid[y : y + ny, x : x + nx]
    border = (np.minimum(at_x, at_y) < 4) | (np.maximum(at_x, at_y) >= 2044)
    pixeldq = np.where(border, PIXEL.REFERENCE_PIXEL, np.uint32(0))
    pixeldq[random.random(pixeldq.shape) < 0.05] |= PIXEL.DO_NOT_USE
    instrument, fast, slow = DETECTORS[detector]
    values = {
        "xstart": x + 1,
        "ystart": y + 1,
        "xsize": nx,
        "ysize": ny,
        "fastaxis": fast,
        "slowaxis": slow,
        "name": name,
    }
    meta = {f"subarray.{key}": value for key, value in values.items()}
    meta |= {"instrument.name": instrument, "instrument.detector": detector, "exposure.noutputs": outputs}
    return Ramp(
        data=data.astype(np.float32), groupdq=np.zeros(shape, np.uint8), pixeldq=pixeldq,
        zeroframe=zeroframe.astype(np.float32), meta=Meta(meta),
    )  # fmt: skip


def _official(ramp, **parameters):
    from jwst.refpix import RefPixStep
    from jwst.refpix.reference_pixels import correct_model
    from stdatamodels.jwst.datamodels import RampModel

    model = RampModel(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    model.zeroframe = ramp.zeroframe.copy()
    model.meta.exposure.zero_frame = True
    step = RefPixStep()
    options = {name: parameters.get(name, getattr(step, name)) for name in refpix.parameters}
    kernel = {name: options.pop(name) for name in ("refpix_algorithm", "sigreject", "gaussmooth", "halfwidth")}
    options = {name: value for name, value in options.items() if "irs2" not in name and "ovr" not in name}
    correct_model(model, conv_kernel_params={"sirs_kernel_model": None, **kernel}, **options)
    return model


def _check(ramp, **parameters):
    """Compare, to a rounding of float32 of the largest value that goes in (there, group 0 passes through float32)."""
    official, ours = _official(ramp, **parameters), refpix(ramp, **parameters)
    for name in ("data", "zeroframe"):
        reach = 1e-7 * np.abs(getattr(ramp, name)).max()
        np.testing.assert_allclose(getattr(ours, name), getattr(official, name), rtol=1e-6, atol=reach, err_msg=name)
    return ours


def test_defaults_are_the_official_ones():
    from jwst.refpix import RefPixStep

    assert {p.name: p.default for p in refpix.parameters.values()} == {
        n: getattr(RefPixStep(), n) for n in refpix.parameters
    }


@pytest.mark.parametrize("detector", DETECTORS)
def test_single_output_in_every_corner(detector):
    for seed, window in enumerate(WINDOWS):
        for odd_even_columns in (True, False):
            ours = _check(_ramp(detector, window, 1, seed=seed), odd_even_columns=odd_even_columns)
            touches = min(window[:2]) < 4 or max(window[0] + window[2], window[1] + window[3]) > 2044
            assert ours.history[-1].status == ("COMPLETE" if touches else "SKIPPED")


@pytest.mark.parametrize("detector", DETECTORS)
def test_four_outputs(detector):
    long = (0, 0, 2048, 30) if abs(DETECTORS[detector][1]) == 1 else (0, 0, 30, 2048)
    _check(_ramp(detector, long, 4))
    _check(_ramp(detector, CORNER, 4), odd_even_columns=False)


@pytest.mark.parametrize(
    "parameters",
    [
        {"use_side_ref_pixels": False},
        {"side_smoothing_length": 5, "side_gain": 0.7, "siglimit": 2.0},
        {"side_smoothing_length": 6},
    ],
)
def test_parameters(parameters):
    _check(_ramp("NRCB1", (0, 2018, 2048, 30), 4), **parameters)


@pytest.mark.parametrize("name", ["SUB32", "SUB512", "SUB512S"])
def test_edgeless_nirspec_windows(name):
    assert _check(_ramp("NRS1", (800, 900, 32, 40), 1, name)).history[-1].status == "COMPLETE"


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["NRCB1", "NRS2"])
def test_full_frame(detector):
    _check(_ramp(detector, (0, 0, 2048, 2048), 4))


def test_a_missing_reference_value_does_not_spread():
    """There, one NaN among the reference pixels makes its amplifier NaN; here it is left out."""
    ramp = _ramp("NRCB1", (0, 0, 600, 20), 4, groups=1)
    y, x = np.argwhere((ramp.pixeldq == PIXEL.REFERENCE_PIXEL) & (np.arange(600) < 512))[0]
    ramp.data[0, 0, y, x] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        official = _official(ramp)
    assert np.isnan(official.data[0, 0]).sum() >= 20 * 256
    assert np.isnan(refpix(ramp).data).sum() == 1
