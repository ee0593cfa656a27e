"""Small exposures of each kind, and raw files written by the official data models."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from products import HEADER, counts, times

from jwgpu.data import Image, Meta, Ramp


@pytest.fixture
def make_uncal(tmp_path):
    """Return a function that writes a raw file with the official data models and returns its path."""

    def make(name="jw01019001001_02101_00001_nrcb1_uncal.fits", header=HEADER, shape=(2, 5, 8, 12), **arrays):
        from stdatamodels.jwst import datamodels

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some tests write what the schema does not allow
            model = datamodels.Level1bModel()
            model.data = counts(shape)
            for key, array in arrays.items():
                setattr(model, key, array)
            for path, value in header.items():
                model[f"meta.{path}"] = value
            model.meta.bunit_data = "DN"
            model.save(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def ramp():
    """A ramp with everything a ramp can have."""
    rng = np.random.default_rng(2)
    shape = (2, 5, 8, 12)
    return Ramp(
        data=rng.normal(1000, 300, shape).astype(np.float32),
        groupdq=rng.integers(0, 256, shape, dtype=np.uint8),
        pixeldq=rng.integers(0, 2**32, shape[2:], dtype=np.uint32),
        zeroframe=rng.normal(500, 9, (2, 8, 12)).astype(np.float32),
        refout=rng.normal(500, 9, (2, 5, 8, 3)).astype(np.float32),
        average_dark_current=rng.random((8, 12), dtype=np.float32),
        meta=Meta({**HEADER, "filename": "jw01019001001_02101_00001_nrcb1_uncal.fits"}),
        tables={"int_times": times(2)},
    )


@pytest.fixture
def make_image():
    """Return a function that makes a rate image or, of three axes, a stack."""

    def make(shape=(8, 12), header=HEADER, **more):
        rng = np.random.default_rng(3)
        planes = {
            n: rng.random(shape, dtype=np.float32) for n in ("data", "err", "var_poisson", "var_rnoise", "var_flat")
        }
        planes["dq"] = rng.integers(0, 2**32, shape, dtype=np.uint32)
        meta = Meta({**header, "filename": "jw01019001001_02101_00001_nrcb1_uncal.fits"})
        return Image(**planes | more, meta=meta, unit="DN/s")

    return make
