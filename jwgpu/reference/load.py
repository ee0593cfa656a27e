"""One reference file, read, checked and cut to an exposure."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jwgpu.data import Meta, Reference
from jwgpu.errors import InputError
from jwgpu.reference import given, header, kinds, pixels, quality, window
from jwgpu.reference.contents import Contents, Extension, contents
from jwgpu.reference.window import Window

# Extension: array, where it is not simply the name of the extension in lower case.
_ARRAYS = {
    "SCI": "data", "PRIMARY": "data", "AVDRKCUR": "average_dark_current", "DRK": "dark_rate", "UNC": "dark_rate_unc",
    "PHOTOM": "phot_table", "APCORR": "apcorr_table", "RSCD_GROUP_SKIP": "rscd_group_skip_table",
    "TRAPPARS": "trappars_table", "IRS2": "irs2_table",
}  # fmt: skip
_AXES = {"mask": (2,), "superbias": (2,), "saturation": (2,), "linearity": (3,), "gain": (2,), "readnoise": (2,),
         "dark": (3, 4), "ipc": (2, 4), "reset": (4,), "rscd": (1,), "refpix": (1,), "pictureframe": (2,),
         "flat": (2,)}  # fmt: skip


def load(path: Path, kind: str, target: Window, name: str | None = None) -> Reference:
    """Read a reference file for an exposure.

    Parameters
    ----------
    path : Path
        FITS, ASDF or JSON.
    kind : str
        CRDS type that the file is asked to be.
    target : Window
        What the exposure needs of it.
    name : str, optional
        As it is written into products; else the file name.

    Returns
    -------
    Reference
        On the host. Images: native float32, dq arrays uint32 in the flags of `data.flags.PIXEL`; both cut to the
        exposure's subarray where they are per pixel, with a plane for each superstripe that has not been put together,
        a dark to the frames that can be used. Tables: structured arrays.

    Raises
    ------
    InputError
        Unreadable, of another type, instrument, detector or shape, a missing array or one of nothing but NaN.
    """
    label = f"{kind} reference {path.name}"
    if kind == "skylist":
        return Reference(kind, name or path.name, {kind: given.levels(path, label)})
    in_tree = header.is_asdf(path) or header.is_json(path)
    held = contents(path, label) if path.is_file() and not in_tree and kind != "user_supplied_dq" else None
    meta = header.read(path) if held is None else held.meta
    if kind == "user_supplied_dq":
        flags = given.flags(path, meta, target, label)
        flags = flags[..., slice(*target.rows), :] if target.rows else flags
        return Reference(kind, name or path.name, {"dq": flags}, meta)
    if meta.reftype and str(meta.reftype).lower() != kind:
        raise InputError(f"{path} is a {str(meta.reftype).lower()} reference, not a {kind}; give a {kind} file")
    window.check_origin(meta, target, label)
    if in_tree and kind not in kinds.REQUIRED:
        arrays, models, meta = _from_tree(path, meta, label)
    else:
        held = held or contents(path, label)
        arrays, models = _from_fits(path, kind, held, target, label), {}
    if kind in kinds.MODELS and kinds.MODELS[kind] not in models:
        raise InputError(f"{label} holds no transform {kinds.MODELS[kind]!r}; give a {kind} file in the standard form")
    if target.rows and not _holds_numbers(kind, arrays):
        load(path, kind, dataclasses.replace(target, rows=None))  # what has no number in some rows may have elsewhere
    else:
        _check(kind, arrays, label, target.planes(kind))
    return Reference(kind, name or path.name, arrays, meta, models=models)


def _from_fits(path: Path, kind: str, held: Contents, target: Window, label: str) -> dict:
    arrays, definitions = {}, None
    required, optional = kinds.REQUIRED.get(kind, ()), kinds.OPTIONAL.get(kind, ())
    for extension in held.extensions:
        array = _name(extension)
        if extension.name == "DQ_DEF":
            definitions = extension.table
        elif extension.name == "ASDF" or (required and array not in (*required, *optional)):
            continue
        elif extension.table is not None:
            arrays[array] = extension.table
        elif extension.shape:
            cut = _cut(kind, array, extension.shape, held.meta, target, label)
            dtype = np.uint32 if array.startswith("dq") else np.float32
            arrays[array] = pixels.read(path, extension, cut, dtype, label)
    for name in required:
        if name not in arrays:
            found = ", ".join(e.name for e in held.extensions[1:]) or "none"
            raise InputError(
                f"{label} has no {name} array (its extensions: {found}); give a {kind} file in the standard form"
            )
    for array in arrays:
        if array.startswith("dq") and arrays[array].dtype.names is None:
            arrays[array] = quality.translate(arrays[array], definitions, label)
    if "dq" in optional and "dq" not in arrays:
        arrays["dq"] = np.zeros(arrays[required[0]].shape[-2 - target.planes(kind) :], np.uint32)
    return arrays


def _name(extension: Extension) -> str:
    """Name the array of an extension as the official data models do."""
    if extension.name == "DQ" and extension.table is not None:
        return "dq_table"
    name = _ARRAYS.get(extension.name, extension.name.lower())
    return name if extension.version == 1 else f"{name}_{extension.version}"


def _cut(kind: str, array: str, shape: tuple[int, ...], meta: Meta, target: Window, label: str) -> tuple:
    """Return what is to be read of an image: all of it unless its last two axes are the pixels of the detector."""
    whole = tuple(slice(0, n) for n in shape)
    if kind in kinds.REQUIRED and len(shape) not in (2, *_AXES[kind]):
        raise InputError(
            f"{label}: its array {array} has {len(shape)} axes {shape} where a {kind} has "
            f"{' or '.join(map(str, _AXES[kind]))}; give a {kind} file in the standard form"
        )
    if kind == "ipc" and len(shape) == 2:
        return whole  # one kernel for all pixels
    claimed = (meta.get("subarray.ysize"), meta.get("subarray.xsize"))
    if kind not in kinds.REQUIRED and shape[-2:] not in (*window.FULL_FRAMES, target.shape, claimed):
        return whole
    if target.stack and kind in ("gain", "readnoise") and target.shape[0] > shape[-2]:
        return whole  # guider_cds takes the mean, as there is no such file for stacks
    rows, columns = window.cut(meta, shape, target, label, kind)
    if target.rows:
        first, last = target.rows
        rows = slice(rows.start + first, rows.start + last) if isinstance(rows, slice) else rows[..., first:last]
    if array in kinds.REQUIRED.get(kind, ()) and len(shape) > 2:
        frames = window.frames_needed(kind, meta, target, shape[-3])
        return (*whole[:-3], slice(0, frames), rows, columns)
    return (*whole[:-2], rows, columns)


def _from_tree(path: Path, meta: Meta, label: str) -> tuple[dict, dict, Meta]:
    """Read an ASDF or JSON file."""
    tree = header.read_json(path) if header.is_json(path) else _asdf_tree(path, label)
    leaves = dict(_leaves({k: v for k, v in tree.items() if k not in ("meta", "asdf_library", "history", "HISTORY")}))
    leaves = {k: np.asarray(v.as_array()) if hasattr(v, "as_array") else v for k, v in leaves.items()}  # tables
    arrays = {k: np.ascontiguousarray(v, v.dtype.newbyteorder("=")) for k, v in leaves.items() if hasattr(v, "dtype")}
    arrays |= {k: _table(v) for k, v in leaves.items() if isinstance(v, list) and all(isinstance(r, dict) for r in v)}
    plain = {k: v for k, v in leaves.items() if isinstance(v, (str, int, float, bool, tuple))}
    models = {k: v for k, v in leaves.items() if hasattr(v, "n_inputs")}
    other = sorted(set(leaves) - set(arrays) - set(plain) - set(models))
    if other:
        raise InputError(
            f"{label} holds something other than arrays and plain values "
            f"({other[0]}: {type(leaves[other[0]]).__name__}); give a file in the standard form"
        )
    return arrays, models, meta.set(plain)


def _asdf_tree(path: Path, label: str) -> dict:
    import asdf

    try:
        with warnings.catch_warnings(), asdf.config_context() as settings:
            warnings.simplefilter("ignore")
            settings.validate_on_read = False  # what is wrong shows when it is used; schemas take as long as the rest
            with asdf.open(path, lazy_load=False, memmap=False) as file:
                return dict(file.tree)
    except Exception as error:  # the reader has many kinds of failure and all mean the same here
        raise InputError(f"{label} cannot be read ({error}); fetch or copy it again: {path}") from error


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)) and all(isinstance(v, (str, int, float, bool)) for v in value):
            yield f"{prefix}{key}", tuple(value)
        elif isinstance(value, list) and all(isinstance(v, Mapping) for v in value):
            yield f"{prefix}{key}", [dict(v) for v in value]
        elif isinstance(value, list) and _is_matrix(value):
            yield f"{prefix}{key}", np.array(value, float)
        elif value is not None:
            yield f"{prefix}{key}", value


def _is_matrix(rows: list) -> bool:
    """Say whether a list holds lists of numbers, all of one length."""
    return all(isinstance(row, list) and all(isinstance(v, (int, float)) for v in row) for row in rows) and (
        len({len(row) for row in rows}) == 1
    )


def _table(rows: list[dict]) -> np.ndarray:
    """Return rows that name their columns as a structured array: texts, and numbers with NaN where there is none."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if any(isinstance(v, (int, float)) for v in values):
            columns[name] = np.array([v if isinstance(v, (int, float)) else np.nan for v in values], float)
        else:
            columns[name] = np.array(["" if v is None else str(v) for v in values])
    table = np.empty(len(rows), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return table


def _check(kind: str, arrays: dict, label: str, planes: int) -> None:
    """Check that the arrays the type is about have its axes, and `planes` more, and hold numbers."""
    for name in kinds.REQUIRED.get(kind, ()):
        array = arrays[name]
        if array.ndim - planes not in _AXES[kind] or not array.size:
            raise InputError(
                f"{label}: its array {name} has the shape {array.shape} where a {kind} has "
                f"{' or '.join(map(str, _AXES[kind]))} axes; give a {kind} file in the standard form"
            )
    for name in kinds.REQUIRED.get(kind, ()):
        if not _holds_numbers(kind, {name: arrays[name]}):
            raise InputError(f"{label}: its array {name} holds nothing but NaN; the file is damaged, give another one")


def _holds_numbers(kind: str, arrays: dict) -> bool:
    """Say whether no array that the type is about holds nothing but NaN."""
    for array in (arrays[name] for name in kinds.REQUIRED.get(kind, ()) if name in arrays):
        # A sample of the pixels settles nearly every case; only where it is all NaN is the whole array looked at.
        if array.dtype.kind == "f" and np.isnan(array.ravel()[::997]).all() and np.isnan(array).all():
            return False
    return True
