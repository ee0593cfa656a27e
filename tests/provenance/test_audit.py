"""How sure a finding is, what mends it, and what is refused."""

import json
import shlex

import pytest
from audited import AVAILABLE, MODES, audited, header

from jwgpu.errors import InputError
from jwgpu.provenance.audit import audit_header
from jwgpu.provenance.audits import Audits
from jwgpu.provenance.builds import knowledge
from jwgpu.provenance.versions import EQUIVALENT


def finding(name, **words):
    return next(f for f in audited(**words) if f.issue.id == name)


@pytest.mark.parametrize("build", [b.build for b in knowledge().builds])
def test_every_build_and_mode_can_be_audited(build):
    version = next(b.jwst for b in knowledge().builds if b.build == build)
    for mode in MODES:
        for stage in (1, 2, 3):
            audit = audited(mode=mode, version=version, stage=stage)
            assert audit.build == build
            json.dumps(audit.as_dict())
            for found in audit:
                assert not found.issue.origin(version) or found.certainty == "possible"
                assert (found.certainty == "certain") == (not found.why)


def test_certainty():
    assert finding("S1-DQ-MASK", version="1.9.6").certainty == "certain"
    assert finding("S1-RATE-ZERO", version="1.8.2").certainty == "certain"
    assert finding("S1-RATE-ZERO", version="1.6.2").certainty == "possible"
    assert finding("S1-1F-NIRCAM").certainty == "likely"
    assert finding("S1-RAMP-INVALIDINT", version="1.6.2").certainty == "likely"
    old = finding("S1-RAMP-INVALIDINT", version="1.5.2")
    assert old.certainty == "possible"
    assert "traced back to 1.6.0 only" in old.why
    local = finding("E-RUN-CALL")
    assert "whether it was made outside operations" in local.why
    asked = finding("W-PUREPAR", VISITYPE="PARALLEL_PURE")
    assert "nobody knows which version brought it" in asked.why
    missing = finding("S1-RAMP-1GROUP", version="1.9.4", NFRAMES=None)
    assert missing.certainty == "possible"
    assert "NFRAMES is not in the header" in missing.why


def test_pointing_by_engineering_data_is_no_issue():
    assert "W-ENGQLPTG" not in audited(ENGQLPTG="CALCULATED_TRACK_TR_202111").ids()
    assert finding("W-ENGQLPTG", ENGQLPTG="PLANNED").certainty == "certain"


def test_a_context_decides_where_a_version_does_not():
    assert "S2-MRS-BADPIX" in audited(mode="MIR_MRS", CRDS_CTX="jwst_1184.pmap").ids()
    assert "S2-MRS-BADPIX" not in audited(mode="MIR_MRS", CRDS_CTX="jwst_1185.pmap").ids()
    assert finding("S2-MRS-BADPIX", mode="MIR_MRS", CRDS_CTX=None).certainty == "possible"


@pytest.mark.parametrize(
    ("version", "date", "certainty"),
    [
        ("1.14.0", "2024-05-10T22:01:22", "likely"),  # only pixels that are not positive; stcal 1.7.1 was not there yet
        ("1.14.0", "2024-08-01T00:00:00", "likely"),  # released before stcal 1.7.1, and operations install snapshots
        ("1.14.1", "2024-08-01T00:00:00", "possible"),  # released after it, and admits it
        ("1.14.0", None, "likely"),
        ("1.13.4", None, None),
        ("1.15.1", None, None),
    ],
)
def test_what_the_version_of_a_library_leaves_open(version, date, certainty):
    found = [f.certainty for f in audited(version=version, DATE=date) if f.issue.id == "S1-AVGDARK"]
    assert found == ([certainty] if certainty else [])


def test_a_library_older_than_its_correction_is_certain():
    words = dict(mode="MIR_IMAGE", EXSEGNUM=2)
    assert finding("S1-DARK-SEG", version="1.9.6", DATE="2023-04-01", **words).certainty == "certain"
    assert finding("S1-DARK-SEG", version="1.9.6", DATE="2023-07-01", **words).certainty == "likely"
    assert finding("S1-DARK-SEG", version="1.11.0", DATE="2023-07-01", **words).certainty == "possible"
    assert finding("S1-DARK-SEG", version="1.8.2", **words).certainty == "certain"  # needs stcal<1.3


