"""What the page of build 9.2 names: found for a header that it applies to, not for one that it does not."""

import pytest
from audited import audited

# (issue, arguments of a header it touches, changes that make it one that it does not touch)
CASES = [
    ("S3-CUBE-MEMORY", dict(mode="NRS_IFU", version="1.9.6", stage=3, done=["S_IFUCUB"]), dict(version="1.10.0")),
    ("S3-CUBE-MEMORY", dict(mode="MIR_MRS", version="1.9.6", stage=3, done=["S_IFUCUB"]), dict(mode="MIR_IMAGE")),
    ("S1-DQ-MASK", dict(version="1.9.6"), dict(version="1.10.1")),
    ("S1-DQ-MASK", dict(version="1.9.6"), dict(S_DQINIT="SKIPPED")),
    ("S1-SNOWBALL-OFF", dict(mode="NRC_IMAGE", EXTNCRS=None), dict(EXTNCRS=2.5)),
    ("S1-SNOWBALL-OFF", dict(mode="NRC_IMAGE", version="1.11.4", EXTNCRS=0.0), dict(mode="MIR_IMAGE")),
    ("S1-SHOWER-OFF", dict(mode="MIR_IMAGE", EXTNCRS=None), dict(mode="NRC_IMAGE")),
    ("S1-RAMP-1GROUP", dict(version="1.9.6"), dict(version="1.10.0")),
    ("S1-RAMP-1GROUP", dict(version="1.9.6"), dict(NFRAMES=1)),
    ("S3-OUTLIER-IFU-OLD", dict(mode="NRS_IFU", stage=3, done=["S_OUTLIR"]), dict(version="1.11.0")),
    ("S3-OUTLIER-IFU-OLD", dict(mode="MIR_MRS", stage=3, done=["S_OUTLIR"]), dict(done=[])),
    ("S3-OUTLIER-IFU", dict(mode="NRS_IFU", version="1.11.0", stage=3, done=["S_OUTLIR"]), dict(version="1.10.2")),
    ("S3-OUTLIER-IFU", dict(mode="MIR_MRS", version="1.14.0", stage=3, done=["S_OUTLIR"]), dict(mode="MIR_IMAGE")),
    ("S3-DRIZZLE-HOLES", dict(version="1.9.6", stage=3, done=["S_RESAMP"]), dict(version="1.10.0")),
    ("S3-DRIZZLE-HOLES", dict(version="1.9.6", stage=3, done=["S_RESAMP"]), dict(mode="NRS_IFU")),
    ("S2-NRSFS-PATHLOSS2", dict(mode="NRS_FIXEDSLIT", stage=2, done=["S_PTHLOS"]), dict(version="1.11.0")),
    ("S2-NRSFS-PATHLOSS2", dict(mode="NRS_FIXEDSLIT", stage=2, done=["S_PTHLOS"]), dict(S_PTHLOS="SKIPPED")),
    ("S3-NRCCORON-ASN", dict(mode="NRC_CORON", stage=2), dict(CHANNEL="LONG")),
    ("S3-NRCCORON-ASN", dict(mode="NRC_CORON", stage=2), dict(version="1.11.0")),
    ("S3-PXREPL-ABSENT", dict(mode="NRS_FIXEDSLIT", stage=2), dict(version="1.11.0")),
    ("S3-PXREPL-ABSENT", dict(mode="MIR_MRS", stage=2), dict(stage=1)),
    ("S2-DIVOTS", dict(mode="NRS_MSASPEC", version="1.12.5", stage=2), dict(done=["S_PXREPL"])),
    ("S2-DIVOTS", dict(mode="NRS_FIXEDSLIT", version="1.12.5", stage=2), dict(mode="MIR_MRS")),
    ("S2-NRC-DISPERSION", dict(mode="NRC_WFSS", stage=2), dict(version="1.14.0")),
    ("S2-NRC-DISPERSION", dict(mode="NRC_WFSS", stage=2), dict(mode="NIS_WFSS")),
    ("S2-VELOSYS", dict(mode="NRS_IFU", VELOSYS=None), dict(VELOSYS=-9000.0)),
    ("S2-VELOSYS", dict(mode="MIR_MRS", VELOSYS=None), dict(mode="MIR_IMAGE")),
    ("S2-WFSS-BKGNAN", dict(mode="NIS_WFSS", stage=2), dict(version="1.11.0")),
    ("S2-WFSS-BKGNAN", dict(mode="NRC_WFSS", stage=2), dict(stage=1)),
    ("S1-CYCLIC-BIAS", dict(mode="NRC_TSIMAGE", SUBARRAY="SUB64P"), dict(SUBARRAY="FULL")),
    ("S1-CYCLIC-BIAS", dict(mode="NRC_TSGRISM", SUBARRAY="SUBGRISM128"), dict(NINTS=1)),
    ("S1-JUMP-SLOW", dict(), dict(version="1.18.0")),
    ("S1-JUMP-SLOW", dict(), dict(S_JUMP="SKIPPED")),
    ("S1-1F-NIRCAM", dict(), dict(done=["S_CLNFNS"])),
    ("S1-1F-NIRISS", dict(mode="NIS_IMAGE"), dict(version="2.0.0")),
    ("S1-1F-NIRSPEC", dict(mode="NRS_IFU"), dict(done=["S_CLNFNS"])),
    ("S3-MOSAIC-SLOW", dict(stage=3, done=["S_RESAMP"]), dict(stage=2, done=[])),
]


@pytest.mark.parametrize(("issue", "touched", "changes"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_found_where_it_applies_and_not_elsewhere(issue, touched, changes):
    assert issue in audited(**touched).ids()
    assert issue not in audited(**(touched | changes)).ids()


def test_every_issue_that_the_page_names_is_tested():
    from jwgpu.provenance.builds import knowledge

    named = {issue.id for issue in knowledge().issues if issue.named_by == "build 9.2"}
    assert named <= {case[0] for case in CASES}
