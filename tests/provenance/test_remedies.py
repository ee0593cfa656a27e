"""The commands that findings name: each is understood by the command line as it is today."""

import dataclasses
import functools
import itertools
import json

import pytest
from audited import MODES, audited, header, write

import jwgpu as jw
from jwgpu.cli.main import app
from jwgpu.cli.report import Settings
from jwgpu.diagnostics.auditing import abilities
from jwgpu.pipelines import table
from jwgpu.provenance.builds import knowledge
from jwgpu.provenance.commands import ELSEWHERE, Abilities, steps_for

DONE = {
    1: "S_CHGMIG S_MIREMI S_FRSTFR S_CLNFNS".split(),
    2: "S_CHGMIG S_PTHLOS".split(),
    3: "S_RESAMP S_OUTLIR S_TWKREG S_SKYMAT S_SRCCAT".split(),
}


@functools.cache
def findings():
    """Return a finding of each command that the audit of builds, modes and stages gives."""
    found = {}
    for build, mode, stage in itertools.product(knowledge().builds[::2], MODES, DONE):
        asn = "jw01234-o001_image3_00001_asn.json" if stage == 3 else None
        words = dict(ASNTABLE=asn, EXTNCRS=0.0, NGROUPS=300)
        audit = audited(mode=mode, version=build.jwst, stage=stage, done=DONE[stage], **words)
        found |= {(one.issue.id, *one.command): (one, mode, stage) for one in audit if one.command}
    return found


def parsed(words):
    """Return the context of the command that `words` are, as the command line makes it; nothing is run."""
    name, command, rest = app.resolve_command(
        app.make_context("jwgpu", list(words), resilient_parsing=True), list(words)
    )
    context = command.make_context(name, rest, resilient_parsing=name == "step")
    if name == "step":
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest)
    return context


def test_every_command_of_jwgpu_is_one():
    ours = [one for one in findings().values() if one[0].command[0] == "jwgpu"]
    assert len(ours) > 40
    for found, mode, _ in ours:
        context = parsed(found.command[1:])
        settings = Settings(context.params.get("assignments", ()))  # refuses unknown steps and parameters
        near = "detector1, MIRI" if mode.startswith("MIR") else "detector1, near-infrared"
        order = table.TABLES[near][1] + table.IMAGE2 + table.IMAGE3
        assert {*settings.parameters, *settings.skip} <= set(order), found.command
        assert not found.remedy.missing


def test_a_product_is_made_again_as_far_as_it_was():
    for found, mode, stage in findings().values():
        if found.command[:2] != ("jwgpu", "run"):
            continue
        goal = parsed(found.command[1:]).params["to"]
        begin = found.command[2]
        if mode not in table.IMAGE_MODES or stage == 1:
            assert goal is None
        elif begin.endswith("_uncal.fits"):
            assert goal == "image2"
        if mode not in table.IMAGE_MODES and stage > 1:
            assert "calwebb_spec2" in found.remedy.then


def test_every_issue_that_jwgpu_can_mend_has_its_command():
    """Of those that a version or a setting mends, with every step in jwgpu: no silence, no official command."""
    can = abilities()
    lacking = set()
    for build, mode, stage in itertools.product(knowledge().builds[::3], MODES, (1, 2)):
        for found in audited(mode=mode, version=build.jwst, stage=stage, done=DONE[stage], NGROUPS=300):
            issue = found.issue
            mended = issue.fixed or issue.fixed_context or issue.settings or issue.jwgpu_settings
            needed = steps_for(issue, mode)
            steps = needed and not ELSEWHERE.intersection(needed) and all(can.has(s, mode) for s in needed)
            if mended and steps and issue.rerun_from != "none" and found.command[:1] != ("jwgpu",):
                lacking.add((issue.id, mode, stage))
    assert not lacking


def test_what_jwgpu_lacks_is_said():
    found = next(
        f for f in audited(mode="NRS_IFU", version="1.10.1", stage=2, done=DONE[2]) if f.issue.id == "S2-IFU-CHROM"
    )
    assert found.remedy.missing == ("assign_wcs",)  # there for images, not for this mode
    assert found.steps == {"assign_wcs": False}
    assert "not in jwgpu for this mode yet" in str(found.details())
    assert found.command == ("strun", "calwebb_spec2", "jw01234001001_02101_00001_x_rate.fits")


