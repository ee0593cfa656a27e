"""Backgrounds of dedicated exposures: means, clipping, subarrays, stacks."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import PIXEL, Exposures, Image, Meta
from jwgpu.errors import InputError

SHAPE = (70, 40)
"""More rows than one block has."""


def image(shape=SHAPE, start=(1, 1), value=None, seed=0, unit="DN/s", **meta):
    rng = np.random.default_rng(seed)
    plane = {"subarray.ystart": start[0], "subarray.xstart": start[1], "exposure.type": "NRC_IMAGE"}
    data = rng.normal(5, 1, shape) if value is None else np.full(shape, value)
    return Image(
        data=data.astype(np.float32), err=np.full(shape, 0.5, np.float32),
        dq=rng.choice(np.array([0, 0, PIXEL.HOT, PIXEL.DO_NOT_USE], np.uint32), shape),
        var_rnoise=np.full(shape, 0.25, np.float32), meta=Meta({**plane, **meta}), unit=unit,
    )  # fmt: skip


def test_the_mean_is_subtracted(device):
    exposure, skies = image(seed=1), [image(seed=k) for k in (2, 3, 4)]
    made = steps.bkg_subtract(device.put(exposure), device.put(Exposures.of(skies)))
    mean = np.mean([s.data for s in skies], axis=0, dtype=np.float64)
    np.testing.assert_allclose(device.host(made.data), exposure.data - mean, atol=1e-6)
    np.testing.assert_array_equal(device.host(made.dq), exposure.dq | skies[0].dq | skies[1].dq | skies[2].dq)
    np.testing.assert_array_equal(device.host(made.err), exposure.err)
    assert made.history[-1].notes["backgrounds"] == 3
    assert made.history[-1].notes["mean_background"] == pytest.approx(mean.mean(), rel=1e-6)


def test_a_star_in_one_of_many_is_clipped():
    skies = [image(value=float(v)) for v in (1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 2, 2)]
    bright = skies[0].data.copy()
    bright[5, 6] = 1e5
    skies[0] = skies[0].replace(data=bright)
    made = steps.bkg_subtract(image(value=10.0), Exposures.of(skies))
    assert made.data[0, 0] == pytest.approx(10 - 2, abs=1e-6)
    assert made.data[5, 6] == pytest.approx(10 - np.mean([2, 3, 1, 2, 3, 1, 2, 3, 2, 2, 2]), abs=1e-6)
    kept = steps.bkg_subtract(image(value=10.0), Exposures.of(skies), maxiters=0)
    assert kept.data[5, 6] < -8000
    few = steps.bkg_subtract(image(value=10.0), Exposures.of(skies), sigma=100.0)
    assert few.data[5, 6] == kept.data[5, 6]


def test_the_combined_background_is_left_beside():
    with jw.byproducts() as left:
        made = steps.bkg_subtract(image(), Exposures.of([image(value=2.0), image(value=4.0)]),
                                  save_combined_background=True)  # fmt: skip
    combined = left["combinedbackground"]
    np.testing.assert_allclose(combined.data, 3.0)
    np.testing.assert_allclose(combined.err, np.sqrt(2 * 0.25) / 2)
    np.testing.assert_array_equal(made.data + combined.data, image().data)
    assert combined.history[-1].step == "bkg_subtract"


def test_what_is_nowhere_measured_is_not_subtracted():
    hole = image(value=2.0)
    data = hole.data.copy()
    data[3, 4] = np.nan
    both = steps.bkg_subtract(image(value=9.0), Exposures.of([hole.replace(data=data)] * 2))
    assert both.data[3, 4] == 9.0
    one = steps.bkg_subtract(image(value=9.0), Exposures.of([hole.replace(data=data), hole]))
    assert one.data[3, 4] == 7.0


@pytest.mark.parametrize("start", [(1, 1), (11, 6), (-19, -4)])
def test_a_background_of_another_subarray_counts_where_it_overlaps(start):
    """It lies where it lies on the detector, wherever it begins."""
    sky = image((50, 30), start, value=2.0)
    made = steps.bkg_subtract(image(value=9.0), Exposures.of([sky]))
    expected = np.full(SHAPE, 9.0)
    y, x = start[0] - 1, start[1] - 1
    expected[max(y, 0) : y + 50, max(x, 0) : x + 30] = 7.0
    np.testing.assert_array_equal(made.data, expected)
    untouched = image(value=9.0).dq
    np.testing.assert_array_equal(made.dq[expected == 9.0], untouched[expected == 9.0])


def test_stacks():
    """Backgrounds of several integrations are averaged over them; planes and stacks go together."""
    stack = image((3, *SHAPE), value=2.0)
    plane = image(value=4.0)
    for exposure in (image(value=9.0), image((2, *SHAPE), value=9.0)):
        made = steps.bkg_subtract(exposure, Exposures.of([stack, plane]))
        np.testing.assert_array_equal(made.data, np.full(exposure.shape, 6.0))
        np.testing.assert_array_equal(made.dq, exposure.dq | np.bitwise_or.reduce(stack.dq) | plane.dq)


def test_backgrounds_in_files(tmp_path):
    """They are read a block of rows at a time, with the same result."""
    skies = [image(seed=k, **{"telescope": "JWST", "instrument.name": "NIRCAM"}) for k in (2, 3, 4)]
    paths = [jw.save(sky, tmp_path / f"sky{k}_rate.fits") for k, sky in enumerate(skies)]
    lazy = Exposures.of([jw.open(path, lazy=True) for path in paths])
    expected, found = (steps.bkg_subtract(image(seed=1), those) for those in (Exposures.of(skies), lazy))
    np.testing.assert_array_equal(found.data, expected.data)
    np.testing.assert_array_equal(found.dq, expected.dq)
    assert found.history[-1].exposures == {"background": [path.name for path in paths]}


TILTED = {"instrument.name": "NIRSPEC", "instrument.gwa_xtilt": 0.1, "instrument.gwa_ytilt": 0.2}
SKIPPED = {
    "none": (image(), None, "no background exposures"),
    "slitless": (image(**{"exposure.type": "NRC_WFSS"}), [image()], "fitted, not averaged"),
    "elsewhere": (image(), [image(start=(100, 1))], "overlaps"),
    "tilted": (image(**TILTED), [image(**TILTED | {"instrument.gwa_xtilt": 0.3})], "grating wheel"),
}


@pytest.mark.parametrize("what", SKIPPED)
def test_skips(what):
    exposure, skies, words = SKIPPED[what]
    made = steps.bkg_subtract(exposure, skies and Exposures.of(skies))
    assert made.history[-1].status == "SKIPPED"
    assert words in made.history[-1].reason
    assert made.data is exposure.data


def test_wrong_input():
    sky = Exposures.of([image()])
    for arguments, words in (({"sigma": 0.0}, "sigma = 0.0"), ({"maxiters": -1}, "maxiters = -1")):
        with pytest.raises(InputError, match=words):
            steps.bkg_subtract(image(), sky, **arguments)
    with pytest.raises(InputError, match="its backgrounds are in MJy/sr"):
        steps.bkg_subtract(image(), Exposures.of([image(unit="MJy/sr")]))
