"""Where NIRSpec light falls, and picture_frame with it, against jwst 3.0.0: the same pixels."""

from __future__ import annotations

import functools
import warnings

import nirspec_optics as optics
import numpy as np
import pytest
from official import crds_settings
from ramps import make_reference

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.reference.local import write_cache

pytest.importorskip("jwst")
pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHUTTERS = [(1, 1, 100, 1, "N", "Y"), (1, 1, 100, 2, "Y", "N"), (2, 4, 50, 1, "Y", "N"), (2, 4, 50, 2, "Y", "N"),
            (3, 2, 365, 2, "N", "Y"), (4, 1, 5, 1, "N", "Y"), (5, 3, 12, 2, "Y", "N")]  # fmt: skip
CASES = [
    ("NRS_FIXEDSLIT", "PRISM", "NRS1"), ("NRS_FIXEDSLIT", "PRISM", "NRS2"), ("NRS_FIXEDSLIT", "G140M", "NRS1"),
    ("NRS_BRIGHTOBJ", "PRISM", "NRS1"), ("NRS_IFU", "PRISM", "NRS1"), ("NRS_IFU", "G140M", "NRS1"),
    ("NRS_IFU", "G140M", "NRS2"), ("NRS_MSASPEC", "PRISM", "NRS1"), ("NRS_MSASPEC", "G140M", "NRS2"),
    ("NRS_MSASPEC", "G140M", "NRS1"), ("with a slit", "PRISM", "NRS1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a function that makes, once, a CRDS cache of straight optics with a grating."""

    @functools.cache
    def make(grating):
        folder = tmp_path_factory.mktemp(grating)
        files = optics.write(folder / "refs", grating, all_array_storage="inline")
        return write_cache(folder / "crds", files.values())

    return make


@pytest.mark.parametrize(("kind", "grating", "detector"), CASES)
def test_the_mask_and_the_result(kind, grating, detector, cache, tmp_path):
    from crds.core import utils
    from jwst.picture_frame.picture_frame import correct_picture_frame
    from stdatamodels.jwst import datamodels

    exposure = optics.image("NRS_MSASPEC" if kind == "with a slit" else kind, grating, detector)
    if exposure.meta.exposure.type == "NRS_MSASPEC":
        optics.write_shutters(tmp_path, SHUTTERS, ["S400A1"] if kind == "with a slit" else [])
    glow = simulate.glow.pattern(np.zeros(exposure.shape, bool))
    path = jw.save(exposure.replace(data=exposure.data + 0.3 * glow), tmp_path / "a_rate.fits")
    exposure = jw.open(path)
    frame = make_reference("pictureframe", data=glow)
    with crds_settings(cache(grating)):
        utils.clear_function_caches()
        refs = jw.references(exposure)
        wanted = [name for name in steps.picture_frame.references if name not in ("pictureframe", "gain", "readnoise")]
        found = {name: refs.get(name) for name in wanted if steps.picture_frame.wants(name, exposure, {})}
        with jw.byproducts() as left:
            ours = steps.picture_frame(exposure, frame, **found, save_mask=True)
        with warnings.catch_warnings(), datamodels.open(path) as model:
            warnings.simplefilter("ignore")
            theirs, mask, _, status = correct_picture_frame(
                model, datamodels.PictureFrameModel(data=glow), input_dir=str(tmp_path), save_mask=True
            )
    utils.clear_function_caches()
    assert (ours.history[-1].status, status) == ("COMPLETE", "COMPLETE")
    lit = ~left["pctfrm_mask"].data.astype(bool)
    np.testing.assert_array_equal(lit, ~mask.data.astype(bool))
    np.testing.assert_array_equal(ours.data, theirs.data)
    notes = ours.history[-1].notes
    assert ("not_masked" in notes) == (kind == "NRS_IFU" and detector == "NRS2")
    without = steps.picture_frame(exposure, frame, mask_science_regions=False)
    assert (without.data != ours.data).any() != ("not_masked" in notes)


@pytest.mark.parametrize("grating", ["PRISM", "G140M"])
def test_shutters_that_nobody_knows(grating, cache, tmp_path):
    """Without the table of open shutters neither corrects a MOS exposure."""
    from crds.core import utils
    from jwst.picture_frame.picture_frame import correct_picture_frame
    from stdatamodels.jwst import datamodels

    path = jw.save(optics.image("NRS_MSASPEC", grating), tmp_path / "a_rate.fits")
    exposure = jw.open(path)
    with crds_settings(cache(grating)):
        utils.clear_function_caches()
        refs = jw.references(exposure)
        found = {name: refs.get(name) for name in steps.picture_frame.references if name not in ("gain", "readnoise",
                 "pictureframe", "ifuslicer", "ifupost")}  # fmt: skip
        frame = simulate.glow.pattern(np.zeros(exposure.shape, bool))
        ours = steps.picture_frame(exposure, make_reference("pictureframe", data=frame), **found)
        with datamodels.open(path) as model:
            *_, status = correct_picture_frame(model, datamodels.PictureFrameModel(data=frame), input_dir=str(tmp_path))
    utils.clear_function_caches()
    assert status == "FAILED"
    assert "not beside the exposure" in ours.history[-1].reason
    assert ours.data is exposure.data
