"""`jw.rgb`: colours come out as they went in."""

import numpy as np
import pytest

import jwgpu as jw
from jwgpu.data import PIXEL, Image
from jwgpu.errors import InputError


def plane(level, place, size=64):
    data = np.random.default_rng(1).normal(1.0, 0.01, (size, size)).astype(np.float32)
    data[place] += level
    return Image(data=data, err=None, dq=np.zeros(data.shape, np.uint32), unit="MJy/sr")


def test_a_red_a_white_and_a_faint_source(device):
    red, white, faint = np.s_[10:14, 10:14], np.s_[40:44, 40:44], np.s_[20:24, 50:54]
    images = [plane(50.0, red), plane(0.0, red), plane(0.0, red)]
    for image in images:
        image.data[white] += 50.0
        image.data[faint] += 1.0
    made = jw.rgb(*(device.put(image) for image in images))
    colour = {name: made.pixels[place].mean(axis=(0, 1)) for name, place in
              (("red", red), ("white", white), ("faint", faint))}  # fmt: skip
    assert colour["red"][0] > 0.4
    assert colour["red"][1:].max() < 0.05
    np.testing.assert_allclose(colour["white"], 1.0, atol=0.05)
    assert colour["faint"].mean() > 0.02
    assert colour["faint"].max() - colour["faint"].min() < 0.05
    assert made.pixels.min() >= 0
    assert made.pixels.max() <= 1
    assert made._repr_png_().startswith(b"\x89PNG")
    assert "<img alt='colour image" in made._repr_html_()


def test_unusable_pixels_are_black():
    image = plane(50.0, np.s_[10:14, 10:14])
    bad = image.replace(dq=np.where(image.data > 10, PIXEL.DO_NOT_USE, np.uint32(0)))
    assert jw.rgb(bad, bad, bad).pixels[10:14, 10:14].max() == 0


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="on one grid"):
        jw.rgb(plane(1, np.s_[:1]), plane(1, np.s_[:1]), plane(1, np.s_[:1], size=32))
