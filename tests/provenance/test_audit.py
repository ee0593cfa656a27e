"""How sure a finding is, what mends it, and what is refused."""

import json
import shlex

import pytest
from audited import AVAILABLE, audited, header

from jwgpu.errors import InputError
from jwgpu.provenance.audit import audit_header
from jwgpu.provenance.audits import Audits
from jwgpu.provenance.builds import knowledge
from jwgpu.provenance.versions import EQUIVALENT


def finding(name, **words):
    return next(f for f in audited(**words) if f.issue.id == name)


MODES = ("NRC_IMAGE NRC_WFSS NRC_CORON NRC_TSIMAGE NRC_TSGRISM NIS_IMAGE NIS_WFSS NIS_SOSS NIS_AMI NRS_FIXEDSLIT "
         "NRS_MSASPEC NRS_IFU NRS_BRIGHTOBJ MIR_IMAGE MIR_MRS MIR_LRS-FIXEDSLIT MIR_LRS-SLITLESS MIR_LYOT MIR_4QPM "
         "FGS_IMAGE").split()  # fmt: skip


@pytest.mark.parametrize("build", [b.build for b in knowledge().builds])
def test_every_build_and_mode_can_be_audited(build):
    version = next(b.jwst for b in knowledge().builds if b.build == build)
    for mode in MODES:
        for stage in (1, 2, 3):
            audit = audited(mode=mode, version=version, stage=stage)
            assert audit.build == build
            json.dumps(audit.as_dict())
            for found in audit:
                assert found.issue.introduced is not None or found.certainty == "possible"
                assert (found.certainty == "certain") == (not found.why)


def test_certainty():
    assert finding("S1-DQ-MASK", version="1.9.6").certainty == "certain"
    assert finding("S1-RATE-ZERO", version="1.8.2").certainty == "certain"
    assert finding("S1-RATE-ZERO", version="1.6.2").certainty == "possible"
    assert finding("S1-1F-NIRCAM").certainty == "likely"
    assert finding("S1-RAMP-WEIGHT").certainty == "possible"  # nobody knows since when
    missing = finding("S1-RAMP-1GROUP", version="1.9.6", NFRAMES=None)
    assert missing.certainty == "possible"
    assert "NFRAMES is not in the header" in missing.why


def test_pointing_by_engineering_data_is_no_issue():
    assert "W-ENGQLPTG" not in audited(ENGQLPTG="CALCULATED_TRACK_TR_202111").ids()
    assert finding("W-ENGQLPTG", ENGQLPTG="PLANNED").certainty == "certain"


def test_a_context_decides_where_a_version_does_not():
    assert "S2-MRS-BADPIX" in audited(mode="MIR_MRS", CRDS_CTX="jwst_1184.pmap").ids()
    assert "S2-MRS-BADPIX" not in audited(mode="MIR_MRS", CRDS_CTX="jwst_1185.pmap").ids()
    assert finding("S2-MRS-BADPIX", mode="MIR_MRS", CRDS_CTX=None).certainty == "possible"


def test_commands():
    known = finding("S1-SNOWBALL-OFF", EXTNCRS=0.0)
    assert known.command[:3] == ("jwgpu", "run", "jw01234001001_02101_00001_x_uncal.fits")
    assert known.command[-2:] == ("--set", "jump.expand_large_events=true")
    slit = finding("S2-NRSFS-PATHLOSS2", mode="NRS_FIXEDSLIT", stage=2, done=["S_PTHLOS"])
    assert slit.command == ("strun", "calwebb_spec2", "jw01234001001_02101_00001_x_rate.fits")
    assert slit.steps == {"pathloss": "pathloss" in AVAILABLE}
    image = finding("S2-PIXAR", stage=2)
    assert image.command == ("jwgpu", "run", "jw01234001001_02101_00001_x_rate.fits", "--out", "products")
    mosaic = finding("S3-DRIZZLE-HOLES", version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE="jw01234_asn.json")
    assert mosaic.command == ("strun", "calwebb_image3", "jw01234_asn.json")
    assert finding("W-GUIDESTAR").command == ()


def test_header_values_are_quoted_and_escaped():
    evil = "x; rm -rf $(HOME) <script>alert(1)</script>_asn.json"
    audit = audited(version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE=evil, PROGRAM="<b>1</b>")
    line = next(f for f in audit if f.issue.id == "S3-DRIZZLE-HOLES").shell
    assert shlex.split(line)[-1] == evil
    assert "<script>" not in audit._repr_html_()
    page = Audits((audit,), (("<i>", "<i>: bad"),)).page()
    assert "<script>" not in page
    assert "<b>1" not in page
    assert "<i>:" not in page


def test_an_option_in_the_name_of_an_association_is_no_option():
    audit = audited(version="1.9.6", stage=3, done=["S_RESAMP"], ASNTABLE="--debug_asn.json")
    assert not next(f for f in audit if f.issue.id == "S3-DRIZZLE-HOLES").command[-1].startswith("-")


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
