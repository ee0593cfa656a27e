"""group_scale: the on-board average is mended only where its divisor was wrong."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure, make_ramp

from jwgpu.steps import group_scale


def test_groups_are_scaled_by_divisor_over_frames():
    ramp = make_ramp([30.0, 60.0], nframes=3, frame_divisor=4, zeroframe=np.full((1, 3, 3), 9.0))
    scaled = check_pure(group_scale, ramp)
    np.testing.assert_allclose(scaled.data[0, :, 0, 0], [40, 80], rtol=1e-7)
    assert (scaled.zeroframe == 9).all()
    assert scaled.data.dtype == np.float32
    assert scaled.history[-1].notes == {"scale": 4 / 3}


@pytest.mark.parametrize(
    ("nframes", "divisor", "words"),
    [(4, 4, "equals"), (4, None, "power of two"), (3, None, "FRMDIVSR"), (None, 4, "NFRAMES")],
)
def test_says_why_it_does_not_apply(nframes, divisor, words):
    ramp = make_ramp([1.0], nframes=nframes, frame_divisor=divisor)
    skipped = group_scale(ramp)
    assert skipped.history[-1].status == "SKIPPED"
    assert words in skipped.history[-1].reason
    assert skipped.data is ramp.data
