"""Headers of products as the archive would hold them, for tests of the audit."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from jwgpu.diagnostics.auditing import abilities
from jwgpu.provenance.audit import audit_header

STAGE_1 = "S_DQINIT S_SATURA S_SUPERB S_REFPIX S_LINEAR S_DARK S_JUMP S_RAMP".split()
STAGE_2 = "S_WCS S_FLAT S_PHOTOM".split()
AVAILABLE = abilities()
MODES = ("NRC_IMAGE NRC_WFSS NRC_CORON NRC_TSIMAGE NRC_TSGRISM NIS_IMAGE NIS_WFSS NIS_SOSS NIS_AMI NRS_FIXEDSLIT "
         "NRS_MSASPEC NRS_IFU NRS_BRIGHTOBJ MIR_IMAGE MIR_MRS MIR_LRS-FIXEDSLIT MIR_LRS-SLITLESS MIR_LYOT MIR_4QPM "
         "FGS_IMAGE").split()  # fmt: skip
IMAGING = ("NRC_IMAGE", "NIS_IMAGE", "MIR_IMAGE", "FGS_IMAGE")


def header(mode="NRC_IMAGE", version="1.10.1", stage=1, done=(), **keywords) -> dict:
    """Return the header of a product of `stage`, with the further states `done`."""
    states = [*STAGE_1, *(STAGE_2 if stage >= 2 else ()), *done]
    found = {"TELESCOP": "JWST", "CAL_VER": version, "CRDS_CTX": "jwst_1077.pmap", "EXP_TYPE": mode, "NINTS": 2,
             "NGROUPS": 20, "NFRAMES": 4, "GROUPGAP": 0, "PROGRAM": "01234", "SUBARRAY": "SUB64", "CHANNEL": "SHORT",
             "READPATT": "RAPID", "ENGQLPTG": "CALCULATED_TR_202105", "VELOSYS": -12000.0, "DETECTOR": "NRCB1",
             "SDP_VER": "2023_1a", "EXTNCRS": 1.5, "TSOVISIT": False, "TARGTYPE": "FIXED", "EXSEGNUM": 1,
             "VISITYPE": "PRIME_TARGETED_FIXED", "PXSCLRT": 1.0} | dict.fromkeys(states, "COMPLETE")  # fmt: skip
    return {key: value for key, value in (found | keywords).items() if value is not None}


def audited(mode="NRC_IMAGE", version="1.10.1", stage=1, done=(), name=None, **keywords):
    """Return the audit of such a header."""
    suffix = {1: "rate", 2: "cal", 3: "i2d"}[stage]
    name = name or ("jw01234-o001_t001_x_" if stage == 3 else "jw01234001001_02101_00001_x_") + suffix + ".fits"
    return audit_header(header(mode, version, stage, done, **keywords), name, AVAILABLE)


def write(path, keywords: dict, science=("VELOSYS",)):
    """Write a FITS file of these keywords, those of `science` into SCI; return its path."""
    primary, sci = fits.Header(), fits.Header()
    for key, value in keywords.items():
        (sci if key in science else primary)[key] = value
    hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(np.arange(64, dtype="f4").reshape(8, 8), sci, name="SCI")]
    fits.HDUList(hdus).writeto(path)
    return path
