"""The references of refpix: a table of complex weights, and a tree of kernels by detector."""

from __future__ import annotations

import asdf
import numpy as np
import pytest
from astropy.io import fits

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference.load import load
from jwgpu.reference.window import Window

META = {"subarray.fastaxis": 2, "subarray.slowaxis": 1}


def window(instrument, detector, shape):
    return Window.of(Meta({"instrument.name": instrument, "instrument.detector": detector, **META}), shape)


def test_weights_and_listed_pixels(tmp_path):
    """IRS2 is the table of weights and DQ a table, not an image."""
    table = np.zeros(6, [(f"{kind}_{k}", ">f4") for kind in ("alpha", "beta") for k in range(4)])
    table["beta_2"] = np.arange(6)
    listed = np.array([(1, 2, 2**31 + 5)], [("OUTPUT", ">i2"), ("ODD_EVEN", ">i2"), ("MASK", ">i8")])
    primary = fits.PrimaryHDU()
    primary.header.update(REFTYPE="REFPIX", INSTRUME="NIRSPEC", DETECTOR="NRS1")
    path = tmp_path / "irs2.fits"
    fits.HDUList([primary, fits.BinTableHDU(table, name="IRS2"), fits.BinTableHDU(listed, name="DQ")]).writeto(path)
    reference = load(path, "refpix", window("NIRSPEC", "NRS1", (3200, 2048)))
    np.testing.assert_array_equal(reference.irs2_table["beta_2"], np.arange(6))
    assert reference.irs2_table.dtype["beta_2"] == np.float32
    assert reference.dq_table["MASK"][0] == 2**31 + 5


def test_a_file_without_weights_is_refused(tmp_path):
    primary = fits.PrimaryHDU()
    primary.header.update(REFTYPE="REFPIX", INSTRUME="NIRSPEC", DETECTOR="NRS1")
    primary.writeto(tmp_path / "none.fits")
    with pytest.raises(InputError, match=r"none\.fits has no irs2_table"):
        load(tmp_path / "none.fits", "refpix", window("NIRSPEC", "NRS1", (3200, 2048)))


def test_kernels_by_detector(tmp_path):
    """Complex coefficients keep their precision."""
    gamma = np.arange(12).reshape(4, 3) * (1 + 0.5j)
    tree = {"meta": {"reftype": "sirskernel", "instrument": {"name": "NIRCAM", "detector": "N/A"}},
            "nrcb1": {"gamma": gamma, "zeta": 2 * gamma}}  # fmt: skip
    path = tmp_path / "kernels.asdf"
    asdf.AsdfFile(tree).write_to(path)
    reference = load(path, "sirskernel", window("NIRCAM", "NRCB1", (2048, 2048)))
    np.testing.assert_array_equal(reference.arrays["nrcb1.zeta"], 2 * gamma)
