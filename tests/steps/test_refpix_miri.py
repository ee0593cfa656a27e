"""refpix on MIRI: the drift of each amplifier and row parity since the first group is taken out."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure

from jwgpu.data import PIXEL, Meta, Ramp
from jwgpu.steps import refpix

SHAPE = (2, 4, 12, 40)


def make(shape=SHAPE, name="FULL") -> Ramp:
    """Return a ramp of zeros whose two sides are reference pixels."""
    data = np.zeros(shape, np.float32)
    pixeldq = np.zeros(shape[-2:], np.uint32)
    pixeldq[:, :4] = pixeldq[:, -4:] = PIXEL.REFERENCE_PIXEL
    meta = Meta({"instrument.name": "MIRI", "subarray.name": name})
    return Ramp(data=data, groupdq=data.astype(np.uint8), pixeldq=pixeldq, meta=meta)


def drifting(seed=0):
    """Return a ramp whose amplifiers drift, and what is left of it without the drift."""
    random = np.random.default_rng(seed)
    ramp = make()
    sky = random.integers(0, 50, SHAPE).astype(np.float32)
    sky[..., :4] = sky[..., -4:] = 0
    sky += random.integers(0, 900, SHAPE[-2:]).astype(np.float32)
    drift = random.integers(-20, 20, (2, 4, 2, 4)).astype(np.float32)
    drift[:, 0] = 0
    ramp.data[:] = sky + np.tile(drift, (1, 1, 6, 10))
    return ramp, sky


def test_drifts_of_amplifiers_and_rows_vanish():
    """Drifts by amplifier and parity of rows go exactly; the first group and the pixels' own levels stay."""
    ramp, sky = drifting()
    result = check_pure(refpix, ramp)
    np.testing.assert_array_equal(result.data, sky)
    assert result.data.dtype == np.float32
    assert result.history[-1].notes == {"side_pixels": 12 * 8}


def test_without_odd_even_rows_an_amplifier_has_one_drift():
    ramp = make()
    ramp.data[:, 1:, 1::2] = 8
    np.testing.assert_array_equal(np.unique(refpix(ramp, odd_even_rows=False).data[:, 1:]), [-4, 4])


def test_left_and_right_count_the_same():
    """The two sides are averaged, however few pixels of one are usable."""
    ramp = make()
    ramp.data[:, 1:, :, :4], ramp.data[:, 1:, :, -4:] = 10, 20
    ramp.pixeldq[2:, :4] |= PIXEL.DO_NOT_USE
    np.testing.assert_array_equal(refpix(ramp).data[:, 1:, :, 4:-4], -15)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_bad_reference_pixels_take_no_part(value):
    ramp, sky = drifting()
    ramp.data[1, 2, 3, 1] = value
    ramp.data[0, 3, 4, -2] = value
    result = refpix(ramp, siglimit=1.9).data
    bad = ramp.data - sky != ramp.data - sky
    bad[1, 2, 3, 1] = bad[0, 3, 4, -2] = True
    np.testing.assert_array_equal(result[~bad], sky[~bad])


def test_it_skips_subarrays_and_amplifiers_without_reference():
    assert "subarrays" in refpix(make(name="SUB64")).history[-1].reason
    ramp, _ = drifting()
    ramp.pixeldq[1::2, -1] |= PIXEL.DO_NOT_USE
    result = refpix(ramp)
    assert "one parity" in result.history[-1].reason
    assert refpix(ramp, odd_even_rows=False).history[-1].status == "COMPLETE"


def test_every_array_library(device):
    """Every array library gives the numbers of NumPy."""
    ramp, sky = drifting()
    np.testing.assert_array_equal(device.host(refpix(device.put(ramp)).data), sky)
