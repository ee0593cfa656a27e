"""Headers, counts and tables that the tests of opening and saving share."""

from __future__ import annotations

import numpy as np

HEADER = {
    "telescope": "JWST",
    "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "instrument.channel": "SHORT",
    "instrument.module": "B", "instrument.filter": "F200W", "instrument.pupil": "CLEAR",
    "exposure.type": "NRC_IMAGE", "exposure.readpatt": "BRIGHT2", "exposure.nints": 2, "exposure.ngroups": 5,
    "exposure.nframes": 2, "exposure.groupgap": 0, "exposure.frame_time": 10.73677, "exposure.group_time": 21.47354,
    "exposure.drop_frames1": 0, "exposure.frame_divisor": 2, "exposure.zero_frame": True,
    "exposure.start_time": 60952.5,
    "subarray.name": "SUB64", "subarray.xstart": 5, "subarray.ystart": 9, "subarray.xsize": 12, "subarray.ysize": 8,
    "subarray.fastaxis": 1, "subarray.slowaxis": -2,
    "observation.date": "2025-10-04", "observation.time": "12:00:00.000", "program.pi_name": "Someone Else",
    "observation.program_number": "01019",
}  # fmt: skip
GUIDER = {
    "telescope": "JWST", "instrument.name": "FGS", "instrument.detector": "GUIDER2", "exposure.type": "FGS_TRACK",
    "exposure.readpatt": "TRACK", "exposure.nints": 2, "exposure.ngroups": 5, "exposure.nframes": 1,
    "exposure.groupgap": 0, "exposure.frame_time": 0.06, "exposure.group_time": 0.06, "subarray.name": "32X32",
    "subarray.xstart": 5, "subarray.ystart": 9, "subarray.xsize": 12, "subarray.ysize": 8, "subarray.fastaxis": 2,
    "subarray.slowaxis": -1,
}  # fmt: skip


def counts(shape, seed=1):
    """Raw counts that fill the range of 16 bits."""
    return np.random.default_rng(seed).integers(0, 65536, shape, dtype=np.uint16)


def times(n):
    """A table of integration times."""
    names = ["int_start_MJD_UTC", "int_mid_MJD_UTC", "int_end_MJD_UTC", "int_start_BJD_TDB", "int_mid_BJD_TDB",
             "int_end_BJD_TDB"]  # fmt: skip
    table = np.zeros(n, [("integration_number", "i4"), *((name, "f8") for name in names)])
    table["integration_number"] = np.arange(1, n + 1)
    table["int_mid_MJD_UTC"] = 60952.5 + np.arange(n) / 1000
    return table
