"""Levels of the sky that somebody else has measured."""

from __future__ import annotations

from pathlib import Path

from jwgpu.data import Exposures, Reference
from jwgpu.errors import InputError
from jwgpu.step import ParameterError


def levels(images: Exposures, skylist: Reference | None) -> list[float]:
    """Return the level of each exposure from a list of names and levels.

    Names are compared without folder, extension and suffix (`_cal`).

    Raises
    ------
    ParameterError
        There is no list.
    InputError
        It has not one line for each exposure.
    """
    if skylist is None:
        raise ParameterError('skymatch.skymethod = "user" needs levels: give skylist, a file of names and levels')
    table = skylist.skylist
    if len(table) != len(images):
        raise InputError(f"{skylist.name} has {len(table)} levels for {len(images)} exposures; give one for each")
    found = []
    for image in images:
        own = [float(row["sky"]) for row in table if _roots(image.name) & _roots(row["name"])]
        if len(own) != 1:
            raise InputError(f"{skylist.name} has {len(own)} lines for {image.name}; give one")
        found += own
    return found


def _roots(name: str) -> set[str]:
    """Return a name without folder and extension, and without its last word."""
    stem = Path(str(name)).stem
    return {stem, stem.rpartition("_")[0]} - {""}
