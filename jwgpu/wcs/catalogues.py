"""Catalogues that a user names: sources of each exposure, and positions on the sky."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jwgpu.errors import InputError

SOURCE = np.dtype([("id", "i4"), ("x", "f8"), ("y", "f8"), ("flux", "f8")])
SKY = np.dtype([("ra", "f8"), ("dec", "f8"), ("weight", "f8")])


def _read(path: Path, what: str):
    from astropy.table import Table

    if not path.is_file():
        raise InputError(f"{what}: there is no file {path}; name a catalogue that exists")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units and the like that positions do not need
            return Table.read(path)
    except Exception as error:  # the formats that astropy reads have many kinds of failure
        raise InputError(
            f"{what}: {path} cannot be read as a table ({error}); write it as ECSV, for example"
        ) from error


def _column(table, names: Iterable[str], path: Path, what: str) -> np.ndarray:
    """Return the first of some columns, whatever the case of its letters."""
    known = {name.lower(): name for name in table.colnames}
    for name in names:
        if name in known:
            column = table[known[name]]
            column = column.astype(float).filled(np.nan) if hasattr(column, "filled") else column
            return np.asarray(getattr(column, "value", column), float)
    raise InputError(f"{what}: {path} has no column {' or '.join(names)} (it has: {', '.join(table.colnames)})")


def listed(catfile: str) -> dict[str, str | None]:
    """Return the catalogue of each exposure as a text file lists them; None for those to be searched for sources.

    Raises
    ------
    InputError
        The file is not there, or a line has more than two words.
    """
    path = Path(catfile.strip())
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"tweakreg.catfile: {path} cannot be read ({error}); name a text file") from error
    found: dict[str, str | None] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise InputError(
                f"tweakreg.catfile: line {number} of {path} has {len(words)} words; give the name of an exposure and "
                "that of its catalogue"
            )
        found[words[0]] = str(path.parent / words[1]) if len(words) == 2 else None
    return found


def sources(path: str) -> np.ndarray:
    """Return the sources that a catalogue of an exposure lists: `x`, `y` in pixels, and `id`, `flux` if it has them."""
    what, place = "tweakreg.catfile", Path(path)
    table = _read(place, what)
    made = np.zeros(len(table), SOURCE)
    for axis in "xy":
        made[axis] = _column(table, (axis, f"{axis}centroid", f"{axis}_centroid"), place, what)
    made["id"] = np.arange(len(table)) + 1
    names = {name.lower() for name in table.colnames}
    if "flux" in names:
        made["flux"] = _column(table, ("flux",), place, what)
    return made[np.isfinite(made["x"]) & np.isfinite(made["y"])]


def sky(path: str) -> np.ndarray:
    """Return the positions that a catalogue lists: columns `ra`, `dec` in degrees, or `sky_centroid`; and `weight`."""
    what, place = "tweakreg.abs_refcat", Path(path)
    table = _read(place, what)
    made = np.zeros(len(table), SKY)
    names = {name.lower(): name for name in table.colnames}
    if "sky_centroid" in names and not {"ra", "dec"} <= names.keys():
        centre = table[names["sky_centroid"]]
        made["ra"], made["dec"] = centre.ra.deg, centre.dec.deg
    else:
        made["ra"], made["dec"] = (_column(table, (name,), place, what) for name in ("ra", "dec"))
    made["weight"] = _column(table, ("weight",), place, what) if "weight" in names else 1.0
    return made[np.isfinite(made["ra"]) & np.isfinite(made["dec"])]
