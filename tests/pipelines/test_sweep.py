"""Every EXP_TYPE and read-out pattern of the official schemas, with ramps of every length and fate, through stage 1."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import pipelines, simulate
from jwgpu.data import PIXEL
from jwgpu.io import keywords
from jwgpu.pipelines import table

PREFIX = {"NRC": "NIRCAM", "NIS": "NIRISS", "NRS": "NIRSPEC", "MIR": "MIRI", "FGS": "FGS"}
# Frames averaged into a group, and frames dropped between groups, as the headers of such exposures say.
PATTERNS = {
    "NIRCAM": {
        "RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3), "SHALLOW4": (4, 1),
        "MEDIUM2": (2, 8), "MEDIUM8": (8, 2), "MEDIUMDEEP2": (2, 13), "MEDIUMDEEP8": (8, 7), "DEEP2": (2, 18),
        "DEEP8": (8, 12), "DHS3": (1, 0), "DHS4": (1, 1), "DHS5": (2, 3), "DHS6": (4, 1), "DHS7": (4, 6),
    },
    "NIRISS": {"NISRAPID": (1, 0), "NIS": (4, 0)},
    "NIRSPEC": {
        "NRSRAPID": (1, 0), "NRSRAPIDD1": (1, 1), "NRSRAPIDD2": (1, 2), "NRSRAPIDD6": (1, 6), "NRS": (4, 0),
        "NRSSLOW": (4, 0), "NRSN8R2": (8, 0), "NRSN16R4": (16, 0), "NRSN32R8": (32, 0),
        "NRSIRS2RAPID": (1, 0), "NRSIRS2": (5, 0),
    },
    "MIRI": {
        "FAST": (1, 0), "FASTR1": (1, 0), "FASTR100": (1, 99), "SLOW": (1, 0), "SLOWR1": (1, 0), "FASTGRPAVG": (4, 0),
        "FASTGRPAVG8": (8, 0), "FASTGRPAVG16": (16, 0), "FASTGRPAVG32": (32, 0), "FASTGRPAVG64": (64, 0),
    },
    "FGS": {"FGS": (2, 8), "FGSRAPID": (1, 0), "FGS60": (1, 0), "FGS840": (8, 4), "FGS8370": (8, 70)},
}  # fmt: skip
GUIDER = {
    "FGS_ID-STACK": "fgs_id_stack", "FGS_ID-IMAGE": "fgs_id_image", "FGS_ACQ1": "fgs_acq1", "FGS_ACQ2": "fgs_acq2",
    "FGS_TRACK": "fgs_track", "FGS_FINEGUIDE": "fgs_fineguide",
}  # fmt: skip
LENGTHS = (1, 2, 3, 4)
FATES = ("usual", "saturated", "one good group", "dark", "zero")


def allowed(name: str) -> list[str]:
    """Return the values that the schemas allow for a keyword, `N/A` and the like left out."""

    def found(node):
        if isinstance(node, dict):
            if node.get("fits_keyword") == name and "enum" in node:
                yield from node["enum"]
            for child in node.values():
                yield from found(child)
        elif isinstance(node, list):
            for child in node:
                yield from found(child)

    values = found(keywords._load("core.schema" if name == "EXP_TYPE" else "keyword_readpatt.schema"))
    return [value for value in values if value not in ("N/A", "ANY")]


TYPES = allowed("EXP_TYPE")


def instrument(exp_type: str) -> str:
    return PREFIX[exp_type.partition("_")[0]]


@functools.cache
def made(which: str, irs2: bool):
    """Return a small exposure of four groups of an instrument, and its references."""
    options = dict(n_groups=max(LENGTHS), n_integrations=2, n_stars=2, n_galaxies=0, cosmic_rays=5.0)
    usual = {"NIRCAM": "RAPID", "NIRISS": "NISRAPID", "NIRSPEC": "NRSRAPID", "MIRI": "FASTR1", "FGS": "FGSRAPID"}
    size = (32, 40) if which == "MIRI" else (64, 64) if irs2 else (32, 32)
    exp_type = {"exp_type": "FGS_IMAGE"} if which == "FGS" else {}
    readpatt = "NRSIRS2RAPID" if irs2 else usual[which]
    return simulate.exposure(which, size=size, readpatt=readpatt, **exp_type, **options)


def ramp(exp_type: str, pattern: str, n_groups: int, fate: str = "usual"):
    """Return an exposure of some kind and length, and its references."""
    which = instrument(exp_type)
    simulation = made(which, "IRS2" in pattern)
    raw, (n_frames, gap) = simulation.ramp, PATTERNS[which][pattern]
    data = raw.data[:, :n_groups].copy()
    zero = raw.zeroframe
    if fate == "saturated":
        data[:] = 65535
        zero = None if zero is None else np.full_like(zero, 65535)
    elif fate == "one good group":
        data[:, 1:] = 65535
    elif fate == "dark":
        data[:] = data[:, :1]
    elif fate == "zero":
        data[:] = 0
        zero = None if zero is None else np.zeros_like(zero)
    frame_time = raw.meta.exposure.frame_time
    meta = {
        "type": exp_type, "readpatt": pattern, "nframes": n_frames, "groupgap": gap, "ngroups": n_groups,
        "group_time": frame_time * (n_frames + gap), "drop_frames1": gap,
        "frame_divisor": 1 << (n_frames - 1).bit_length(),
    }  # fmt: skip
    meta = raw.meta.set({f"exposure.{name}": value for name, value in meta.items()})
    cut = dict(data=data, groupdq=raw.groupdq[:, :n_groups], zeroframe=zero, meta=meta)
    return raw.replace(**cut, refout=None if raw.refout is None else raw.refout[:, :n_groups]), simulation.references


def check(run, n_integrations: int) -> None:
    """Check that there are products, and that what has no value says so in its flags."""
    assert run.products
    for name, product in run.products.items():
        assert product.data.dtype == np.float32
        assert product.shape[0] == n_integrations or name in ("rate", "image")
        # Of guiders, and of the likelihood where it has no slope, jwst flags no more than what came in.
        if name in ("ramp", "image") or run.history[-2].parameters.get("algorithm") == "LIKELY":
            continue
        bad = ~np.isfinite(product.data)
        assert (product.dq[bad] & PIXEL.DO_NOT_USE).all()
        for plane in (product.err, product.var_poisson, product.var_rnoise):
            assert plane is None or np.isfinite(plane[~bad]).all()


def test_the_lists_are_those_of_the_schemas():
    known = {pattern for patterns in PATTERNS.values() for pattern in patterns}
    assert set(allowed("READPATT")) - known == {"ID", "ACQ1", "ACQ2", "TRACK", "FINEGUIDE"}
    assert set(GUIDER) == table.GUIDER_MODES < set(TYPES)
    assert set(TYPES) >= table.DARK_MODES - {"MIR_DARK"}


@pytest.mark.parametrize("exp_type", TYPES)
def test_every_type_from_file_to_product(exp_type, tmp_path):
    if exp_type in GUIDER:
        simulation = simulate.tiny(GUIDER[exp_type])
        raw, references = simulation.ramp, simulation.references
    else:
        raw, references = ramp(exp_type, next(iter(PATTERNS[instrument(exp_type)])), 3)
    raw = jw.open(jw.save(raw, tmp_path / "jw00001001001_02101_00001_x_uncal.fits"))
    run = pipelines.choose(raw).run(raw, references, progress=False)
    check(run, raw.n_integrations)
    expected = {"guider": {"image"}, "dark": {"ramp"}, "detector1": {"rate", "rateints"}}[run.pipeline.name]
    assert set(run.products) == expected
    for name, product in run.products.items():
        again = jw.open(jw.save(product, out=tmp_path, suffix=name))
        np.testing.assert_array_equal(again.data, product.data)


def sweep(exp_types, fates, lengths=LENGTHS):
    """Give every combination of type, pattern, length and fate."""
    for exp_type in exp_types:
        yield from itertools.product([exp_type], PATTERNS[instrument(exp_type)], lengths, fates)


ONE_OF_EACH = ("NRC_IMAGE", "NIS_IMAGE", "NRS_MSASPEC", "MIR_IMAGE", "FGS_IMAGE", "NRC_DARK", "NRS_DARK", "MIR_DARKIMG")


def calibrated(case, suppress_one_group=True, everything=False, **settings):
    exp_type, pattern, n_groups, fate = case
    raw, references = ramp(exp_type, pattern, n_groups, fate)
    pipeline = pipelines.choose(raw)
    if "ramp_fit" in pipeline.names():
        pipeline = pipeline.set("ramp_fit", suppress_one_group=suppress_one_group, **settings)
    if everything:
        pipeline = pipeline.including(*(name for name in pipeline.names() if name in table.OFF))
    run = pipeline.run(raw, references, progress=False)
    check(run, raw.n_integrations)
    return run


@pytest.mark.parametrize("n_groups", LENGTHS)
@pytest.mark.parametrize("exp_type", ONE_OF_EACH)
def test_every_pattern_and_length(exp_type, n_groups):
    for case in sweep([exp_type], ("usual",), (n_groups,)):
        calibrated(case)


@pytest.mark.parametrize("fate", FATES[1:])
@pytest.mark.parametrize("exp_type", ONE_OF_EACH[:5])
def test_every_fate(exp_type, fate):
    pattern = next(iter(PATTERNS[instrument(exp_type)]))
    for n_groups, suppress in itertools.product(LENGTHS, (True, False)):
        run = calibrated((exp_type, pattern, n_groups, fate), suppress)
        if fate == "saturated" and "rate" in run.products:
            usable = (run.rate.dq & PIXEL.DO_NOT_USE) == 0
            assert not (usable & ((run.rate.dq & PIXEL.SATURATED) != 0)).any()


OPTIONS = ({}, {"suppress_one_group": False}, {"everything": True}, {"algorithm": "LIKELY"})
SCIENCE = [exp_type for exp_type in TYPES if exp_type not in GUIDER]
# Types differ in little but their name: all of them, each with one set of options in turn; a few, with every set.
COMBINATIONS = [(exp_type, OPTIONS[n % len(OPTIONS)]) for n, exp_type in enumerate(SCIENCE)]
COMBINATIONS += [(t, o) for t in ONE_OF_EACH for o in OPTIONS if (t, o) not in COMBINATIONS]


@pytest.mark.slow
@pytest.mark.parametrize(("exp_type", "options"), COMBINATIONS)
def test_every_combination(exp_type, options):
    for case in sweep([exp_type], FATES):
        calibrated(case, **options)
