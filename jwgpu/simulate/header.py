"""The metadata of a raw exposure: everything a level-1b header says."""

from __future__ import annotations

import datetime

import numpy as np

from jwgpu.data import Meta
from jwgpu.data.irs2 import REFERENCE, SCIENCE
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing

DAY = 86400.0
TDB_MINUS_UTC = 69.184  # seconds since 2017; the periodic terms, below 2 ms, are left out
START = datetime.datetime(2025, 10, 4, 12)
FIELD = (53.1625, -27.7914, 47.3)  # right ascension, declination, position angle of V3 at the reference point, degrees

INT_TIMES = np.dtype(
    [("integration_number", "i4")]
    + [(f"int_{when}_{scale}", "f8") for scale in ("MJD_UTC", "BJD_TDB") for when in ("start", "mid", "end")]
)


def modified_julian_date(time: datetime.datetime) -> float:
    """Return the modified Julian date of a UTC time without leap seconds in its day."""
    return (time - datetime.datetime(1858, 11, 17)).total_seconds() / DAY


def attitude(v2: float, v3: float, ra: float, dec: float, roll: float) -> np.ndarray:
    """Return the matrix that turns telescope (V) directions into sky directions.

    `v2, v3` (arcsec) points at `ra, dec`, where the position angle of V3 is `roll` (degrees).
    """

    def turn(axis: int, degrees: float) -> np.ndarray:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = ((1, 2), (2, 0), (0, 1))[axis]
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = c
        matrix[i, j], matrix[j, i] = -s, s
        return matrix

    return turn(2, ra) @ turn(1, -dec) @ turn(0, -roll) @ turn(1, v3 / 3600) @ turn(2, -v2 / 3600)


def _boresight(matrix: np.ndarray) -> tuple[float, float, float]:
    """Return right ascension, declination and V3 position angle of the telescope axis, degrees."""
    axis, up = matrix[:, 0], matrix[:, 2]
    ra, dec = np.arctan2(axis[1], axis[0]), np.arcsin(axis[2])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.cross(axis, east)
    return np.degrees(ra) % 360, np.degrees(dec), np.degrees(np.arctan2(up @ east, up @ north)) % 360


def _wcs(det: Detector, window: Window) -> dict:
    """Return the linear world coordinates and the outline on the sky."""
    ra, dec, roll = FIELD
    step = round(det.scale / 3600, 15)  # a header holds 16 digits
    ny, nx = det.shape if window.name != "FULL" else window.shape
    xref, yref = (nx + 1) / 2 - window.x + 1, (ny + 1) / 2 - window.y + 1
    angle = np.radians(roll + det.angle)
    matrix = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[0.5, 0.5], [window.columns + 0.5, 0.5], [window.columns + 0.5, window.rows + 0.5],
                        [0.5, window.rows + 0.5]]) - [xref, yref]  # fmt: skip
    xi, eta = np.radians(matrix @ corners.T * det.scale / 3600)
    dec0 = np.radians(dec)
    below = np.cos(dec0) - eta * np.sin(dec0)  # inverse gnomonic projection
    sky_ra = ra + np.degrees(np.arctan2(xi, below))
    sky_dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, below)))
    outline = " ".join(f"{a:.9f} {d:.9f}" for a, d in zip(sky_ra, sky_dec))
    return {
        "wcsinfo.wcsaxes": 2, "wcsinfo.crpix1": xref, "wcsinfo.crpix2": yref, "wcsinfo.crval1": ra,
        "wcsinfo.crval2": dec, "wcsinfo.ctype1": "RA---TAN", "wcsinfo.ctype2": "DEC--TAN", "wcsinfo.cunit1": "deg",
        "wcsinfo.cunit2": "deg", "wcsinfo.cdelt1": step, "wcsinfo.cdelt2": step,
        "wcsinfo.pc1_1": matrix[0, 0], "wcsinfo.pc1_2": matrix[0, 1], "wcsinfo.pc2_1": matrix[1, 0],
        "wcsinfo.pc2_2": matrix[1, 1], "wcsinfo.v2_ref": det.v2, "wcsinfo.v3_ref": det.v3, "wcsinfo.vparity": -1,
        "wcsinfo.v3yangle": det.angle, "wcsinfo.ra_ref": ra, "wcsinfo.dec_ref": dec, "wcsinfo.roll_ref": roll,
        "wcsinfo.velosys": -11.23, "wcsinfo.specsys": "BARYCENT", "wcsinfo.siaf_xref_sci": xref,
        "wcsinfo.siaf_yref_sci": yref, "wcsinfo.s_region": f"POLYGON ICRS {outline}",
    }  # fmt: skip


def _identity(number: int) -> dict:
    """Return who asked for what."""
    ra, dec, _ = FIELD
    return {
        "date": START.isoformat(), "telescope": "JWST",
        "origin": "SIMULATED", "time_sys": "UTC", "time_unit": "s", "model_type": "Level1bModel",
        "bunit_data": "DN", "coordinates.reference_frame": "ICRS", "ephemeris.reference_frame": "EME2000",
        "program.title": "Simulated exposure", "program.pi_name": "jwgpu", "program.category": "CAL",
        "observation.obs_id": "V09999001001P0000000002101", "observation.visit_id": "09999001001",
        "observation.program_number": "09999", "observation.observation_number": "001",
        "observation.visit_number": "001", "observation.visit_group": "02", "observation.sequence_id": "1",
        "observation.activity_id": "01", "observation.exposure_number": str(number),
        "visit.type": "PRIME_TARGETED_FIXED", "visit.status": "SUCCESSFUL", "visit.tsovisit": False,
        "visit.crowded_field": False, "visit.internal_target": False, "target.proposer_name": "SIMULATED-FIELD",
        "target.type": "FIXED", "target.ra": ra, "target.dec": dec, "target.proposer_ra": ra,
        "target.proposer_dec": dec, "target.source_type_apt": "EXTENDED", "dither.primary_type": "NONE",
        "dither.position_number": 1, "dither.total_points": 1, "dither.x_offset": 0.0, "dither.y_offset": 0.0,
        "guidestar.gs_order": 1, "guidestar.gs_ra": ra + 0.05, "guidestar.gs_dec": dec + 0.05,
        "velocity_aberration.scale_factor": 1.0,
    }  # fmt: skip


