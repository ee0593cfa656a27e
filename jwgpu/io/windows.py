"""Windows of persistence into the ASDF files of the official persistence step.

Such a file holds, for each detector: the name of the last exposure, the length of a window (s), and for each pixel
with an open window its row, its column and the end of the window (seconds since 1970).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from jwgpu.data import Windows
from jwgpu.errors import InputError
from jwgpu.io.atomic import atomic

_COLUMNS = {"rows": "row", "cols": "column", "vals": "end"}


def write(windows: Windows, path: str | os.PathLike | None = None) -> Path:
    """Write the windows of a detector; other detectors in the file stay as they are.

    Parameters
    ----------
    windows : Windows
    path : str or path, optional
        By default the one that the step was given.

    Raises
    ------
    InputError
        The file cannot be written, or one is there that cannot be read.
    """
    import asdf

    path = Path(path or windows.meta.get("jwgpu.output", "persistence")).with_suffix(".asdf")
    tree = _read(path) if path.exists() else {}
    tree[windows.meta.require("instrument.detector", "persistence")] = {
        "filename": windows.name,
        "pers_time": windows.persistence_time,
        **{official: np.ascontiguousarray(getattr(windows, name)) for official, name in _COLUMNS.items()},
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
            f"{path} cannot be read as a file of persistence windows ({error}); give save_persistence another name"
        ) from error
