"""The header of a product made of several exposures: what is common, what adds up, and a table of what differs.

Most metadata are those of the first exposure. Those in `RULES` are combined, as the official schemas say.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jwgpu.data.meta import Meta

_OUT_OF_PLACE = "outside calibration tolerance"


def _common(values: list):
    return values[0] if len(set(values)) == 1 else "MULTIPLE"


def _wheel(values: list) -> str:
    return _OUT_OF_PLACE if _OUT_OF_PLACE in values else "within commanded tolerance"


_WAYS: dict[Callable, str] = {
    _common: "instrument.detector instrument.module instrument.filter instrument.grating instrument.band",
    _wheel: "instrument.filter_wheel_tolerance instrument.pupil_wheel_tolerance",
    min: "observation.date observation.time observation.date_beg exposure.start_time exposure.start_time_mjd "
    "exposure.start_time_tdb exposure.integration_start",
    max: "observation.date_end instrument.filter_wheel_offset instrument.pupil_wheel_offset exposure.end_time "
    "exposure.end_time_mjd exposure.end_time_tdb exposure.integration_end",
    statistics.fmean: "exposure.mid_time exposure.mid_time_mjd exposure.mid_time_tdb",
    sum: "exposure.exposure_time exposure.effective_exposure_time exposure.measurement_time exposure.duration "
    "exposure.elapsed_exposure_time",
}

RULES: dict[str, Callable] = {path: way for way, paths in _WAYS.items() for path in paths.split()}
"""How metadata of several exposures become one, by path; they are given as the list of those that there are."""

TABLE = "HDRTAB"
"""Name of the table of the metadata of all exposures: one row each, columns by path."""


def blend(metas: Sequence[Meta]) -> Meta:
    """Return the metadata of a product of several exposures."""
    values: dict[str, Any] = dict(metas[0].items())
    for path, way in RULES.items():
        there = [value for meta in metas if (value := meta.get(path)) is not None]
        if there:
            values[path] = way(there)
    return Meta(values)


def table(metas: Sequence[Meta]) -> np.ndarray:
    """Return a table of all plain metadata, one row for each of `metas`, one column for each path.

    Numbers that are missing are NaN, words empty; a column in which words and numbers meet holds words. Truth values
    are 0 and 1.
    """
    columns: dict[str, list] = {}
    for row, meta in enumerate(metas):
        for path, value in meta.items():
            if isinstance(value, (str, bool, int, float, np.generic)) and not path.startswith(
                ("extra_fits.", "jwgpu.")
            ):
                columns.setdefault(path, [None] * len(metas))[row] = value
    arrays = {path: _column(values) for path, values in columns.items()}
    made = np.empty(len(metas), [(path, array.dtype) for path, array in arrays.items()])
    for path, array in arrays.items():
        made[path] = array
    return made


def _column(values: list) -> np.ndarray:
    there = [value for value in values if value is not None]
    if all(isinstance(value, (bool, np.bool_)) for value in there) and len(there) == len(values):
        return np.array(values, np.int8)
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in there):
        whole = len(there) == len(values) and all(isinstance(value, (int, np.integer)) for value in there)
        return np.array([np.nan if value is None else value for value in values], np.int64 if whole else np.float64)
    words = ["" if value is None else str(value).encode("ascii", "replace") for value in values]
    return np.array(words, f"S{max(1, *map(len, words))}")
