"""Moving targets stand still in the coordinates that go along with them."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import steps
from jwgpu.data import Exposures
from jwgpu.errors import InputError
from jwgpu.wcs.moving import FRAME


def moving(ra=(10.0, 10.001, 10.004), dec=(-5.0, -5.001, -5.001), **more):
    """A set of images of a target that moves, each pointed at where it is; without noise or errors."""
    made = []
    for k, (a, d) in enumerate(zip(ra, dec, strict=True)):
        one = jw.simulate.dithers(1, size=32, field=(a, d, 20.0), pointing_error=0.0, roll_error=0.0, **more)[0]
        mt = {"wcsinfo.mt_ra": a, "wcsinfo.mt_dec": d, "target.type": "MOVING", "filename": f"m{k}_cal.fits"}
        made.append(one.to("cpu").replace(meta=one.meta.set(mt)))
    return Exposures.of(made, product_name="comet")


def away(a, b):
    """Difference of two right ascensions, whole turns left out."""
    return (np.asarray(a) - b + 180) % 360 - 180


def test_the_target_stands_still():
    before = moving()
    after = steps.assign_mtwcs(before)
    x, y = before[1].wcs.invert(10.001, -5.001)
    assert after[1].wcs.frames == (*before[1].wcs.frames, FRAME)
    ra, dec = after[1].wcs(x, y)
    assert ra == pytest.approx(np.mean([10.0, 10.001, 10.004]), abs=1e-9)
    assert dec == pytest.approx(np.mean([-5.0, -5.001, -5.001]), abs=1e-9)
    np.testing.assert_allclose(after[1].wcs.invert(ra, dec), (x, y), atol=1e-3)
    meta = after[2].meta.wcsinfo
    assert (meta.mt_avra, meta.mt_avdec) == (pytest.approx(10.0 + 0.005 / 3), pytest.approx(-5.002 / 3 - 10 / 3))
    assert meta.s_region != before[2].meta.wcsinfo.s_region
    assert after[0].data is before[0].data
    assert after.history[-1].notes["largest_move"] > 3600 * 0.0023


@pytest.mark.parametrize("middle", [0.0, 180.0])
def test_on_both_sides_of_zero(middle):
    ra = tuple((middle + np.array([-0.002, 0.001, 0.001])) % 360)
    before = moving(ra, (1.0, 1.0, 1.0))
    after = steps.assign_mtwcs(before)
    assert after.history[-1].notes["mt_avra"] == pytest.approx(middle, abs=1e-9)
    for image, where in zip(before, ra):
        x, y = image.wcs.invert(where, 1.0)
        found, _ = after[0].wcs(*before[0].wcs.invert(ra[0], 1.0))
        assert abs(away(found, middle)) < 1e-9
        assert np.isfinite([x, y]).all()


def test_twice_is_the_same_as_once():
    once = steps.assign_mtwcs(moving())
    twice = steps.assign_mtwcs(once)
    assert twice[0].wcs.frames == once[0].wcs.frames
    np.testing.assert_allclose(twice[2].wcs(3.0, 4.0), once[2].wcs(3.0, 4.0), rtol=0, atol=1e-13)


def test_it_is_saved_and_opened(tmp_path):
    after = steps.assign_mtwcs(moving())
    again = jw.open(jw.save(after[1], tmp_path / "a_assign_mtwcs.fits"), device="cpu")
    assert again.meta.cal_step.assign_mtwcs == "COMPLETE"
    assert again.meta.wcsinfo.mt_avra == after[1].meta.wcsinfo.mt_avra
    np.testing.assert_allclose(again.wcs(3.0, 4.0), after[1].wcs(3.0, 4.0), rtol=0, atol=1e-13)


def test_a_target_that_stands_still():
    images = moving()
    one = images[1].replace(meta=images[1].meta.set({"wcsinfo.mt_dec": None}))
    after = steps.assign_mtwcs(images.with_members([images[0], one]))
    assert after.history[-1].reason == "m1_cal.fits does not say where a moving target was (MT_RA, MT_DEC)"
    assert after[0].wcs is images[0].wcs


def test_without_coordinates():
    images = moving()
    with pytest.raises(InputError, match="run assign_wcs before"):
        steps.assign_mtwcs(images.with_members(image.replace(wcs=None) for image in images))
