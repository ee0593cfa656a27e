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


OFF = dict(n_integrations=2, readpatt="RAPID", n_groups=8, n_stars=12, n_galaxies=0, sky=2.0, seed=4)
"""A field of stars whose cyclic pattern is switched on by the test."""


@functools.cache
def biased(subarray, rows, strength=12.0, **more):
    """Return two ramps before superbias that differ in a cyclic pattern alone, and their references."""
    made = []
    for scatter in (0.0, strength):
        options = {**OFF, **more, "cyclic_bias": scatter, "cyclic_rows": rows}
        simulation = simulate.exposure(subarray=subarray, **options)
        ramp = steps.dq_init(simulation.ramp, simulation.references.mask)
        made.append(steps.saturation(ramp, simulation.references.saturation, simulation.references.superbias))
    return *made, simulation


def row_levels(ramp, other):
    """Return how much the mean of each row differs between two ramps, (integration, row), DN, in the first group."""
    known = (ramp.groupdq[:, 0] | other.groupdq[:, 0]) == 0
    return np.where(known, ramp.data[:, 0] - other.data[:, 0], 0).sum(axis=2) / known.sum(axis=2)


@pytest.mark.parametrize("period", ["given", "found"])
@pytest.mark.parametrize(("subarray", "rows"), [("SUB64P", 8), ("SUB160", 16)])
def test_a_cyclic_pattern_falls_below_the_read_noise_of_the_mean(subarray, rows, period):
    """Of a star field. The read noise of the mean of eight groups is 2 DN in each pixel."""
    plain, striped, simulation = biased(subarray, rows)
    bias = simulation.references.superbias
    clean, before = superbias(plain, bias), superbias(striped, bias)
    after = superbias(striped, bias, cyclic_bias=True, cyclic_period=rows if period == "given" else None)
    noise = float(np.median(simulation.references.readnoise.data)) / 2**0.5 / 8**0.5
    assert np.std(row_levels(before, clean), axis=1).max() > 8
    assert np.std(row_levels(after, clean), axis=1).max() < 0.5 * noise
    notes = after.history[-1].notes
    assert notes["cyclic_periods"] == [rows]
    assert 7 < notes["cyclic_rms"] < 15
    change = after.zeroframe - before.zeroframe
    np.testing.assert_allclose(change[before.zeroframe != 0].std(), notes["cyclic_rms"], rtol=0.2)


def test_stars_keep_their_light():
    """What an aperture gains from group to group does not change; the sum of one group does by less than its noise."""
    plain, striped, simulation = biased("SUB160", 16)
    bias = simulation.references.superbias
    clean, before = superbias(plain, bias), superbias(striped, bias)
    after = superbias(striped, bias, cyclic_bias=True, cyclic_period=16)
    y, x = np.mgrid[:160, :160]
    sources = simulation.truth.sources
    stars = sources[(np.abs(sources["x"] - 80) < 72) & (np.abs(sources["y"] - 80) < 72)]
    assert len(stars) > 5
    for star in stars:
        inside = np.hypot(y - star["y"], x - star["x"]) < 4
        inside &= ((clean.groupdq | after.groupdq)[0] == 0).all(axis=0)
        truth, old, new = (r.data[0][:, inside].sum(axis=1, dtype=np.float64) for r in (clean, before, after))
        noise = 6.0 * inside.sum() ** 0.5
        assert np.abs(new - truth).max() < noise
        np.testing.assert_allclose(np.diff(new), np.diff(old), atol=0.1)


def test_where_nothing_repeats_nothing_changes():
    plain, _, simulation = biased("SUB160", 16)
    bias = simulation.references.superbias
    looked = superbias(plain, bias, cyclic_bias=True)
    np.testing.assert_array_equal(looked.data, superbias(plain, bias).data)
    assert looked.history[-1].notes == {"cyclic_periods": [0], "cyclic_rms": 0.0}


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_short_ramps_have_the_pattern_measured_too(n_groups):
    plain, striped, simulation = biased("SUB160", 16, n_groups=n_groups)
    bias = simulation.references.superbias
    after = superbias(striped, bias, cyclic_bias=True, cyclic_period=16)
    assert np.std(row_levels(after, superbias(plain, bias)), axis=1).max() < 1.5


def test_a_full_frame_is_left_alone():
    simulation = simulate.tiny("nircam", cyclic_bias=12.0)
    bias = simulation.references.superbias
    ramp = steps.dq_init(simulation.ramp, simulation.references.mask)
    assert np.array_equal(superbias(ramp, bias, cyclic_bias=True).data, superbias(ramp, bias).data)


@pytest.mark.parametrize("period", [1, 33])
def test_an_impossible_period_is_an_error(period):
    simulation = simulate.tiny("nircam_sub")
    with pytest.raises(ParameterError, match="2 to 32"):
        superbias(simulation.ramp, simulation.references.superbias, cyclic_bias=True, cyclic_period=period)
