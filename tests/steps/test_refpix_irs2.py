"""refpix on NIRSpec IRS2 frames: what the reference output and the interleaved pixels predict is taken out."""

from __future__ import annotations

import numpy as np
import pytest
from ramps import check_pure

from jwgpu import pipelines, simulate
from jwgpu.data import PIXEL, Meta, Ramp, Reference
from jwgpu.data.irs2 import Interleaved
from jwgpu.errors import InputError
from jwgpu.steps import refpix

COLUMNS, LINES, GROUPS = 200, 128, 3
"""A frame of five sections of two periods."""
AXES = [(2, 1), (-2, -1), (1, -2), (-1, 2)]
CONSTANT = 500


def make(fast=2, slow=1, n_integrations=1, **more):
    """Return a ramp of 500 DN and its layout."""
    shape = (COLUMNS, LINES) if abs(fast) == 2 else (LINES, COLUMNS)
    meta = {"subarray.fastaxis": fast, "subarray.slowaxis": slow, "subarray.name": "FULL",
            "instrument.name": "NIRSPEC", "exposure.readpatt": "NRSIRS2RAPID", **more}  # fmt: skip
    data = np.full((n_integrations, GROUPS, *shape), CONSTANT, np.float32)
    ramp = Ramp(data=data, groupdq=data.astype(np.uint8) * 0, pixeldq=np.zeros(shape, np.uint32), meta=Meta(meta))
    return ramp, Interleaved.of(ramp.meta, shape)


