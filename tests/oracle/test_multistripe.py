"""Readouts in stripes beside jwst 3.0.0: geometry, reference pixels, superstripes put together, files."""

from __future__ import annotations

import warnings

import numpy as np
import official
import pytest
from astropy.io import fits
from commandline import command

import jwgpu
from jwgpu import simulate
from jwgpu.data import PIXEL, Meta, Ramp
from jwgpu.data.multistripe import KEYWORDS, Stripes, read_times
from jwgpu.steps import dq_init, refpix

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

# Values in the order of the keywords; size and start (y, x); FASTAXIS and SLOWAXIS; instrument, detector, SUBARRAY.
CASES = {
    "one stripe": ((1, 1901, 40, 0, 1, 1, 0, 0), (41, 2048), (1, 1), (-1, 2), ("NIRCAM", "NRCA1", "SUB41STRIPE1_DHS")),
    "stripes from the far end": (
        (1, 1662, 40, 82, 1, 1, 0, 0), (82, 2048), (1967, 1), (1, -2), ("NIRCAM", "NRCA2", "SUB82STRIPE2_DHS"),
    ),
    "the same rows again": (
        (1, 971, 40, 0, 1, 0, 0, 0), (164, 2048), (1, 1), (-1, 2), ("NIRCAM", "NRCALONG", "SUB164STRIPE4_DHS"),
    ),
    "no return": ((2, 10, 20, 5, 0, 0, 0, 0), (62, 2048), (1, 1), (-1, 2), ("NIRCAM", "NRCA1", "SUB160")),
    "SOSS": ((4, 0, 204, 0, 1, 1, 204, 10), (16, 208), (2033, 2048), (-2, -1), ("NIRISS", "NIS", "SUB204STRIPE_SOSS")),
    "columns": ((4, 3, 12, 0, 1, 1, 12, 5), (2048, 16), (1, 1), (2, 1), ("NIRISS", "NIS", "SUB256")),
    "no reference rows": (
        (0, 0, 0, 0, 0, 0, 8, 8), (8, 64), (1880, 1851), (1, -2), ("NIRCAM", "NRCB1", "SUB64P_SUPSTP008"),
    ),
    "superstripes again and again": (
        (1, 165, 1, 0, 1, 0, 1, 8), (8, 64), (2046, 1851), (1, -2), ("NIRCAM", "NRCB1", "SUB64P_SUPSTP002"),
    ),
    "gaps in superstripes": ((2, 2, 8, 4, 0, 0, 12, 3), (26, 64), (1, 481), (1, 2), ("NIRCAM", "NRCB1", "SUB320")),
}  # fmt: skip


def metadata(case: str) -> Meta:
    """Return the metadata of an exposure of one case: two turns of three groups."""
    values, (ny, nx), (y, x), (fast, slow), (instrument, detector, name) = CASES[case]
    n = 2 * max(values[-1], 1)
    subarray = dict(zip(KEYWORDS, values)) | {
        "name": name, "ystart": y, "xstart": x, "ysize": ny, "xsize": nx, "fastaxis": fast, "slowaxis": slow,
    }  # fmt: skip
    exposure = {"nints": n, "integration_start": 1, "integration_end": n, "ngroups": 3, "nframes": 1, "groupgap": 0,
                "noutputs": 4 if nx == 2048 else 1, "zero_frame": True}  # fmt: skip
    made = {f"subarray.{key}": value for key, value in subarray.items()}
    made |= {f"exposure.{key}": value for key, value in exposure.items()}
    return Meta(made | {"instrument.name": instrument, "instrument.detector": detector})


def model(ramp: Ramp):
    """Return the official model of a ramp."""
    from stdatamodels.jwst.datamodels import RampModel, SuperstripeRampModel

    kind = SuperstripeRampModel if ramp.n_superstripes else RampModel
    made = kind(data=ramp.data.copy(), groupdq=ramp.groupdq.copy(), pixeldq=ramp.pixeldq.copy())
    made.zeroframe = ramp.zeroframe.copy()
    made.int_times = ramp.tables["int_times"].copy()
    for path, value in ramp.meta.items():
        branch, _, leaf = path.rpartition(".")
        setattr(getattr(made.meta, branch), leaf, value)
    return made


def official_refpix(ramp: Ramp, **parameters):
    """Return the model that the official step makes of a ramp."""
    from jwst.refpix import RefPixStep

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about which nothing can be done here
        return RefPixStep.call(model(ramp), **parameters)


