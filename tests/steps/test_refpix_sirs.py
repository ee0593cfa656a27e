"""refpix with the kernels of SIRS: rows are predicted from both sides, amplifier by amplifier."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure

from jwgpu.data import PIXEL, Meta, Ramp, Reference
from jwgpu.steps import refpix

ROWS, COLUMNS = 64, 40
SHARES = {"left": [0.5, 1.0, 0.0, 2.0], "right": [0.5, 0.0, 1.0, 0.0]}
OPTIONS = {"refpix_algorithm": "sirs", "halfwidth": 5, "gaussmooth": 0.01, "odd_even_columns": False}
"""A smoothing so narrow that a kernel without width stays without."""


def make(**more) -> Ramp:
    """Return a small full frame with rows of noise, different at the two sides."""
    random = np.random.default_rng(2)
    data = np.zeros((1, 2, ROWS, COLUMNS), np.float32)
    noise = random.normal(0, 20, (2, 1, 2, ROWS, 1)).astype(np.float32)
    noise[..., :4, :] = noise[..., -4:, :] = 0
    data[..., :4], data[..., -4:] = noise
    meta = {"subarray.fastaxis": 1, "subarray.slowaxis": 2, "subarray.name": "FULL", "instrument.name": "NIRCAM",
            "instrument.detector": "NRCB1", **more}  # fmt: skip
    return Ramp(data=data, groupdq=data.astype(np.uint8) * 0, pixeldq=np.zeros((ROWS, COLUMNS), np.uint32),
                meta=Meta(meta))  # fmt: skip


def kernels(detector="nrcb1") -> Reference:
    """Return coefficients that are the same at all frequencies: each row predicts itself."""
    flat = np.ones((1, 33), np.complex128)
    arrays = {"gamma": np.array(SHARES["left"])[:, None] * flat, "zeta": np.array(SHARES["right"])[:, None] * flat}
    return Reference("sirskernel", "kernels.asdf", {f"{detector}.{name}": a for name, a in arrays.items()})


def expected(ramp) -> np.ndarray:
    left, right = ramp.data[..., :4].mean(axis=-1), ramp.data[..., -4:].mean(axis=-1)
    shares = np.repeat([SHARES["left"], SHARES["right"]], COLUMNS // 4, axis=1)
    return ramp.data - left[..., None] * shares[0] - right[..., None] * shares[1]


def test_each_amplifier_has_its_own_share_of_the_sides():
    ramp = make()
    result = check_pure(refpix, ramp, None, kernels(), **OPTIONS)
    # Levels of amplifiers are 0, as the rows at top and bottom are.
    np.testing.assert_allclose(result.data, expected(ramp), atol=1e-4)
    assert result.history[-1].notes["sides"] == "kernels of kernels.asdf"


@pytest.mark.parametrize("value", [np.nan, 1e5])
def test_outliers_take_no_part(value):
    """A row that lacks one of its four pixels makes do with three."""
    ramp = make()
    clean = expected(ramp)
    ramp.data[0, 1, 30, 2] = value
    result = refpix(ramp, None, kernels(), **OPTIONS).data
    other = np.ones(result.shape, bool)
    other[0, 1, 30, 2] = False
    np.testing.assert_allclose(result[other], clean[other], atol=1e-4)


def test_a_row_without_any_good_pixel_is_left():
    ramp = make()
    clean = expected(ramp)
    ramp.data[0, 0, 30, :4] = 1e5
    result = refpix(ramp, None, kernels(), **OPTIONS).data
    np.testing.assert_allclose(result[0, 0, 30, 10:20], ramp.data[0, 0, 30, 10:20])
    np.testing.assert_allclose(result[0, 0, 31], clean[0, 0, 31], atol=1e-4)


def test_without_kernels_of_the_detector_the_median_serves():
    ramp = make()
    usual = refpix(ramp, odd_even_columns=False).data
    for reference in (None, kernels("nrca1")):
        result = refpix(ramp, None, reference, **OPTIONS)
        np.testing.assert_array_equal(result.data, usual)
        assert "running median" in result.history[-1].notes["sides"]


def test_flagged_pixels_do_not_move_the_kernels():
    """Flags of the mask are for the means at top and bottom; the kernels look at values alone."""
    ramp = make()
    ramp.pixeldq[20:40, :2] = PIXEL.DO_NOT_USE
    np.testing.assert_allclose(refpix(ramp, None, kernels(), **OPTIONS).data, expected(ramp), atol=1e-4)


def test_every_array_library(device):
    """Every array library gives the numbers of NumPy."""
    ramp = make()
    options = {"refpix_algorithm": "sirs", "halfwidth": 9, "gaussmooth": 1.3}
    wanted = refpix(ramp, None, kernels(), **options).data
    found = refpix(device.put(ramp), None, device.put(kernels()), **options).data
    np.testing.assert_allclose(device.host(found), wanted, atol=1e-5)