def _clock(timing: Timing, start: datetime.datetime) -> dict:
    """Return the times of the exposure."""
    elapsed = timing.n_integrations * (timing.n_groups * timing.group_time + timing.frame_time)
    exposed = timing.n_integrations * timing.integration_time
    end = start + datetime.timedelta(seconds=elapsed)
    utc = {name: modified_julian_date(start) + share * elapsed / DAY
           for name, share in (("start", 0), ("mid", 0.5), ("end", 1))}  # fmt: skip
    values = {
        "observation.date": f"{start:%Y-%m-%d}", "observation.time": f"{start:%H:%M:%S.%f}"[:-3],
        "observation.date_beg": start.isoformat(timespec="milliseconds"),
        "observation.date_end": end.isoformat(timespec="milliseconds"),
        "exposure.integration_time": timing.integration_time, "exposure.exposure_time": exposed,
        "exposure.effective_exposure_time": exposed, "exposure.measurement_time": exposed,
        "exposure.elapsed_exposure_time": elapsed, "exposure.duration": elapsed,
    }  # fmt: skip
    for name, mjd in utc.items():
        values[f"exposure.{name}_time"] = values[f"exposure.{name}_time_mjd"] = mjd
        values[f"exposure.{name}_time_tdb"] = mjd + TDB_MINUS_UTC / DAY
    return values


def integration_times(timing: Timing, start: datetime.datetime) -> np.ndarray:
    """Return the INT_TIMES table."""
    table = np.zeros(timing.n_integrations, INT_TIMES)
    length = timing.n_groups * timing.group_time
    table["integration_number"] = np.arange(timing.n_integrations) + 1
    first = modified_julian_date(start) + np.arange(timing.n_integrations) * (length + timing.frame_time) / DAY
    for when, share in (("start", 0.0), ("mid", 0.5), ("end", 1.0)):
        table[f"int_{when}_MJD_UTC"] = first + share * length / DAY
        table[f"int_{when}_BJD_TDB"] = table[f"int_{when}_MJD_UTC"] + TDB_MINUS_UTC / DAY
    return table


def start_of(number: int) -> datetime.datetime:
    """Return the start of the n-th exposure; they follow each other every hour."""
    return START + datetime.timedelta(hours=number - 1)


def header(
    det: Detector,
    window: Window,
    timing: Timing,
    read_pattern: str,
    exp_type: str,
    filter: str,
    zero: bool,
    number: int,
    divisor: int,
    stripes: dict,
) -> Meta:
    """Return the metadata of a raw exposure; `stripes` are those of a readout in stripes."""
    ra, dec, roll = FIELD
    ra_v1, dec_v1, pa_v3 = _boresight(attitude(det.v2, det.v3, ra, dec, roll))
    aperture = det.aperture if window.name == "FULL" else det.aperture.replace("FULL", window.name)
    values = {
        "filename": f"jw09999001001_02101_{number:05d}_{det.name.lower()}_uncal.fits",
        **_identity(number), **_clock(timing, start_of(number)), **_wcs(det, window),
        "instrument.name": det.instrument, "instrument.detector": det.name, "instrument.module": det.module,
        "instrument.channel": det.channel, "instrument.filter": None if det.instrument == "FGS" else filter,
        "instrument.pupil": det.pupil, "instrument.grating": det.grating,
        "exposure.type": exp_type, "exposure.readpatt": read_pattern, "exposure.count": 1,
        "exposure.prime_parallel": "PRIME", "exposure.nints": timing.n_integrations,
        "exposure.integration_start": 1, "exposure.integration_end": timing.n_integrations,
        "exposure.segment_number": 1, "exposure.segment_total": 1, "exposure.ngroups": timing.n_groups,
        "exposure.nframes": timing.n_frames, "exposure.groupgap": timing.gap,
        "exposure.frame_divisor": divisor, "exposure.drop_frames1": 0, "exposure.drop_frames3": 0,
        "exposure.nsamples": 9 if read_pattern.startswith("SLOW") else 1, "exposure.sample_time": 10.0,
        "exposure.frame_time": timing.frame_time,
        "exposure.group_time": timing.group_time, "exposure.nresets_at_start": 1,
        "exposure.nresets_between_ints": 1, "exposure.zero_frame": zero, "exposure.data_problem": False,
        "exposure.noutputs": 5 if det.instrument == "MIRI" else window.outputs, "exposure.gain_factor": 1.0,
        "subarray.name": window.name, "subarray.xstart": window.x, "subarray.ystart": window.y,
        "subarray.xsize": window.columns, "subarray.ysize": window.rows, "subarray.fastaxis": det.fast,
        "subarray.slowaxis": det.slow, "aperture.name": aperture, "aperture.pps_name": aperture,
        "aperture.position_angle": (roll + det.angle) % 360, "pointing.ra_v1": ra_v1, "pointing.dec_v1": dec_v1,
        "pointing.pa_v3": pa_v3,
    }  # fmt: skip
    values |= stripes
    if "IRS2" in read_pattern:
        values |= {"exposure.nrs_normal": SCIENCE, "exposure.nrs_reference": REFERENCE}
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items() if v is not None}
    return Meta(plain)