def exposure(case: str, *, own_flags: bool = False) -> Ramp:
    """Return a noisy ramp with levels, reference pixels, bad ones among them, and a zero frame with holes.

    `own_flags` makes other reference pixels bad in every superstripe.
    """
    random = np.random.default_rng(len(case))
    meta = metadata(case)
    ny, nx = CASES[case][1]
    stripes = Stripes.of(meta, (ny, nx))
    n = meta.exposure.nints
    data = random.normal(100, 5, (n, 3, ny, nx)) + random.normal(0, 30, (n, 3, 1, 1))
    data += random.normal(0, 10, (n, 3, 1, nx)) + random.normal(0, 10, (n, 3, ny, 1))
    zeroframe = 1.01 * data[:, 0]
    zeroframe[random.random(zeroframe.shape) < 0.02] = 0
    border = np.ones((2048, 2048), bool)
    border[4:-4, 4:-4] = False
    start = tuple(s - 1 for s in CASES[case][2])
    strip = border[:, start[1] : start[1] + nx] if stripes.axis == -2 else border[start[0] : start[0] + ny]
    bad = random.random((max(stripes.superstripes, 1), ny, nx)) < 0.05
    bad = bad if own_flags else bad[:1]
    pixeldq = stripes.cut(strip * PIXEL.REFERENCE_PIXEL) | (bad * PIXEL.DO_NOT_USE)
    times = np.zeros(n, simulate.tiny("nircam").ramp.tables["int_times"].dtype)
    for name in times.dtype.names:
        times[name] = np.arange(n) + 1 if name == "integration_number" else random.random(n)
    return Ramp(
        data=data.astype(np.float32), groupdq=random.integers(0, 8, data.shape).astype(np.uint8),
        pixeldq=(pixeldq if stripes.superstripes else pixeldq[0]).astype(np.uint32),
        zeroframe=zeroframe.astype(np.float32), meta=meta, tables={"int_times": times},
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_geometry(case):
    """What is cut of a reference is the same, and so is when it is read."""
    from jwst.lib.stripe_utils import generate_stripe_reference, stripe_read_times

    ramp = exposure(case)
    (ny, nx), (y, x) = CASES[case][1:3]
    detector = np.arange(2048 * 2048).reshape(2048, 2048)
    stripes = Stripes.of(ramp.meta, ramp.shape)
    strip = detector[:, x - 1 : x - 1 + nx] if stripes.axis == -2 else detector[y - 1 : y - 1 + ny]
    theirs = model(ramp)
    np.testing.assert_array_equal(stripes.cut(strip), generate_stripe_reference(strip, theirs))
    np.testing.assert_array_equal(read_times(ramp.meta, ramp.shape), stripe_read_times(theirs))


@pytest.mark.parametrize("odd_even_columns", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_reference_pixels_and_whole_frames(case, odd_even_columns, crds_cache):
    """Data within two roundings of float32 of what goes in, as means are of float32 there; all else is the same."""
    ramp = exposure(case)
    theirs = official_refpix(ramp, odd_even_columns=odd_even_columns)
    ours = refpix(ramp, odd_even_columns=odd_even_columns)
    for name in ("data", "zeroframe"):
        reach = 2e-7 * np.abs(getattr(ramp, name)).max()
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=reach, err_msg=name)
    for name in ("pixeldq", "groupdq"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    for name, table in ours.tables.items():
        for column in table.dtype.names:
            np.testing.assert_array_equal(table[column], getattr(theirs, name)[column], err_msg=column)
    for path in dict(ramp.meta.items()):
        branch, _, leaf = path.rpartition(".")
        assert ours.meta.get(path) == getattr(getattr(theirs.meta, branch), leaf), path
    assert [list(each) for each in ours.meta.get("exposure.read_times", ())] == theirs.meta.exposure.read_times


def test_flags_of_other_superstripes(crds_cache):
    """There, the reference pixels of all superstripes are those that the flags of the first leave."""
    ramp = exposure("superstripes again and again", own_flags=True)
    theirs, ours = official_refpix(ramp), refpix(ramp)
    as_there = refpix(ramp.replace(pixeldq=np.broadcast_to(ramp.pixeldq[:1], ramp.pixeldq.shape)))
    np.testing.assert_allclose(as_there.data, theirs.data, atol=1e-4)
    assert np.abs(ours.data - theirs.data).max() > 1


def test_files_of_both_packages(tmp_path):
    """Superstripes between two steps, and the times of groups, are read by either from what the other writes."""
    from stdatamodels.jwst import datamodels

    made = simulate.tiny("nircam_superstripe_repeat")
    flagged = dq_init(made.ramp, made.references.mask)
    whole = refpix(flagged)
    for ramp, kind in ((flagged, "SuperstripeRampModel"), (whole, "RampModel")):
        path = jwgpu.save(ramp, tmp_path / f"{kind}.fits")
        with getattr(datamodels, kind)(path) as theirs:
            assert theirs.meta.model_type == kind
            np.testing.assert_array_equal(theirs.pixeldq, ramp.pixeldq)
            assert theirs.meta.exposure.read_times == [list(t) for t in ramp.meta.get("exposure.read_times", ())]
            theirs.save(tmp_path / f"{kind}_again.fits")
        for name in (f"{kind}.fits", f"{kind}_again.fits"):
            back = jwgpu.open(tmp_path / name)
            np.testing.assert_array_equal(back.pixeldq, ramp.pixeldq)
            np.testing.assert_array_equal(back.data, ramp.data)
            assert back.meta.get("exposure.read_times") == ramp.meta.get("exposure.read_times")
            assert back.tables.keys() == ramp.tables.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["nircam_dhs", "nircam_superstripe_repeat"])
def test_products(mode, tmp_path):
    """Rates to 1e-5 or a thousandth of their error, flags and tables the same, from raw files to products."""
    written = simulate.write(simulate.tiny(mode), tmp_path)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with official.crds_settings(written.environment):
        official.detector1(written.uncal, theirs)
        command("run", written.uncal, "--out", ours)
    for product in ("rate", "rateints"):
        name = written.uncal.name.replace("_uncal", f"_{product}")
        with fits.open(ours / name) as a, fits.open(theirs / name) as b:
            allowed = 1e-3 * np.nan_to_num(b["ERR"].data)
            assert np.isclose(a["SCI"].data, b["SCI"].data, rtol=1e-5, atol=allowed, equal_nan=True).all()
            np.testing.assert_array_equal(a["DQ"].data, b["DQ"].data)
            assert {hdu.name for hdu in a} - {"JWGPU"} == {hdu.name for hdu in b}
            for table in {"INT_TIMES", "INT_TIMES_STRIPE"} & {hdu.name for hdu in b}:
                assert a[table].data.tolist() == b[table].data.tolist()
            for keyword in ("NINTS", "NGROUPS", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2", "INTEND", "SSTR_NST"):
                assert a[0].header.get(keyword) == b[0].header.get(keyword), keyword


@pytest.mark.parametrize("case", ["SOSS", "superstripes again and again", "one stripe"])
def test_flags_of_the_user(case, tmp_path):
    """As the official step wants them, in the frames as they were read; and here, of the whole detector too."""
    from jwst.dq_init import DQInitStep
    from stdatamodels.jwst.datamodels import MaskModel

    ramp, random = exposure(case), np.random.default_rng(4)
    flags = np.where(random.random((2, 2048, 2048)) < 0.1, random.choice([1, 1 << 11, 1 << 31], (2, 2048, 2048)), 0)
    mask, mine = flags.astype(np.uint32)
    reference = MaskModel(dq=mask)
    place = {"name": "FULL", "xstart": 1, "ystart": 1, "xsize": 2048, "ysize": 2048}
    for path, value in {**place, "fastaxis": ramp.meta.subarray.fastaxis}.items():
        reference[f"meta.subarray.{path}"] = value
    reference.meta.subarray.slowaxis = ramp.meta.subarray.slowaxis
    reference.meta.instrument.name, reference.meta.reftype = ramp.meta.instrument.name, "mask"
    reference.save(tmp_path / "mask.fits")
    fits.writeto(tmp_path / "whole.fits", mine)
    refs = jwgpu.references(
        ramp, overrides={"mask": tmp_path / "mask.fits", "user_supplied_dq": tmp_path / "whole.fits"}
    )
    whole = dq_init(ramp, refs.mask, refs.user_supplied_dq)
    fits.writeto(tmp_path / "read.fits", refs.user_supplied_dq.dq)
    step = DQInitStep(override_mask=str(tmp_path / "mask.fits"), user_supplied_dq=str(tmp_path / "read.fits"))
    theirs = step.process(model(ramp))
    refs = jwgpu.references(
        ramp, overrides={"mask": tmp_path / "mask.fits", "user_supplied_dq": tmp_path / "read.fits"}
    )
    for ours in (whole, dq_init(ramp, refs.mask, refs.user_supplied_dq)):
        np.testing.assert_array_equal(ours.pixeldq, theirs.pixeldq)
        np.testing.assert_array_equal(ours.groupdq, theirs.groupdq)
