"""photom against that of jwst 3.0.0, for images of every instrument."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from jwgpu import simulate, steps
from jwgpu.data import Image
from jwgpu.simulate import files

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("mode", ["nircam", "nircam_sub", "niriss", "miri", "miri_sub", "fgs_image", "tso"])
def test_same_as_official(mode, inverse, tmp_path):
    from jwst.photom.photom import DataSet
    from stdatamodels.jwst import datamodels

    simulation = simulate.tiny(mode)
    ramp = simulation.ramp.to("cpu")
    data = ramp.data[:, -1] if mode == "tso" else ramp.data[0, -1]
    rng = np.random.default_rng(3)
    arrays = {name: rng.uniform(0, 9, data.shape).astype(np.float32) for name in ("err", "var_poisson", "var_rnoise")}
    arrays |= {"data": data.copy(), "dq": (rng.random(data.shape) < 0.1).astype(np.uint32)}
    arrays["err"][rng.random(data.shape) < 0.1] = np.nan
    paths = {}
    for kind in ("photom", "area"):
        reference = simulation.references.get(kind)
        paths[kind] = str(tmp_path / reference.name)
        files.reference_file(reference).writeto(paths[kind])

    model = (datamodels.CubeModel if mode == "tso" else datamodels.ImageModel)(
        **{n: a.copy() for n, a in arrays.items()}
    )
    for path, value in ramp.meta.items():
        if path.partition(".")[0] in ("instrument", "exposure", "subarray"):
            branch, _, leaf = path.rpartition(".")
            setattr(getattr(model.meta, branch), leaf, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        theirs = DataSet(model, inverse).apply_photom(paths["photom"], paths["area"])
    image = Image(**arrays, unit="MJy/sr" if inverse else "DN/s", meta=ramp.meta)
    ours = steps.photom(image, simulation.references.get("photom"), simulation.references.get("area"), inverse=inverse)
    np.testing.assert_array_equal(ours.dq, theirs.dq)
    for name in ("data", "err", "var_poisson", "var_rnoise", "area"):
        if not (mode in ("nircam_sub", "miri_sub", "tso") and name == "area"):  # theirs cuts what was simulated cut
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, err_msg=name)
    for name, value in theirs.meta.photometry.instance.items():
        assert ours.meta.get(f"photometry.{name}") == pytest.approx(value, rel=1e-7), name
    assert (ours.unit, ours.meta.bunit_err) == (theirs.meta.bunit_data, theirs.meta.bunit_err)
