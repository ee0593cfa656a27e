"""jw.audit of what is in memory: an exposure, a set of them, a mixture with files."""

import numpy as np
import pytest
from audited import header, write

import jwgpu as jw
from jwgpu.data import Meta

META = {
    "telescope": "JWST",
    "filename": "jw01234001001_02101_00001_nrcb1_cal.fits",
    "exposure.type": "NRC_IMAGE",
    "exposure.nints": 2,
    "exposure.ngroups": 20,
    "observation.program_number": "01234",
    "calibration_software_version": "1.9.6",
    "ref_file.crds.context_used": "jwst_1041.pmap",
    "cal_step.dq_init": "COMPLETE",
    "cal_step.ramp_fit": "COMPLETE",
    "cal_step.assign_wcs": "COMPLETE",
    "cal_step.photom": "COMPLETE",
}


def image(**changes):
    plane = np.zeros((8, 8), "f4")
    meta = Meta().set(META | changes)
    return jw.Image(data=plane, err=plane, dq=plane.astype("u4"), unit="MJy/sr", meta=meta)


def test_an_exposure_in_memory_is_audited_like_its_file(tmp_path):
    audit = jw.audit(image())
    assert (audit.exp_type, audit.build, audit.program) == ("NRC_IMAGE", "9.2", "01234")
    path = write(tmp_path / META["filename"], header(version="1.9.6", stage=2))
    both = {"S1-DQ-MASK", "S2-PIXAR", "S2-TIMEDEP-ALL", "W-GUIDESTAR"}
    assert both <= audit.ids() & jw.audit(path).ids()
    found = next(one for one in audit if one.issue.id == "S2-PIXAR")
    assert found.command[:3] == ("jwgpu", "run", "jw01234001001_02101_00001_nrcb1_rate.fits")


def test_a_set_is_audited_exposure_by_exposure():
    fine = image(calibration_software_version="3.0.0", filename="jw01234001001_02101_00002_nrcb1_cal.fits")
    audits = jw.audit(jw.Exposures.of([image(), fine], product_name="two"))
    assert [audit.version for audit in audits] == ["1.9.6", "3.0.0"]
    assert ["S1-DQ-MASK" in audit.ids() for audit in audits] == [True, False]
    assert [(program, n) for program, n, _ in audits.by_program()] == [("01234", 2)]
    assert "jw01234001001_02101_00002" in audits._repr_html_()


def test_exposures_files_and_folders_go_together(tmp_path):
    write(tmp_path / "jw01234001001_02101_00003_nrcb1_rate.fits", header(version="1.9.6"))
    nameless = image(calibration_software_version=None)
    audits = jw.audit([image(), tmp_path, str(tmp_path / "none.fits"), nameless])
    assert len(audits) == 2
    assert audits.refused[0][1].endswith("there is no such file")
    assert "no CAL_VER" in audits.refused[1][1]


def test_what_jwgpu_can_do_is_discovered():
    from jwgpu.diagnostics.auditing import abilities

    can = abilities()
    assert can.stage1 | can.stage2 | can.stage3 <= set(jw.steps.names())
    assert can.has("jump", "NRS_IFU")
    assert can.has("flat_field", "MIR_IMAGE")
    assert not can.has("flat_field", "NRS_IFU")
    assert not can.reaches(3, "NRC_CORON")


@pytest.mark.parametrize("product", [3, None, [3]])
def test_what_is_no_product_is_refused(product):
    with pytest.raises(jw.errors.InputError, match=r"not (int|NoneType)"):
        jw.audit(product)
