"""Division by the sensitivity of the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from jwgpu import pipelines, steps
from jwgpu.data import PIXEL, Image, Meta, Reference
from jwgpu.errors import InputError

SHAPE = (6, 8)


def image(n=None, **changes):
    """An image of random values with variances that go with them; a stack of `n`."""
    rng = np.random.default_rng(1)
    shape = SHAPE if n is None else (n, *SHAPE)
    poisson, read = rng.uniform(1, 4, (2, *shape)).astype(np.float32)
    return Image(
        data=rng.normal(100, 10, shape).astype(np.float32), err=np.sqrt(poisson + read), dq=np.zeros(shape, np.uint32),
        var_poisson=poisson, var_rnoise=read, unit="DN/s", meta=Meta({"exposure.type": "NRC_IMAGE"}),
    ).replace(**changes)  # fmt: skip


def flat(values=None, dq=None, err=0.01):
    values = np.random.default_rng(2).uniform(0.5, 1.5, SHAPE) if values is None else values
    arrays = {"data": np.asarray(values, np.float32), "dq": np.zeros(SHAPE, np.uint32) if dq is None else dq}
    if err is not None:
        arrays["err"] = np.full(SHAPE, err, np.float32)
    return Reference("flat", "flat.fits", arrays)


@pytest.mark.parametrize("n", [None, 3])
def test_the_formulas(n):
    before, reference = image(n), flat()
    done = steps.flat_field(before, reference)
    f = reference.data
    np.testing.assert_allclose(done.data, before.data / f, rtol=1e-6)
    np.testing.assert_allclose(done.var_poisson, before.var_poisson / f**2, rtol=1e-6)
    np.testing.assert_allclose(done.var_rnoise, before.var_rnoise / f**2, rtol=1e-6)
    np.testing.assert_allclose(done.var_flat, (before.data / f**2 * 0.01) ** 2, rtol=1e-5)
    np.testing.assert_allclose(done.err**2, done.var_poisson + done.var_rnoise + done.var_flat, rtol=1e-6)
    assert not done.dq.any()


def test_there_and_back():
    before, reference = image(), flat()
    back = steps.flat_field(steps.flat_field(before, reference), reference, inverse=True)
    np.testing.assert_allclose(back.data, before.data, rtol=1e-6)
    np.testing.assert_allclose(back.err, before.err, rtol=1e-6)
    assert not back.var_flat.any()


BAD = PIXEL.DO_NOT_USE | PIXEL.NO_FLAT_FIELD


@pytest.mark.parametrize(
    "value, bits, expected",
    [
        (np.nan, 0, BAD),
        (0.0, 0, BAD),
        (0.7, PIXEL.NO_FLAT_FIELD, BAD),
        (0.7, PIXEL.DO_NOT_USE, PIXEL.DO_NOT_USE),
        (0.7, PIXEL.UNRELIABLE_FLAT, PIXEL.UNRELIABLE_FLAT),
    ],
)
def test_a_pixel_without_a_good_flat(value, bits, expected):
    values, dq = np.full(SHAPE, 0.8), np.zeros(SHAPE, np.uint32)
    values[2, 3], dq[2, 3] = value, bits
    before = image()
    done = steps.flat_field(before, flat(values, dq))
    assert done.dq[2, 3] == expected
    assert np.flatnonzero(done.dq).tolist() == [2 * SHAPE[1] + 3]
    arrays = [done.data, done.err, done.var_poisson, done.var_rnoise, done.var_flat]
    if expected & PIXEL.DO_NOT_USE:
        assert all(np.isnan(a[2, 3]) for a in arrays)
    else:
        assert done.data[2, 3] == pytest.approx(before.data[2, 3] / 0.7, rel=1e-6)
    assert all(np.isfinite(a).sum() >= a.size - 1 for a in arrays)


def test_flags_and_nan_agree_in_the_end():
    before = image()
    data, dq = before.data.copy(), before.dq.copy()
    data[0, 0], dq[1, 1], dq[2, 2] = np.nan, PIXEL.DO_NOT_USE, PIXEL.JUMP_DET
    done = steps.flat_field(before.replace(data=data, dq=dq), flat())
    assert (done.dq[0, 0], done.dq[1, 1], done.dq[2, 2]) == (PIXEL.DO_NOT_USE, PIXEL.DO_NOT_USE, PIXEL.JUMP_DET)
    for array in (done.data, done.err, done.var_flat, done.var_poisson):
        assert np.argwhere(np.isnan(array)).tolist() == [[0, 0], [1, 1]]


def test_without_variances_the_error_counts():
    """As for guiders, and for images made by others."""
    before = image(var_poisson=None, var_rnoise=None)
    done = steps.flat_field(before, flat())
    np.testing.assert_allclose(done.err**2, before.err**2 + done.var_flat, rtol=1e-6)
    bare = steps.flat_field(Image(data=before.data, unit="DN/s", meta=before.meta), flat(err=None))
    assert not bare.err.any()
    assert not bare.var_flat.any()


def test_what_is_refused_and_skipped():
    with pytest.raises(InputError, match=r"flat\.fits"):
        steps.flat_field(image(data=np.zeros((5, 8), np.float32)), flat())
    spectrum = image(meta=Meta({"exposure.type": "NRS_MSASPEC"}))
    assert "NIRSpec" in steps.flat_field(spectrum, flat()).history[-1].reason
    assert steps.flat_field(image()).history[-1].status == "SKIPPED"


def test_it_corrects_the_simulated_sensitivity(tiny):
    """Pixels of low quantum efficiency see the sky that the others see."""
    simulation = tiny("nircam")
    rate = pipelines.choose(simulation.ramp).run(simulation.ramp, simulation.references, progress=False).rate
    done = steps.flat_field(rate, simulation.references.get("flat"))
    low = (simulation.truth.bad_pixels & PIXEL.LOW_QE != 0) & np.isfinite(done.data)
    assert low.any()
    full = simulation.truth.rate[low] / 0.55
    pulls = (done.data[low] - full) / done.err[low]
    assert np.abs(pulls).max() < 5
    assert np.median(rate.data[low] / full) == pytest.approx(0.55, abs=0.1)
