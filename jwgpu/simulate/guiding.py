"""The tables that come with exposures of a guider at work: stars that were looked for and found, and how they moved."""

from __future__ import annotations

import datetime

import numpy as np

from jwgpu.simulate.header import FIELD, modified_julian_date
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing

JITTER = 1.0  # milliarcseconds
STARS = 11  # reference stars of a field that can be listed

_PLANNED = np.dtype(
    [("guide_star_order", "i4"), ("reference_order", "i4"), ("reference_star_id", "S12")]
    + [(name, "f8") for name in ("ra", "dec", "id_x", "id_y", "fgs_mag", "fgs_mag_uncert", "count_rate")]
    + [("count_rate_uncert", "f8")]
)
_FLIGHT = np.dtype([("reference_star_id", "S2"), ("id_x", "f8"), ("id_y", "f8"), ("count_rate", "f8")])
_POINTING = np.dtype(
    [("time", "f8"), ("jitter", "f8")]
    + [(f"delta_{n}", "f8") for n in ("ddc_ra", "ddc_dec", "aperture_pa", "v1_ra", "v1_dec", "v3_pa")]
    + [(f"delta_{n}", "f8") for n in ("j1_ra", "j1_dec", "j3_pa")]
    + [("HGA_motion", "S16")]
)
_CENTROID = np.dtype(
    [("observatory_time", "S23"), ("centroid_time", "S23")]
    + [(f"guide_star_{n}", "f8") for n in ("position_x", "position_y", "instrument_counts_per_sec")]
    + [(n, "f8") for n in ("signal_to_noise_current_frame", "delta_signal", "delta_noise")]
    + [(n, "i4") for n in ("psf_width_x", "psf_width_y", "data_quality")]
    + [("bad_pixel_flag", "S4"), ("bad_centroid_dq_flag", "S12")]
    + [(f"{n}_flag", "S5") for n in ("cosmic_ray_hit", "sw_subwindow_loc_change")]
    + [(f"{n}_flag", "S5") for n in ("guide_star_at_detector_subwindow_boundary", "subwindow_out_of_FOV")]
)
_TRACK = np.dtype(
    [("observatory_time", "S23"), ("x_corner", "f8"), ("y_corner", "f8"), ("x_size", "i4"), ("y_size", "i4")]
)


def tables(
    seed, exp_type: str, det: Detector, window: Window, timing: Timing, stars: np.ndarray, start: datetime.datetime
) -> dict[str, np.ndarray]:
    """Return the tables of a guider exposure, by their official names.

    Identification lists the stars that were planned and found; tracking and fine guiding the pointing and the position
    of the guide star, the brightest of `stars`, in every integration; tracking its window, too. Acquisition has none.
    """
    stars = stars[np.argsort(-stars["flux"], kind="stable")][:STARS]
    if exp_type in ("FGS_ID-STACK", "FGS_ID-IMAGE"):
        return {"planned_star_table": _planned(stars, det), "flight_star_table": _flight(stars)}
    if exp_type not in ("FGS_TRACK", "FGS_FINEGUIDE"):
        return {}
    rng = np.random.default_rng(seed)
    seconds = (np.arange(timing.n_integrations) + 0.5) * timing.integration_time
    times = np.array([(start + datetime.timedelta(seconds=s)).isoformat(timespec="milliseconds") for s in seconds])
    moved = JITTER * rng.standard_normal((2, len(times)))
    pointing = np.zeros(len(times), _POINTING)
    pointing["time"] = modified_julian_date(start) + seconds / 86400
    pointing["jitter"], pointing["HGA_motion"] = np.hypot(*moved), b"NO"
    pointing["delta_ddc_ra"], pointing["delta_ddc_dec"] = moved / 3.6e6
    found = {"pointing_table": pointing, "centroid_table": _centroids(stars[:1], times, moved / 1000 / det.scale)}
    if exp_type == "FGS_TRACK":
        track = np.zeros(len(times), _TRACK)
        track["observatory_time"] = times.astype("S23")
        track["x_corner"], track["y_corner"], track["x_size"], track["y_size"] = (
            window.x, window.y, window.columns, window.rows,
        )  # fmt: skip
        found["track_sub_table"] = track
    return found


def _planned(stars: np.ndarray, det: Detector) -> np.ndarray:
    table = np.zeros(len(stars), _PLANNED)
    table["guide_star_order"], table["reference_order"] = 1, np.arange(len(stars))
    table["reference_star_id"] = [f"S1AB{n:06d}" for n in range(len(stars))]
    table["id_x"], table["id_y"] = stars["x"], stars["y"]
    table["ra"] = FIELD[0] + stars["x"] * det.scale / 3600
    table["dec"] = FIELD[1] + stars["y"] * det.scale / 3600
    table["count_rate"], table["count_rate_uncert"] = stars["flux"], np.sqrt(stars["flux"])
    table["fgs_mag"], table["fgs_mag_uncert"] = 29.0 - 2.5 * np.log10(stars["flux"]), 0.1
    return table


def _flight(stars: np.ndarray) -> np.ndarray:
    table = np.zeros(len(stars), _FLIGHT)
    table["reference_star_id"] = [f"{n:02d}" for n in range(len(stars))]
    table["id_x"], table["id_y"], table["count_rate"] = stars["x"], stars["y"], stars["flux"]
    return table


def _centroids(star: np.ndarray, times: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return the packets of a star that has moved by so much, (x and y, time), in pixels."""
    table = np.zeros(len(times), _CENTROID)
    table["observatory_time"] = table["centroid_time"] = times.astype("S23")
    if len(star):
        table["guide_star_position_x"], table["guide_star_position_y"] = star["x"] + moved[0], star["y"] + moved[1]
        table["guide_star_instrument_counts_per_sec"] = star["flux"]
        table["signal_to_noise_current_frame"] = np.sqrt(star["flux"])
    table["psf_width_x"] = table["psf_width_y"] = 2
    table["bad_pixel_flag"], table["bad_centroid_dq_flag"] = b"GOOD", b"GOOD"
    for name in _CENTROID.names[-4:]:
        table[name] = b"NO"
    return table
