"""superbias: what every group and the zero frame lose."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from ramps import check_pure, make_ramp, make_reference

from jwgpu import simulate, steps
from jwgpu.data import PIXEL
from jwgpu.step import ParameterError
from jwgpu.steps import superbias


def test_bias_leaves_data_and_zero_frame_and_flags_arrive():
    bias = np.arange(9.0).reshape(3, 3)
    bias[1, 1] = np.nan
    flags = np.zeros((3, 3))
    flags[2, 0] = PIXEL.UNRELIABLE_BIAS
    zeroframe = np.full((2, 3, 3), 50.0)
    zeroframe[1, 0, 2] = 0
    data = np.stack([np.full((2, 3, 3), 100.0), np.full((2, 3, 3), 200.0)])
    ramp = make_ramp(data, zeroframe=zeroframe, pixeldq=np.full((3, 3), PIXEL.HOT))
    done = check_pure(superbias, ramp, make_reference("superbias", data=bias, dq=flags))
    known = np.nan_to_num(bias)
    np.testing.assert_array_equal(done.data, ramp.data - known.astype(np.float32))
    np.testing.assert_array_equal(done.zeroframe[0], 50 - known)
    assert done.zeroframe[1, 0, 2] == 0
    np.testing.assert_array_equal(done.pixeldq, np.uint32(PIXEL.HOT) | flags.astype(np.uint32))


def test_a_ramp_without_zero_frame_keeps_none():
    assert superbias(make_ramp([1.0]), make_reference("superbias", data=np.ones((3, 3)))).zeroframe is None


def test_without_a_superbias_it_skips():
    assert superbias(make_ramp([1.0])).history[-1].status == "SKIPPED"


def test_a_superbias_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"superbias\.fits"):
        superbias(make_ramp([1.0]), make_reference("superbias", data=np.zeros((2, 3))))


FIELD = dict(readpatt="RAPID", n_groups=4, n_stars=12, n_galaxies=0, sky=2.0, seed=4)
"""A field of stars whose cyclic pattern is switched on by the test."""

LAYOUTS = {
    "SUB64P": dict(subarray="SUB64P", cyclic_rows=256, n_integrations=40),
    "SUB160, every second": dict(subarray="SUB160", size=(160, 64), cyclic_rows=512, n_integrations=12),
    "long wavelength": dict(subarray="SUB160", size=(100, 96), detector="NRCBLONG", cyclic_rows=512, n_integrations=16),
}
"""Subarrays, with the rows of NIRCam's fast resets and at least three of their cycles."""


@functools.cache
def biased(layout, strength=12.0, **more):
    """Return two ramps before superbias that differ in a cyclic pattern alone, and their references."""
    made = []
    for level in (0.0, strength):
        simulation = simulate.exposure(**{**FIELD, **LAYOUTS[layout], **more, "cyclic_bias": level})
        ramp = steps.dq_init(simulation.ramp, simulation.references.mask)
        made.append(steps.saturation(ramp, simulation.references.saturation, simulation.references.superbias))
    return *made, simulation


def row_levels(ramp, other):
    """Return how much the mean of each row differs between two ramps, (integration, row), DN, less the mean of all.

    In the first group.
    """
    known = (ramp.groupdq[:, 0] | other.groupdq[:, 0]) == 0
    levels = np.where(known, ramp.data[:, 0] - other.data[:, 0], 0).sum(axis=2) / known.sum(axis=2)
    return levels - levels.mean(axis=0)


