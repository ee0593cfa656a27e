"""gain_scale: rates taken at another gain."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import make_reference

from jwgpu.data import Image, Meta
from jwgpu.steps import gain_scale


def _image(**meta) -> Image:
    ones = np.ones((2, 2), np.float32)
    planes = {name: ones * (i + 1) for i, name in enumerate(("data", "err", "var_poisson", "var_rnoise", "var_flat"))}
    return Image(
        **planes, dq=np.zeros((2, 2), np.uint32), unit="DN/s", meta=Meta({f"exposure.{k}": v for k, v in meta.items()})
    )


@pytest.mark.parametrize("where", ["exposure", "reference", "both"])
def test_values_scale_and_variances_scale_by_the_square(where):
    factor = {"exposure": 2.5, "both": 2.5}.get(where)
    gain = make_reference(
        "gain", data=np.ones((2, 2)), meta={"exposure.gain_factor": 2.5 if where == "reference" else 7.0}
    )
    image = _image(gain_factor=factor)
    scaled = gain_scale(image, None if where == "exposure" else gain)
    np.testing.assert_array_equal(scaled.data, 2.5)
    np.testing.assert_array_equal(scaled.err, 5.0)
    np.testing.assert_array_equal(scaled.var_poisson, 3 * 6.25)
    np.testing.assert_array_equal(scaled.var_rnoise, 4 * 6.25)
    np.testing.assert_array_equal(scaled.var_flat, 5 * 6.25)
    assert scaled.meta.exposure.gain_factor == 2.5
    assert (image.data == 1).all()


def test_a_factor_of_one_completes_and_changes_nothing():
    image = _image(gain_factor=1)
    done = gain_scale(image)
    assert done.history[-1].status == "COMPLETE"
    assert done.data is image.data


def test_without_a_factor_it_skips():
    for gain in (None, make_reference("gain", data=np.ones((2, 2)))):
        assert "GAINFACT" in gain_scale(_image(), gain).history[-1].reason
