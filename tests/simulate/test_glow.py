"""The simulated picture frame: where it shines, how it grows, and that the reference is of its shape."""

from __future__ import annotations

import numpy as np

from jwgpu import simulate

QUIET = dict(poisson=False, read_noise=False, quantize=False, drift=0.0, one_over_f=0.0, reset_noise=0.0)


def test_it_grows_along_the_edge_and_spares_reference_pixels():
    made, without = (simulate.tiny("nirspec_picture_frame", picture_frame=g, **QUIET) for g in (0.5, 0.0))
    added = made.ramp.data - without.ramp.data
    assert not added[..., :4, :].any() and not added[..., -4:].any()
    assert added[0, -1, 5, 76] > 5 * added[0, -1, 76, 76] > 0
    seconds = made.ramp.meta.exposure.group_time * 3
    growth = (added[:, -1] - added[:, 0])[:, 5, 76] / seconds
    np.testing.assert_allclose(growth, 0.5 * np.exp(-5 / simulate.glow.REACH), rtol=0.2)
    shape = made.references.get("pictureframe").data
    np.testing.assert_allclose(added[1, 2] / added[1, 2].max(), shape / shape.max(), atol=0.02)


def test_only_nirspec_full_frames_have_it():
    for mode in ("nirspec_sub", "nircam", "miri"):
        made = simulate.tiny(mode, picture_frame=5.0)
        assert made.references.get("pictureframe") is None
        np.testing.assert_array_equal(made.ramp.data, simulate.tiny(mode).ramp.data)
    assert simulate.tiny("nirspec_irs2").references.get("pictureframe").data.shape == (64, 64)
