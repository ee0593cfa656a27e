"""flat_field against that of jwst 3.0.0: the same flags, and the same values but for rounding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from jwgpu import steps
from jwgpu.data import PIXEL, Image, Meta, Reference

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

SHAPE = (40, 60)
FLAGS = (0, PIXEL.NO_FLAT_FIELD, PIXEL.DO_NOT_USE, PIXEL.UNRELIABLE_FLAT)
META = {
    "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "exposure.type": "NRC_IMAGE",
    "subarray.name": "SUB160", "subarray.xstart": 1, "subarray.ystart": 1, "subarray.xsize": SHAPE[1],
    "subarray.ysize": SHAPE[0], "subarray.fastaxis": 1, "subarray.slowaxis": -2,
}  # fmt: skip


def filled(model, meta):
    for path, value in meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(model.meta, branch), leaf, value)
    return model


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("n", [None, 2])
def test_same_as_official(n, inverse):
    from jwst.flatfield.flat_field import do_correction
    from stdatamodels.jwst import datamodels

    rng = np.random.default_rng(5)
    shape = SHAPE if n is None else (n, *SHAPE)
    arrays = {"data": rng.normal(10, 20, shape), "var_poisson": rng.uniform(0, 2, shape),
              "var_rnoise": rng.uniform(0, 2, shape)}  # fmt: skip
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays["data"][rng.random(shape) < 0.02] = np.nan
    arrays["err"] = np.sqrt(arrays["var_poisson"] + arrays["var_rnoise"])
    arrays["dq"] = rng.choice(np.array([0, 0, 0, PIXEL.DO_NOT_USE, PIXEL.JUMP_DET], np.uint32), shape)
    values = rng.uniform(0.3, 2, SHAPE).astype(np.float32)
    values[rng.random(SHAPE) < 0.05] = np.nan
    values[rng.random(SHAPE) < 0.05] = 0
    dq = rng.choice(np.array(FLAGS, np.uint32), SHAPE)
    error = rng.uniform(0, 0.1, SHAPE).astype(np.float32)

    kind = datamodels.ImageModel if n is None else datamodels.CubeModel
    model = filled(kind(**{name: array.copy() for name, array in arrays.items()}), META)
    reference = filled(datamodels.FlatModel(data=values.copy(), dq=dq.copy(), err=error.copy()), META)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # its own
        theirs, _ = do_correction(model, flat=reference, inverse=inverse)
    ours = steps.flat_field(
        Image(**arrays, unit="DN/s", meta=Meta(META)),
        Reference("flat", "flat.fits", {"data": values, "dq": dq, "err": error}),
        inverse=inverse,
    )
    np.testing.assert_array_equal(ours.dq, theirs.dq)
    for name in ("data", "err", "var_poisson", "var_rnoise", "var_flat"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, err_msg=name)
