"""The header of a reference file (FITS, ASDF or JSON) as metadata under the official paths."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jwgpu.data import Meta
from jwgpu.errors import InputError

# Keyword: path. Only what reference files carry; exposures have their own, longer table.
_PATHS = {
    "AUTHOR": "author", "DATAMODL": "model_type", "DATE": "date", "DESCRIP": "description", "FILENAME": "filename",
    "FILETYPE": "filetype", "ORIGIN": "origin", "PEDIGREE": "pedigree", "REFTYPE": "reftype",
    "TELESCOP": "telescope", "USEAFTER": "useafter",
    "INSTRUME": "instrument.name", "DETECTOR": "instrument.detector", "MODULE": "instrument.module",
    "CHANNEL": "instrument.channel", "BAND": "instrument.band", "FILTER": "instrument.filter",
    "PUPIL": "instrument.pupil", "GRATING": "instrument.grating", "OPMODE": "instrument.lamp_mode",
    "LAMP": "instrument.lamp_state", "P_DETECT": "instrument.p_detector", "P_CHANNE": "instrument.p_channel",
    "P_BAND": "instrument.p_band", "P_FILTER": "instrument.p_filter", "P_PUPIL": "instrument.p_pupil",
    "P_GRATIN": "instrument.p_grating", "P_MODULE": "instrument.p_module",
    "EXP_TYPE": "exposure.type", "P_EXP_TY": "exposure.p_exptype", "READPATT": "exposure.readpatt",
    "P_READPA": "exposure.p_readpatt", "NINTS": "exposure.nints", "NGROUPS": "exposure.ngroups",
    "NFRAMES": "exposure.nframes", "GROUPGAP": "exposure.groupgap", "NOUTPUTS": "exposure.noutputs",
    "TFRAME": "exposure.frame_time", "TGROUP": "exposure.group_time", "GAINFACT": "exposure.gain_factor",
    "AVDRKCUR": "exposure.average_dark_current",
    "SUBARRAY": "subarray.name", "P_SUBARR": "subarray.p_subarray", "SUBSTRT1": "subarray.xstart",
    "SUBSTRT2": "subarray.ystart", "SUBSIZE1": "subarray.xsize", "SUBSIZE2": "subarray.ysize",
    "FASTAXIS": "subarray.fastaxis", "SLOWAXIS": "subarray.slowaxis",
    "PIXAR_SR": "photometry.pixelarea_steradians", "PIXAR_A2": "photometry.pixelarea_arcsecsq",
}  # fmt: skip


def is_asdf(path: Path) -> bool:
    """Say whether the name of the file is that of an ASDF file."""
    return path.suffix.lower() == ".asdf"


def is_json(path: Path) -> bool:
    """Say whether the name of the file is that of a JSON file."""
    return path.suffix.lower() == ".json"


def read(path: Path) -> Meta:
    """Read the metadata of a reference file; of the data nothing is read.

    Raises
    ------
    InputError
        Not there, or neither FITS, ASDF nor JSON.
    """
    if not path.is_file():
        raise InputError(f"reference file {path} does not exist; check the name, or the folder it is looked for in")
    if is_json(path):
        return from_json(read_json(path))
    return from_tree(read_yaml(path)) if is_asdf(path) else from_fits(read_primary(path))


def read_primary(path: Path):
    """Return the primary header of a FITS file."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fits.getheader(path, 0)
    except (OSError, fits.VerifyError) as error:
        raise InputError(f"reference file {path} cannot be read as FITS ({error}); fetch or copy it again") from error


def read_yaml(path: Path) -> dict:
    """Return the tree of an ASDF file without its arrays."""
    from asdf.util import load_yaml

    try:
        return load_yaml(path)
    except Exception as error:  # the YAML reader has many kinds of failure and all mean the same here
        raise InputError(f"reference file {path} cannot be read as ASDF ({error}); fetch or copy it again") from error


def read_json(path: Path) -> dict:
    """Return the tree of a JSON file."""
    try:
        tree = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"reference file {path} cannot be read as JSON ({error}); fetch or copy it again") from error
    if not isinstance(tree, dict):
        raise InputError(f"reference file {path} is JSON, but no tree of named values; give one in the standard form")
    return tree


def from_json(tree: Mapping[str, Any]) -> Meta:
    """Take the metadata of a JSON file, whose names stand at the top; detector and exposure type may be lists."""
    named = {"instrument": "instrument.name", "detector": "instrument.detector", "exp_type": "exposure.type"}
    plain = {
        named.get(key, key): value.upper() if key in ("instrument", "detector") else value
        for key, value in tree.items()
        if isinstance(value, str)
    }
    return Meta(plain)


def from_fits(header) -> Meta:
    """Translate a FITS header."""
    values = {path: header[key] for key, path in _PATHS.items() if key in header}
    return Meta({path: _plain(value) for path, value in values.items() if _plain(value) is not None})


def from_tree(tree: Mapping[str, Any]) -> Meta:
    """Take the metadata of an ASDF tree.

    Parameter files that a user has exported say `<SPECIFY>` where those of CRDS have a value; their type is in the
    class they are for.
    """
    values = {path: value for path, value in _flatten(tree.get("meta", {})) if value != "<SPECIFY>"}
    if isinstance(tree.get("class"), str):
        values.setdefault("reftype", f"pars-{tree['class'].rpartition('.')[2].lower()}")
    return Meta(values)


def _plain(value):
    """Return a header value stripped of blanks, or None for one that says nothing."""
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, (int, float, bool)) else None


def _flatten(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (str, int, float, bool)):
            yield f"{prefix}{key}", value
        elif hasattr(value, "isoformat"):  # YAML reads an unquoted date as one
            yield f"{prefix}{key}", value.isoformat()