def read_noise_of_the_mean(simulation):
    """Return the read noise of the mean of the groups of an integration, in each pixel, DN."""
    return float(np.median(simulation.references.readnoise.data)) / 2**0.5 / FIELD["n_groups"] ** 0.5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cyclic_pattern_falls_below_the_read_noise_of_the_mean(layout):
    """Of a star field, with the rows that NIRCam resets in a subarray of this size."""
    plain, striped, simulation = biased(layout)
    bias = simulation.references.superbias
    clean, before = superbias(plain, bias), superbias(striped, bias)
    after = superbias(striped, bias, cyclic_bias=True)
    left, was = (np.abs(row_levels(ramp, clean)) for ramp in (after, before))
    assert was.max() > 6
    assert left.max() < read_noise_of_the_mean(simulation)
    assert left.std() < 0.25 * was.std()
    notes = after.history[-1].notes
    rows = LAYOUTS[layout]["cyclic_rows"]
    assert (notes["cyclic_rows"], notes["cyclic_integrations"]) == (rows, 2048 // rows)
    change = after.zeroframe - before.zeroframe
    np.testing.assert_allclose((change[before.zeroframe != 0] ** 2).mean() ** 0.5, notes["cyclic_rms"], rtol=0.05)


def test_rows_that_are_reset_apart_are_corrected_apart():
    """460 rows at a time: of the 64 of the subarray, the last 24 belong to another reset than the first 40."""
    plain, striped, simulation = biased("SUB64P", cyclic_rows=460)
    bias = simulation.references.superbias
    clean, before = superbias(plain, bias), superbias(striped, bias)
    after = superbias(striped, bias, cyclic_bias=True, cyclic_period=460)
    was, left = row_levels(before, clean), row_levels(after, clean)
    assert (np.abs(was) > 3).any(axis=0).all()
    assert set(np.argmax(was[:5], axis=0)) == {3, 4}
    assert left.std() < 0.25 * was.std()
    assert after.history[-1].notes["cyclic_integrations"] == 5


def test_stars_keep_their_light():
    """What an aperture gains from group to group does not change."""
    _, striped, simulation = biased("SUB64P")
    bias = simulation.references.superbias
    before, after = superbias(striped, bias), superbias(striped, bias, cyclic_bias=True)
    y, x = np.mgrid[:64, :64]
    sources = simulation.truth.sources
    assert len(sources) > 5
    for star in sources:
        inside = np.hypot(y - star["y"], x - star["x"]) < 4
        old, new = (r.data[:, :, inside].sum(axis=2, dtype=np.float64) for r in (before, after))
        np.testing.assert_allclose(np.diff(new, axis=1), np.diff(old, axis=1), atol=0.1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_nothing_repeats_nothing_changes(layout):
    plain, _, simulation = biased(layout)
    bias = simulation.references.superbias
    looked = superbias(plain, bias, cyclic_bias=True)
    np.testing.assert_array_equal(looked.data, superbias(plain, bias).data)
    assert looked.history[-1].notes["cyclic_rms"] == 0.0


def test_a_cycle_alone_tells_no_pattern():
    _, striped, simulation = biased("SUB160, every second", n_integrations=4)
    bias = simulation.references.superbias
    looked = superbias(striped, bias, cyclic_bias=True)
    np.testing.assert_array_equal(looked.data, superbias(striped, bias).data)


@pytest.mark.parametrize("n_groups", [1, 2])
def test_short_ramps_have_the_pattern_measured_too(n_groups):
    plain, striped, simulation = biased("SUB160, every second", n_groups=n_groups, n_integrations=24)
    bias = simulation.references.superbias
    clean, before = superbias(plain, bias), superbias(striped, bias)
    after = superbias(striped, bias, cyclic_bias=True)
    assert row_levels(after, clean).std() < 0.3 * row_levels(before, clean).std()


ROWS = {
    ("NIRCAM", 64, 64, 1): 256, ("NIRCAM", 160, 160, 1): 512, ("NIRCAM", 256, 2048, 1): 512, ("NIRCAM", 8, 8, 1): 16,
    ("NIRCAM", 320, 320, 1): 2048, ("NIRCAM", 64, 2048, 4): 512, ("NIRCAM", 128, 2048, 4): 512,
    ("NIRCAM", 256, 2048, 4): 2048, ("NIRISS", 64, 64, 1): 2048, ("NIRCAM", 32, 32, None): 256,
    ("NIRCAM", 128, 2048, None): 512,
}  # fmt: skip


@pytest.mark.parametrize("which", ROWS)
def test_the_rows_of_a_fast_reset(which):
    instrument, rows, columns, outputs = which
    values = {
        "instrument.name": instrument, "subarray.name": "SUB", "subarray.fastaxis": 1, "subarray.slowaxis": 2,
        "subarray.xstart": 1, "subarray.ystart": 1,
    } | ({} if outputs is None else {"exposure.noutputs": outputs})  # fmt: skip
    ramp = make_ramp(np.zeros((1, 1, rows, columns)))
    ramp = ramp.replace(meta=ramp.meta.set(values))
    reference = make_reference("superbias", data=np.zeros((rows, columns)))
    notes = superbias(ramp, reference, cyclic_bias=True).history[-1].notes
    assert notes == {"cyclic_rows": ROWS[which], "cyclic_integrations": 2048 // ROWS[which], "cyclic_rms": 0.0}


def test_a_full_frame_is_left_alone():
    simulation = simulate.tiny("nircam", cyclic_bias=12.0)
    bias = simulation.references.superbias
    ramp = steps.dq_init(simulation.ramp, simulation.references.mask)
    looked = superbias(ramp, bias, cyclic_bias=True)
    assert np.array_equal(looked.data, superbias(ramp, bias).data)
    assert not looked.history[-1].notes


@pytest.mark.parametrize("period", [0, 1025])
def test_an_impossible_period_is_an_error(period):
    simulation = simulate.tiny("nircam_sub")
    with pytest.raises(ParameterError, match="1 to 1024"):
        superbias(simulation.ramp, simulation.references.superbias, cyclic_bias=True, cyclic_period=period)