def test_a_step_that_a_mode_does_not_go_through_is_not_missing():
    found = next(f for f in audited(version="1.10.1", stage=2) if f.issue.id == "S2-NAN-DNU")
    assert found.steps == {"flat_field": True, "photom": True}  # pathloss is for spectra
    assert found.command[:2] == ("jwgpu", "run")


def test_steps_are_known_by_name():
    """Every name is a step of jwgpu, one of the official pipeline's, or outside the pipeline."""
    official = set(
        "adaptive_trace_model align_refs ami_analyze barshadow clean_flicker_noise combine_1d cube_build extract_1d "
        "extract_2d fringe imprint_subtract master_background pathloss pixel_replace resample_spec residual_fringe "
        "spectral_leak straylight tso_photometry wavecorr wfss_contam white_light".split()
    )
    named = {step for issue in knowledge().issues for step in issue.steps}
    assert named <= official | set(jw.steps.names()) | ELSEWHERE


def test_members_of_a_mosaic_are_made_again(tmp_path, monkeypatch):
    names = [f"jw01234001001_02101_0000{n}_nrcb1_cal.fits" for n in (1, 2)]
    asn = {"asn_type": "image3", "products": [{"name": "jw01234-o001_t001_nircam", "members": [
        {"expname": name, "exptype": "science"} for name in names]}]}  # fmt: skip
    (tmp_path / "pool_asn.json").write_text(json.dumps(asn))
    keywords = header(version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE="pool_asn.json")
    path = write(tmp_path / "jw01234-o001_t001_nircam_i2d.fits", keywords)
    found = {one.issue.id: one for one in jw.audit(path)}
    raw = [str(tmp_path / name.replace("_cal", "_uncal")) for name in names]
    assert found["S1-DQ-MASK"].command == ("jwgpu", "run", *raw, "--to", "image3", "--out", "products")
    assert found["S3-DRIZZLE-HOLES"].command == ("jwgpu", "run", str(tmp_path / "pool_asn.json"), "--out", "products")
    member = write(tmp_path / names[0].replace("_cal", "_o001_crf"), keywords)
    assert next(one for one in jw.audit(member) if one.issue.id == "S1-DQ-MASK").command[2:4] == tuple(raw)
    with monkeypatch.context() as patch:
        patch.setattr("jwgpu.diagnostics.auditing.abilities", lambda: Abilities())
        official = next(one for one in jw.audit(path) if one.issue.id == "S1-DQ-MASK")
    assert official.command == ("strun", "calwebb_detector1", raw[0])
    assert official.remedy.then.startswith("the same for the other 1, then calwebb_image2")
    (tmp_path / "pool_asn.json").write_text("{")
    one = next(one for one in jw.audit(member) if one.issue.id == "S1-DQ-MASK")
    assert one.command == ("jwgpu", "run", raw[0], "--to", "image2", "--out", "products")
    assert "association" in one.remedy.then
    assert next(one for one in jw.audit(path) if one.issue.id == "S1-DQ-MASK").command == ()


def test_a_command_mends(tmp_path, monkeypatch):
    """Run the command of a finding on a raw exposure: the issue is gone from the audit of the new product."""
    files = jw.simulate.write(jw.simulate.tiny("nircam"), tmp_path, crds=False)
    raw = next(path for path in tmp_path.rglob("*_uncal.fits"))
    old = write(raw.with_name(raw.name.replace("_uncal", "_rate")), header(version="1.9.6"))
    found = next(one for one in jw.audit(old) if one.issue.id == "S1-DQ-MASK")
    assert found.command[2] == str(raw)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JWGPU_DEVICE", "cpu")
    app.main(
        [*found.command[1:], "--references", str(files.references[0].parent)], prog_name="jwgpu", standalone_mode=False
    )
    new = tmp_path / "products" / old.name
    assert "S1-DQ-MASK" not in jw.audit(new).ids()


@pytest.mark.parametrize("traced", ["", "lines of 1.0.0"])
def test_what_is_not_traced_is_possible(traced, monkeypatch):
    from jwgpu.provenance import audit

    issue = dataclasses.replace(knowledge().issue("S1-DQ-MASK"), traced_by=traced)
    monkeypatch.setattr(audit, "knowledge", lambda: dataclasses.replace(knowledge(), issues=(issue,)))
    assert audited(version="1.9.6").findings[0].certainty == ("certain" if traced else "possible")
