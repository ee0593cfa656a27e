"""bkg_subtract against that of jwst 3.0.0: the same flags, and the same values but for rounding."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import PIXEL, Exposures, Image, Meta

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

FLAGS = np.array([0, 0, 0, PIXEL.DO_NOT_USE, PIXEL.HOT, PIXEL.JUMP_DET], np.uint32)


def image(folder, name, shape, seed, start=(1, 1)):
    rng = np.random.default_rng(seed)
    data = rng.normal(5, 1, shape).astype(np.float32)
    data[rng.random(shape) < 0.05] += 30  # what clipping is for
    if len(shape) == 2:
        data[rng.random(shape) < 0.02] = np.nan
    meta = {
        "telescope": "JWST", "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "exposure.type": "NRC_IMAGE",
        "subarray.name": "SUB160", "subarray.ystart": start[0], "subarray.xstart": start[1],
        "subarray.ysize": shape[-2], "subarray.xsize": shape[-1], "subarray.fastaxis": 1, "subarray.slowaxis": -2,
        "filename": name,
    }  # fmt: skip
    made = Image(data=data, err=rng.uniform(0.1, 0.3, shape).astype(np.float32), dq=rng.choice(FLAGS, shape),
                 meta=Meta(meta), unit="DN/s")  # fmt: skip
    return jw.open(jw.save(made, folder / name), device="cpu")


CASES = {
    "planes": ((40, 60), [((40, 60), (1, 1))] * 8, {}),
    "one": ((40, 60), [((40, 60), (1, 1))], {}),
    "two, one round": ((40, 60), [((40, 60), (1, 1))] * 2, {"maxiters": 1}),
    "other subarrays": ((40, 60), [((64, 96), (1, 1)), ((64, 96), (1, 1)), ((30, 50), (5, 7))], {"sigma": 1.2}),
    "stacks": ((3, 40, 60), [((6, 40, 60), (1, 1)), ((9, 40, 60), (1, 1)), ((2, 40, 60), (1, 1))], {"sigma": 2.0}),
}


@pytest.mark.parametrize("case", CASES)
def test_same_as_official(case, tmp_path):
    from jwst.background.background_sub import background_sub
    from stdatamodels.jwst import datamodels

    shape, skies, parameters = CASES[case]
    start = (5, 7) if case == "other subarrays" else (1, 1)
    exposure = image(tmp_path, "science_rate.fits", shape, 1, start)
    members = [image(tmp_path, f"sky{k}_rate.fits", s, 10 + k, at) for k, (s, at) in enumerate(skies)]
    with datamodels.open(tmp_path / "science_rate.fits") as model, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        names = [str(tmp_path / member.name) for member in members]
        combined, theirs = background_sub(model, names, parameters.get("sigma", 3.0), parameters.get("maxiters"))
        with jw.byproducts() as left:
            ours = steps.bkg_subtract(exposure, Exposures.of(members), save_combined_background=True, **parameters)
        np.testing.assert_array_equal(ours.dq, theirs.dq)
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6, atol=2e-6)
        np.testing.assert_allclose(left["combinedbackground"].data, combined.data, rtol=1e-6)
        np.testing.assert_allclose(left["combinedbackground"].err, combined.err, rtol=1e-6)
        np.testing.assert_array_equal(left["combinedbackground"].dq, combined.dq)