def test_what_a_raw_product_was_made_by():
    words = dict(SDP_VER="2023_1a", ENGQLPTG="CALCULATED_TRACK_TR_202111")
    found = finding("W-FGS2", **words)
    assert found.why == ("which of the two guiders followed the guide star",)
    assert "W-FGS2" not in audited(**(words | {"SDP_VER": "2023_2a"})).ids()
    assert "W-FGS2" not in audited(**(words | {"ENGQLPTG": "CALCULATED_COARSE_TR_202111"})).ids()
    assert finding("W-TARGPM", version="3.0.0", SDP_VER="2022_4a").certainty == "likely"  # calibrating mends it not
    assert "W-TARGPM" not in audited(version="1.8.2", SDP_VER="2022_5b").ids()


def test_commands():
    known = finding("S1-SNOWBALL-OFF", EXTNCRS=0.0)
    assert known.command[:3] == ("jwgpu", "run", "jw01234001001_02101_00001_x_uncal.fits")
    assert known.command[-2:] == ("--set", "jump.expand_large_events=true")
    slit = finding("S2-NRSFS-PATHLOSS2", mode="NRS_FIXEDSLIT", stage=2, done=["S_PTHLOS"])
    assert slit.command == ("strun", "calwebb_spec2", "jw01234001001_02101_00001_x_rate.fits")
    image = finding("S2-PIXAR", stage=2)
    assert image.command == ("jwgpu", "run", "jw01234001001_02101_00001_x_rate.fits", "--out", "products")
    mosaic = finding("S3-DRIZZLE-HOLES", version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE="jw01234_asn.json")
    assert mosaic.command == ("jwgpu", "run", "jw01234_asn.json", "--out", "products")
    assert finding("W-GUIDESTAR").command == ()


def test_header_values_are_quoted_and_escaped():
    evil = "x; rm -rf $(HOME) <script>alert(1)</script>_asn.json"
    audit = audited(version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE=evil, PROGRAM="<b>1</b>")
    line = next(f for f in audit if f.issue.id == "S3-DRIZZLE-HOLES").shell
    assert shlex.split(line)[2] == evil
    assert "<script>" not in audit._repr_html_()
    page = Audits((audit,), (("<i>", "<i>: bad"),)).page()
    assert "<script>" not in page
    assert "<b>1" not in page
    assert "<i>:" not in page


def test_an_option_in_the_name_of_an_association_is_no_option():
    audit = audited(version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE="--debug_asn.json")
    assert next(f for f in audit if f.issue.id == "S3-DRIZZLE-HOLES").command[2] == "./--debug_asn.json"


def test_own_products_are_understood():
    audit = audited(version="jwgpu 0.1.0", CAL_VCS=EQUIVALENT)
    assert (audit.software, audit.version, audit.build) == ("jwgpu 0.1.0", "3.0.0", "13.0")
    assert not audit.ids("certain")
    with pytest.raises(InputError, match=r"jwgpu 0\.1\.0"):
        audited(version="jwgpu 0.1.0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TELESCOP": "HST"}, "not a product of JWST"),
        ({"CAL_VER": ""}, "has no CAL_VER"),
        ({"CAL_VER": "new"}, "'new'"),
    ],
)
def test_what_cannot_be_audited_is_said(changes, words):
    with pytest.raises(InputError, match=words):
        audit_header(header() | changes, "a.fits", AVAILABLE)


def test_local_versions():
    assert "E-STCAL-OPEN" in audited(version="2.0.1.dev3+g123").ids("certain")
    assert finding("E-STCAL-OPEN", version="2.0.1").certainty == "possible"


def test_summary_by_issue_and_programme():
    audits = Audits((audited(version="1.9.6"), audited(PROGRAM="05678")))
    assert [(p, n) for p, n, _ in audits.by_program()] == [("01234", 1), ("05678", 1)]
    assert {i: c for i, _, c in audits.by_issue()}["S1-DQ-MASK"]["certain"] == 1
    assert "S1-DQ-MASK" in str(audits)
