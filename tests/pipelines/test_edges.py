"""Whole pipelines on input at the edge: holes in references, single pixels, saturation, missing times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jwgpu import pipelines, simulate
from jwgpu.data import PIXEL
from jwgpu.errors import InputError
from jwgpu.reference import References

SPOT = (20, 21)
TYPES = ("mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise")


def calibrate(ramp, references, **settings):
    """Run stage 1; `settings` are parameters of ramp_fit."""
    pipeline = pipelines.choose(ramp)
    pipeline = pipeline.set("ramp_fit", **settings) if settings else pipeline
    return pipeline.run(ramp, references, progress=False)


def changed(references, kind, value):
    """Return the references with `value` at one pixel of every array of floats of one type."""
    made = {name: references.get(name) for name in TYPES}
    arrays = {name: array.copy() for name, array in made[kind].arrays.items()}
    for array in arrays.values():
        if array.dtype.kind == "f":
            array[..., SPOT[0], SPOT[1]] = value
    made[kind] = dataclasses.replace(made[kind], arrays=arrays)
    return References.from_mapping(made)


def quiet(mode, **changes):
    """Return a tiny exposure without sources, cosmic rays and bad pixels."""
    options = dict(n_stars=0, n_galaxies=0, cosmic_rays=0.0, snowballs=0.0, bad_pixels=False) | changes
    return simulate.tiny(mode, **options)


def away_from_spot(shape):
    """Return which pixels are so far from the spot that flags of neighbours do not reach them."""
    y, x = np.indices(shape)
    return np.maximum(abs(y - SPOT[0]), abs(x - SPOT[1])) > 2


@pytest.mark.parametrize("value", [np.nan, -1.0, 0.0])
@pytest.mark.parametrize("kind", TYPES[1:])
@pytest.mark.parametrize("mode", ["nircam", "niriss", "nirspec"])
def test_a_hole_in_a_reference_touches_its_own_pixel_only(mode, kind, value):
    made = quiet(mode)
    before = calibrate(made.ramp, made.references).rate
    after = calibrate(made.ramp, changed(made.references, kind, value)).rate
    far = away_from_spot(before.shape)
    np.testing.assert_array_equal(after.data[far], before.data[far])
    np.testing.assert_array_equal(after.dq[far], before.dq[far])
    flags = after.dq[SPOT]
    if kind == "gain":
        assert flags & PIXEL.NO_GAIN_VALUE and flags & PIXEL.DO_NOT_USE
        assert np.isnan(after.data[SPOT])
    elif np.isnan(value) and kind in ("saturation", "linearity"):
        assert flags & {"saturation": PIXEL.NO_SAT_CHECK, "linearity": PIXEL.NO_LIN_CORR}[kind]
        assert np.isfinite(after.data[SPOT])


def window(noun, y, x):
    """Return the exposure or reference cut to the rows and columns given as slices."""
    cut = {name: array[..., y, x].copy() for name, array in dict(getattr(noun.arrays, "items", noun.arrays)()).items()}
    return noun.replace(**cut) if hasattr(noun, "replace") else dataclasses.replace(noun, arrays=cut)


@pytest.mark.parametrize("mode", ["nircam", "niriss", "nirspec", "fgs_image"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_windows_of_a_few_pixels_give_what_the_full_frame_gives(mode, size):
    made = quiet(mode)
    y, x = (slice(start, start + n) for start, n in zip(SPOT, size))
    name, start = {"subarray.name": "SUB"}, {"subarray.xstart": x.start + 1, "subarray.ystart": y.start + 1}
    ramp = window(made.ramp, y, x)
    ramp = ramp.replace(meta=ramp.meta.set({**name, **start, "subarray.xsize": size[1], "subarray.ysize": size[0]}))
    references = References.from_mapping({kind: window(made.references.get(kind), y, x) for kind in TYPES})
    full = pipelines.choose(made.ramp).without("refpix").run(made.ramp, made.references, progress=False).rate
    few = pipelines.choose(ramp).without("refpix").run(ramp, references, progress=False).rate
    assert few.shape == size
    clean = (full.dq[y, x] == 0) & (few.dq == 0)
    assert clean.any()
    np.testing.assert_array_equal(few.data[clean], full.data[y, x][clean])
    assert calibrate(ramp, references).rate.shape == size


@pytest.mark.parametrize("mode", ["nircam", "niriss", "nirspec_sub", "fgs_image"])
def test_an_integration_that_is_wholly_saturated_leaves_the_others(mode):
    made = quiet(mode)
    data = made.ramp.data.copy()
    data[1] = 65535
    run = calibrate(made.ramp.replace(data=data, zeroframe=None), made.references)
    alone = calibrate(made.ramp.replace(zeroframe=None), made.references)
    checked = made.references.get("saturation").dq == 0
    assert checked.any()
    assert (run.rateints.dq[1][checked] & PIXEL.SATURATED).all()
    assert np.isnan(run.rateints.data[1][checked]).all()
    # Jumps are found from the differences of all integrations: only pixels without one are surely the same.
    calm = ((run.rateints.dq[0] | alone.rateints.dq[0]) & PIXEL.JUMP_DET) == 0
    assert calm.mean() > 0.9
    np.testing.assert_array_equal(run.rateints.data[0][calm], alone.rateints.data[0][calm])
    if run.rateints.shape[0] == 2:
        np.testing.assert_allclose(run.rate.data[checked], run.rateints.data[0][checked], rtol=1e-5)
    assert np.isfinite(run.rate.data[checked]).all()


@pytest.mark.parametrize("mode", ["nircam", "nirspec", "nirspec_irs2rapid"])
def test_the_highest_counts_everywhere_give_no_rate_and_no_warning(mode):
    made = quiet(mode)
    zero = None if made.ramp.zeroframe is None else np.full_like(made.ramp.zeroframe, 65535)
    ramp = made.ramp.replace(data=np.full_like(made.ramp.data, 65535), zeroframe=zero)
    rate = calibrate(ramp, made.references, suppress_one_group=False).rate
    checked = made.references.get("saturation").dq == 0
    assert (rate.dq[checked] & PIXEL.SATURATED).all() and (rate.dq[checked] & PIXEL.DO_NOT_USE).all()
    assert np.isnan(rate.data[checked]).all()


def test_one_good_group_is_recovered_from_itself_or_the_zero_frame():
    """Saturated from the second group on: with suppress_one_group the rate is that of no group, without of one."""
    made = quiet("nircam", readpatt="BRIGHT2", n_integrations=1)
    ramp, timing = made.ramp, made.ramp.meta.exposure
    data = ramp.data.copy()
    data[:, 1:, SPOT[0], SPOT[1]] = 65535
    data[:, 0, SPOT[0], SPOT[1]] += 3000
    one = ramp.replace(data=data, zeroframe=None)
    assert np.isnan(calibrate(one, made.references).rate.data[SPOT])
    found = calibrate(one, made.references, suppress_one_group=False).rate.data[SPOT]
    # The mean of two frames, 1 and 2 frame times after the reset.
    assert found == pytest.approx(3000 / (1.5 * timing.frame_time), rel=0.05)
    data[:, :, SPOT[0], SPOT[1]] = 65535
    zero = ramp.zeroframe.copy()
    zero[:, SPOT[0], SPOT[1]] += 5000
    none = ramp.replace(data=data, zeroframe=zero)
    found = calibrate(none, made.references, suppress_one_group=False).rate.data[SPOT]
    assert found == pytest.approx(5000 / timing.frame_time, rel=0.05)


def test_a_missing_zero_frame_is_no_error():
    made = simulate.tiny("niriss")
    assert made.ramp.meta.exposure.zero_frame
    with_frame = calibrate(made.ramp, made.references).rate
    without = calibrate(made.ramp.replace(zeroframe=None), made.references).rate
    np.testing.assert_array_equal(with_frame.data, without.data)


@pytest.mark.parametrize("name", ["group_time", "frame_time", "nframes", "groupgap"])
@pytest.mark.parametrize("mode", ["nircam", "nirspec_irs2"])
def test_a_missing_time_is_named_with_its_remedy(mode, name):
    made = simulate.tiny(mode)
    ramp = made.ramp.replace(meta=made.ramp.meta.set({f"exposure.{name}": None}))
    with pytest.raises(InputError, match=rf"does not say meta\.exposure\.{name}.*set it with"):
        calibrate(ramp, made.references)


def test_without_a_fit_the_ramp_is_the_product():
    made = simulate.tiny("nircam_rapid")
    run = pipelines.choose(made.ramp).without("ramp_fit").run(made.ramp, made.references, progress=False)
    assert set(run.products) == {"ramp"}
    assert run.history[-1].step == "gain_scale"
    assert "the fit of the ramps was left out" in run.history[-1].reason