def weights(alpha=0.0, beta=0.0, listed=None) -> Reference:
    """Return a reference with the same real weight at all frequencies."""
    n = LINES * (COLUMNS // 100 * 22 + 8)
    names = [f"{kind}_{k}" for kind in ("alpha", "beta") for k in range(4)]
    table = np.zeros(2 * n, [(name, "f4") for name in names])
    for name in names:
        table[name][::2] = alpha if "alpha" in name else beta
    arrays = {"irs2_table": table}
    if listed is not None:
        arrays["dq_table"] = np.array(listed, [("OUTPUT", "u2"), ("ODD_EVEN", "u2"), ("MASK", "u4")])
    return Reference("refpix", "irs2.fits", arrays)


def add_common_noise(ramp, layout, seed=0):
    """Add noise that comes to all outputs at the same time, none of it in the lines at the ends."""
    random = np.random.default_rng(seed)
    for integration in ramp.data:
        for group in integration:
            series = random.normal(0, 10, (LINES, layout.ticks)).astype(np.float32)
            series[:4] = series[-4:] = 0
            pixels = layout.from_time(series).reshape(LINES, -1)
            frame = np.zeros((LINES, COLUMNS), np.float32)
            for section in range(5):
                layout.put(frame, section, pixels)
            layout.view(group)[:] += frame


def spread_references(ramp, layout, seed=5):
    """Give the interleaved pixels noise of their own, so that none stands out."""
    random = np.random.default_rng(seed)
    among = layout.interleaved(np)
    seen = layout.view(ramp.data)
    seen[..., among] += random.normal(0, 3, seen[..., among].shape).astype(np.float32)


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_noise_common_to_all_outputs_vanishes(fast, slow):
    """With the full weight on the reference output, what it saw at the same time is gone."""
    ramp, layout = make(fast, slow, n_integrations=2)
    add_common_noise(ramp, layout)
    result = check_pure(refpix, ramp, weights(alpha=1.0), ovr_corr_mitigation_ftr=50.0)
    assert result.shape == (2, GROUPS, *layout.shape)
    assert result.data.dtype == np.float32
    mean = layout.strip(ramp.data).mean(axis=1, keepdims=True)
    assert np.abs(layout.strip(ramp.data) - mean).max() > 10
    left = layout.readout.view(result.data - mean)
    np.testing.assert_allclose(left[..., 5:-5, :], 0, atol=1e-3)


def test_reference_pixels_act_where_they_are_repeated():
    """Half of the eight samples about a jump lie on science pixels; only those with full weights see them."""
    ramp, layout = make()
    among = layout.interleaved(np)
    seen = layout.view(ramp.data)[0]
    for group, sign in zip(seen, (-1, 0, 1)):
        group[10:-10, among] += sign * (np.arange(among.sum()) % 4 + 1)
    result = refpix(ramp, weights(beta=1.0), ovr_corr_mitigation_ftr=50.0)
    science = layout.view(layout.strip(np.zeros(ramp.shape[-2:]))[None])[0]
    change = layout.readout.view(result.data)[0] - CONSTANT
    assert change.shape[1:] == science.shape
    # Read forwards, the pixel before the jump sees the first sample, the one behind it the last.
    np.testing.assert_allclose(change[2, 20, 6:10], [0, -1, -4, 0], atol=1e-4)
    # The second amplifier is read backwards, and there the samples of this ramp are 4, 3, 2, 1.
    np.testing.assert_allclose(change[2, 20, 32 + 6 : 32 + 10], [0, -1, -4, 0], atol=1e-4)
    np.testing.assert_allclose(change[0], -change[2], atol=1e-4)


def test_a_single_group_is_stripped_only():
    """Nothing is known of noise about the mean of one value."""
    ramp, layout = make()
    one = ramp.replace(data=np.random.default_rng(1).normal(0, 9, ramp.shape).astype(np.float32)[:, :1])
    result = refpix(one.replace(groupdq=ramp.groupdq[:, :1]), weights(1.0, 1.0), ovr_corr_mitigation_ftr=50.0)
    np.testing.assert_array_equal(result.data, layout.strip(one.data))


@pytest.mark.parametrize(("fast", "slow"), AXES)
def test_flags_of_science_pixels_stay_with_them(fast, slow):
    ramp, layout = make(fast, slow)
    value = np.arange(LINES * COLUMNS, dtype=np.uint32).reshape(ramp.shape[-2:]) << np.uint32(11)
    ramp = ramp.replace(pixeldq=value & ~np.uint32(PIXEL.BAD_REF_PIXEL), groupdq=(ramp.data % 7).astype(np.uint8))
    result = refpix(ramp, weights())
    np.testing.assert_array_equal(result.pixeldq, layout.strip(ramp.pixeldq))
    np.testing.assert_array_equal(result.groupdq, layout.strip(ramp.groupdq))


def test_preserved_frames_keep_their_size():
    """Science pixels are those of the stripped frame; interleaved pixels lose their mean."""
    ramp, layout = make()
    add_common_noise(ramp, layout)
    options = {"ovr_corr_mitigation_ftr": 50.0}
    whole = refpix(ramp, weights(0.6, 0.3), preserve_irs2_refpix=True, **options)
    assert whole.shape == ramp.shape
    np.testing.assert_allclose(
        layout.strip(whole.data), refpix(ramp, weights(0.6, 0.3), **options).data, rtol=1e-6
    )  # fmt: skip
    among = layout.interleaved(np) & (np.arange(COLUMNS) >= 40)
    assert np.abs(layout.view(whole.data)[..., among].mean()) < 1


def test_pairs_that_stand_out_are_flagged_and_replaced():
    """A pair too high in one integration is flagged, and its neighbours serve in all."""
    ramp, layout = make(n_integrations=2)
    spread_references(ramp, layout)
    seen = layout.view(ramp.data)
    seen[1, ..., [88, 89]] += 300
    result = refpix(ramp, weights(beta=1.0), preserve_irs2_refpix=True, ovr_corr_mitigation_ftr=1.5)
    flagged = layout.view(result.pixeldq)
    assert (flagged[:, 88:90] == (PIXEL.BAD_REF_PIXEL | PIXEL.DO_NOT_USE)).all()
    assert not (flagged[:, layout.science(np)]).any()
    seen[1, ..., [88, 89]] -= 9000
    again = refpix(ramp.replace(pixeldq=result.pixeldq), weights(beta=1.0), ovr_corr_mitigation_ftr=50.0)
    np.testing.assert_allclose(layout.strip(result.data), again.data, atol=1e-4)


@pytest.mark.parametrize(("output", "parity", "first"), [(1, 1, 68), (1, 2, 70), (2, 1, 110), (2, 2, 108)])
def test_pixels_listed_in_the_file_are_replaced(output, parity, first):
    """A row names output, pixel and jump; in outputs read backwards the pixels change places."""
    ramp, layout = make()
    spread_references(ramp, layout)
    options = {"ovr_corr_mitigation_ftr": 50.0}
    listed = [(output, parity, 1 << 1)]
    expected = refpix(ramp, weights(beta=1.0, listed=listed), **options).data
    layout.view(ramp.data)[..., first : first + 2] += 77 * np.arange(GROUPS)[None, :, None, None]
    np.testing.assert_array_equal(refpix(ramp, weights(beta=1.0, listed=listed), **options).data, expected)
    assert (refpix(ramp, weights(beta=1.0), **options).data != expected).any()


def test_means_of_end_lines():
    """Levels of outputs and parities go first where that is asked for."""
    ramp, layout = make()
    column = np.arange(COLUMNS)
    level = 100 * (column // 40) + np.where(layout.interleaved(np), 10 * (column % 4 < 2), 10 * (column % 2 == 0))
    layout.view(ramp.data)[:] += level
    ramp.data[:] += 50 * np.arange(GROUPS)[:, None, None]
    result = refpix(ramp, weights(), irs2_mean_subtraction=True, ovr_corr_mitigation_ftr=50.0)
    np.testing.assert_allclose(result.data, 0, atol=1e-3)
    same = refpix(ramp, weights(), irs2_mean_subtraction=True, odd_even_columns=False, ovr_corr_mitigation_ftr=50.0)
    np.testing.assert_allclose(np.abs(same.data), 5, atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_values_do_not_spread(value):
    """A value that is not finite is missing itself, and the series are filled where it was a reference."""
    ramp, layout = make()
    add_common_noise(ramp, layout)
    seen = layout.view(ramp.data)
    seen[0, 1, 20, 30] = seen[0, 2, 30, 69] = seen[0, 0, 9, 45] = value
    result = refpix(ramp, weights(0.5, 0.5), ovr_corr_mitigation_ftr=50.0)
    assert np.isnan(result.data).sum() == 1


def test_why_it_skips_or_stops():
    ramp, _ = make()
    assert "no refpix reference" in refpix(ramp).history[-1].reason
    other, _ = make(**{"exposure.nrs_normal": 8})
    assert "8 science and 4 reference" in refpix(other, weights()).history[-1].reason
    short = Reference("refpix", "short.fits", {"irs2_table": weights().irs2_table[:-2]})
    with pytest.raises(InputError, match=r"short\.fits.*rows where.*128 lines of 52"):
        refpix(ramp, short)


def test_only_irs2_frames_want_the_weights():
    """Nothing is fetched for other exposures."""
    ramp, _ = make()
    square = ramp.replace(data=ramp.data[..., :128, :])
    assert refpix.wants("refpix", ramp, {})
    assert not refpix.wants("refpix", square, {})
    assert not refpix.wants("sirskernel", ramp, {"refpix_algorithm": "sirs"})
    assert refpix.wants("sirskernel", square, {"refpix_algorithm": "sirs"})
    assert not refpix.wants("sirskernel", square, {})


def test_every_array_library(device):
    """Every array library gives the numbers of NumPy."""
    ramp, layout = make(-2, -1)
    add_common_noise(ramp, layout)
    spread_references(ramp, layout)
    reference = weights(0.5, 0.4, [(3, 1, 2)])
    options = {"irs2_mean_subtraction": True, "ovr_corr_mitigation_ftr": 2.0}
    expected, found = refpix(ramp, reference, **options), refpix(device.put(ramp), device.put(reference), **options)
    np.testing.assert_allclose(device.host(found.data), expected.data, rtol=1e-5)
    np.testing.assert_array_equal(device.host(found.pixeldq), expected.pixeldq)


def test_a_bad_pixel_of_the_border_costs_no_science():
    """On simulated truth: the rates beside it are those without the flag, bit by bit, and as good as elsewhere."""
    made = simulate.tiny("nirspec_irs2", n_stars=0, n_galaxies=0, cosmic_rays=0.0, sky=20.0, bad_pixels=False)
    layout = Interleaved.of(made.ramp.meta, made.ramp.shape)
    flagged = made.ramp.pixeldq.copy()
    columns = np.nonzero(layout.science(np))[0][[20, 33]]
    layout.view(flagged)[1, columns] |= PIXEL.BAD_REF_PIXEL | PIXEL.DO_NOT_USE
    rates = {}
    for name, pixeldq in {"clean": made.ramp.pixeldq, "flagged": flagged}.items():
        ramp = made.ramp.replace(pixeldq=pixeldq)
        rates[name] = pipelines.choose(ramp).run(ramp, made.references, progress=False).rate
    border = (rates["flagged"].dq & PIXEL.BAD_REF_PIXEL) != 0
    assert border.sum() == 2
    for array in ("data", "dq", "err"):
        before, after = (getattr(rates[name], array)[~border] for name in ("clean", "flagged"))
        np.testing.assert_array_equal(after, before)
    beside = layout.readout.view(border)
    lines = layout.readout.view(np.zeros(border.shape, bool))
    lines[:, beside.any(axis=0)] = True
    good = (rates["flagged"].dq == 0) & lines
    assert good.sum() > 2 * 50
    pull = (rates["flagged"].data - made.truth.rate)[good] / rates["flagged"].err[good]
    assert abs(np.median(pull)) < 0.5 and np.std(pull) < 2


@pytest.mark.oracle
def test_jwst_replaces_the_science_pixels_beside_it():
    """Why jwgpu does not follow: one flag of the border, and a line of science is a copy of others and lost."""
    official = pytest.importorskip("jwst.refpix.irs2_subtract_reference")
    from stdatamodels.jwst.datamodels import RampModel

    ramp, layout = make()
    data = np.random.default_rng(3).normal(500, 9, ramp.shape).astype(np.float32)
    column = 64
    assert layout.science(np)[column]
    flags = np.zeros(ramp.shape[-2:], np.uint32)
    flags[column, 1] = PIXEL.BAD_REF_PIXEL
    model = RampModel(data=data.copy(), pixeldq=flags.copy())
    model.meta.exposure.nrs_normal, model.meta.exposure.nrs_reference = 16, 4
    official.flag_bad_refpix(model, replace_only=True)
    assert (model.pixeldq[column] & PIXEL.DO_NOT_USE).all()
    assert not np.isclose(model.data[:, :, column], data[:, :, column]).any(axis=-1).all()
    ours = refpix(ramp.replace(data=data, pixeldq=flags), weights(), preserve_irs2_refpix=True)
    assert ((ours.pixeldq[column] & PIXEL.DO_NOT_USE) == 0).all()
