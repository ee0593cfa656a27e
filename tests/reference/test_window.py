"""Which part of a reference an exposure gets: IRS2 frames, stripes."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu
from jwgpu import simulate
from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference.window import Window, cut

IRS2 = Meta({"exposure.readpatt": "NRSIRS2", "subarray.fastaxis": 2, "subarray.slowaxis": 1, "subarray.xstart": 1,
             "subarray.ystart": 1, "filename": "an_irs2_uncal.fits"})  # fmt: skip
STRIPES = ("nircam_dhs", "nircam_dhs_long", "nircam_superstripe_repeat", "niriss_superstripe")
CLAIM = Meta({"subarray.ysize": 2048, "subarray.xsize": 2048, "subarray.xstart": 1, "subarray.ystart": 1})


@pytest.mark.parametrize("rows", [3200, 2048])
def test_irs2_frames_take_both_kinds_of_reference_whole(rows):
    """Headers of both claim 2048 rows."""
    window = Window.of(IRS2, (1, 5, 3200, 2048))
    assert cut(CLAIM, (rows, 2048), window, "a reference", "gain") == (slice(0, rows), slice(0, 2048))


def test_irs2_frames_take_no_other():
    window = Window.of(IRS2, (1, 5, 3200, 2048))
    with pytest.raises(InputError, match="1000 x 2048"):
        cut(CLAIM, (1000, 2048), window, "a reference", "gain")


def test_a_stripped_irs2_ramp_is_a_plain_full_frame():
    window = Window.of(IRS2, (1, 5, 2048, 2048))
    assert window.science is None
    with pytest.raises(InputError, match="3200 x 2048"):
        cut(CLAIM.set({"subarray.ysize": 3200}), (3200, 2048), window, "a mask", "mask")


@pytest.mark.parametrize("mode", ["nirspec_irs2", "nirspec_sub", "niriss_substrip256", "fgs_image", "tso", *STRIPES])
def test_files_of_every_readout_give_what_was_simulated(mode, tmp_path):
    """Written, chosen from the folder, read back: the same as in memory, and so is the rate."""
    made = simulate.tiny(mode)
    written = simulate.write(made, tmp_path, crds=False)
    ramp = jwgpu.open(written.uncal)
    np.testing.assert_array_equal(ramp.data, made.ramp.data)
    found = jwgpu.references(ramp, folder=tmp_path / "references")
    from_files = jwgpu.pipelines.choose(ramp).run(ramp, found, progress=False).rate
    in_memory = jwgpu.pipelines.choose(made.ramp).run(made.ramp, made.references, progress=False).rate
    np.testing.assert_array_equal(from_files.data, in_memory.data)
    np.testing.assert_array_equal(from_files.dq, in_memory.dq)
