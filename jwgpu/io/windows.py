"""Windows of persistence from one exposure to the next, in the ASDF files of the official persistence step.

Such a file holds, for each detector: the name of the last exposure, the length of a window (s), and for each pixel
with an open window its row, its column and the end of the window (seconds since 1970).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jwgpu.data import Ramp
from jwgpu.errors import InputError
from jwgpu.io.atomic import atomic

_COLUMNS = {"row": "rows", "column": "cols", "end": "vals"}
_TABLE = np.dtype([("row", "i4"), ("column", "i4"), ("end", "f8")])


def read_windows(path, ramp: Ramp, persistence_time: int) -> Ramp:
    """Return `ramp` with the windows that earlier exposures of its detector left open, for the persistence step.

    Parameters
    ----------
    path : path
        ASDF file, as `write_windows` or the official step writes it.
    ramp : Ramp
        Whose detector is looked up.
    persistence_time : int
        Length of a window in seconds. Windows of another length are left out, as the official step does.

    Returns
    -------
    Ramp
        With `tables["PERSISTENCE"]`, which is empty where the file knows nothing of the detector.

    Raises
    ------
    InputError
        The file is not there or cannot be read.
    """
    entry = _read(Path(path)).get(ramp.meta.require("instrument.detector", "persistence"))
    known = entry is not None and entry["pers_time"] == persistence_time
    table = np.zeros(len(entry["rows"]) if known else 0, _TABLE)
    if known:
        for name, official in _COLUMNS.items():
            table[name] = entry[official]
    return ramp.replace(tables={**ramp.tables, "PERSISTENCE": table})


def write_windows(ramp: Ramp, path) -> Path:
    """Write the windows that the persistence step left open; other detectors in the file stay as they are.

    Raises
    ------
    InputError
        The ramp has not been through the step, or the file cannot be written, or one is there that cannot be read.
    """
    import asdf

    records = [record for record in ramp.history if record.step == "persistence" and record.status == "COMPLETE"]
    if not records or "PERSISTENCE" not in ramp.tables:
        raise InputError(f"{ramp.name} has not been through the persistence step; there are no windows to write")
    path = Path(path)
    tree = _read(path) if path.exists() else {}
    table = ramp.tables["PERSISTENCE"]
    tree[ramp.meta.require("instrument.detector", "persistence")] = {
        "filename": ramp.name,
        "pers_time": records[-1].parameters["persistence_time"],
        **{official: np.ascontiguousarray(table[name]) for name, official in _COLUMNS.items()},
    }
    with atomic(path) as temporary:
        asdf.AsdfFile(tree).write_to(temporary)
    return path


def _read(path: Path) -> dict:
    """Return what the file holds of each detector."""
    import asdf

    try:
        with asdf.open(path, lazy_load=False, memmap=False) as file:
            return {name: dict(entry) for name, entry in file.tree.items() if "pers_time" in entry}
    except Exception as error:  # the reader has many kinds of failure and all mean the same here
        raise InputError(
            f"{path} cannot be read as a file of persistence windows ({error}); write one with jwgpu.io.write_windows"
        ) from error
