"""A noun into a product that the official data models read."""

from __future__ import annotations

import datetime
import os
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from jwgpu._version import __version__
from jwgpu.backend import memory
from jwgpu.data import Alignment, Image, Meta, Ramp, SourceCatalog, Tensors, Windows
from jwgpu.errors import InputError
from jwgpu.io import alignment, asdftree, catalogs, fitsfile, headers, windows
from jwgpu.io.atomic import atomic
from jwgpu.io.keywords import layout, products
from jwgpu.io.names import product_name
from jwgpu.io.open import MANIFEST
from jwgpu.io.stream import Stream
from jwgpu.io.tables import by_keyword, table_hdus
from jwgpu.provenance import state_path
from jwgpu.provenance.manifest import manifest, to_text
from jwgpu.provenance.versions import EQUIVALENT

_GUIDER = ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")
_SUFFIXES = {"photom": "cal", "outlier_detection": "crf", "resample": "i2d"}
"""Of images after steps whose result is a product with a name of its own."""

_MODELS = {"ramp": "RampModel", "superstripe_ramp": "SuperstripeRampModel", "image": "ImageModel", "cube": "CubeModel",
           "guider_raw": "GuiderRawModel", "guider_cal": "GuiderCalModel", "segmap": "SegmentationMapModel",
           **Tensors.MODELS}  # fmt: skip


def save(
    exposure: Ramp | Image | SourceCatalog | Tensors | Windows,
    path: str | os.PathLike | None = None,
    *,
    out: str | os.PathLike | None = None,
    suffix: str | None = None,
    overwrite: bool = True,
) -> Path:
    """Write an exposure as a JWST product; return where it is.

    The file is written beside its place and renamed into it: a product that exists is whole. Steps' states (`S_*`),
    reference files (`R_*`) and the software's name (`CAL_VER`) follow from the history, which is also written in full
    (parameters, notes, times, versions) as JSON text into the extension JWGPU.

    Parameters
    ----------
    exposure : Ramp, Image, SourceCatalog, Tensors, Windows or Alignment
        A catalogue is written as text (`_cat.ecsv`), its segmentation beside it (`_segm.fits`). Windows go into the
        ASDF file that the step was asked for, in which those of other detectors stay.
    path : str or path, optional
        File to write. By default the name follows from that of the input: `_ramp`, `_rate`, `_rateints`, `_cal`,
        `_crf`, `_i2d`, and `_<step>` for ramps and images between two steps; for what a step left beside its result, it
        is the name that was asked for there.
    out : str or path, optional
        Folder for the default name; the current one by default.
    suffix : str, optional
        Last word of the default name, in place of the one above.
    overwrite : bool
        Whether a file that is there may be replaced. The exposure's own input never is.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        The folder is missing, cannot be written to or is full; the file is the exposure's own input, or exists and
        `overwrite` is false.
    """
    if path is not None and (out is not None or suffix is not None):
        raise ValueError("give either a path, or a folder (out) and a suffix for the default name")
    if isinstance(exposure, Windows):
        return windows.write(exposure, path)
    if isinstance(exposure, Alignment):
        return alignment.write(exposure, path, out, overwrite)
    target = Path(path) if path is not None else Path(out or ".") / _default_name(exposure, suffix)
    source = exposure.meta.get("jwgpu.source")
    if source is not None and target.exists() and Path(source).exists() and target.samefile(source):
        raise InputError(
            f"{target} is the file this exposure was read from, which is never overwritten; choose another name"
        )
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already; choose another name, or allow it to be overwritten")
    with memory.garbage_of_now_on():
        if isinstance(exposure, SourceCatalog):
            _save_catalog(exposure, target)
        else:
            _write(exposure, target, _schema(exposure))
    return target


def _write(exposure, target: Path, schema: str, more=None) -> None:
    """Write a FITS product; `more` are metadata of its own."""
    meta = product_meta(exposure, target.name, schema).set(more or {})
    with atomic(target) as temporary, Stream(temporary) as stream:
        fitsfile.write_primary(stream, [*headers.cards(meta, "PRIMARY", schema), *_story(exposure)])
        arrays = _write_arrays(stream, exposure, schema, meta)
        for name, hdu in table_hdus(exposure.tables, schema).items():
            fitsfile.write_table(stream, hdu, by_keyword(name, exposure.tables[name]), headers.cards(meta, hdu))
        text = np.frombuffer(to_text(manifest(exposure)).encode("ascii"), np.uint8)
        fitsfile.write_image(stream, MANIFEST, text, np.uint8)
        tree = asdftree.tree_table(meta, getattr(exposure, "wcs", None), arrays)
        fitsfile.write_table(stream, asdftree.EXTENSION, tree)


def _save_catalog(catalog: SourceCatalog, target: Path) -> None:
    if target.suffix != catalogs.SUFFIX:
        raise InputError(f"catalogues are written as text: let the name {target.name} end in {catalogs.SUFFIX}")
    if catalog.segmentation is not None:
        names = {"source_catalog": target.name, "bunit_data": None, "bunit_err": None}
        _write(catalog, catalogs.segmentation_path(target), "segmap", names)
    with atomic(target) as temporary:
        catalogs.write(catalog, temporary)


def is_guider(exposure) -> bool:
    """Say whether an exposure was taken by a guider at work (not by FGS as an instrument)."""
    return exposure.meta.get("exposure.type") in _GUIDER


def default_suffix(exposure) -> str:
    """Return the last word of the name under which an exposure is saved when nothing else is asked for."""
    if isinstance(exposure, Image) and exposure.wcs is not None and exposure.history:
        last = exposure.history[-1].step
        return _SUFFIXES.get(last, last) + ("ints" if exposure.per_integration else "")
    if isinstance(exposure, Image):
        return "cal" if is_guider(exposure) else "rateints" if exposure.per_integration else "rate"
    if isinstance(exposure, SourceCatalog):
        return "cat"
    last = exposure.history[-1].step if exposure.history else "jump"
    return "ramp" if last == "jump" else last


def _default_name(exposure, suffix: str | None) -> str:
    named = exposure.meta.get("jwgpu.output")
    if named is not None:
        return f"{Path(named).name.removesuffix('.fits')}.fits"
    name = product_name(exposure.meta.get("filename") or "exposure.fits", suffix or default_suffix(exposure))
    return name.removesuffix(".fits") + catalogs.SUFFIX if isinstance(exposure, SourceCatalog) else name


def _schema(exposure) -> str:
    if isinstance(exposure, Tensors):
        return exposure.schema
    if isinstance(exposure, Ramp):
        return "guider_raw" if is_guider(exposure) else "superstripe_ramp" if exposure.n_superstripes else "ramp"
    if is_guider(exposure):
        return "guider_cal"
    return "cube" if exposure.per_integration else "image"


def product_meta(exposure, name: str, schema: str) -> Meta:
    """Return the metadata of the product: the exposure's, with what follows from its history."""
    values: dict[str, Any] = {
        "filename": name,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").removesuffix("+00:00"),
        "telescope": "JWST",
        "model_type": _MODELS[schema],
        "bunit_data": exposure.unit,
        "bunit_err": exposure.unit if getattr(exposure, "err", None) is not None else None,
    }
    if exposure.history:
        # The calibration is jwgpu's: nobody shall take it for that of the official software.
        values |= {
            "calibration_software_version": f"jwgpu {__version__}",
            "calibration_software_revision": EQUIVALENT,
        }
    known = products().by_path
    for record in exposure.history:
        state = state_path(record.step)
        if state in known and not (record.status == "SKIPPED" and values.get(state) == "COMPLETE"):
            values[state] = record.status
        for kind, file in record.references.items():
            place = f"ref_file.{kind}.name"
            if place in known and (record.status == "COMPLETE" or file == "N/A"):
                values[place] = file
    if exposure.history and str(exposure.meta.get("ref_file.crds.context_used", "")).endswith(".pmap"):
        values["ref_file.crds.sw_version"] = _crds_version()
    return exposure.meta.set(values)


def _crds_version() -> str | None:
    try:
        return version("crds")
    except PackageNotFoundError:
        return None


def _story(exposure) -> list:
    """Return the HISTORY cards: what each step did, with the reason where it was skipped."""
    lines = []
    for record in exposure.history:
        words = f"{headers.OURS}{record.version} {record.step} {record.status}"
        words += f": {record.remark}" if record.remark else ""
        # Each line begins alike, so that reading the product knows which cards are ours.
        lines += textwrap.wrap(headers.plain(words), 72, subsequent_indent=headers.OURS + "  ")
    return [fits.Card("HISTORY", line) for line in lines]


def _write_arrays(stream, exposure, schema: str, meta: Meta) -> dict[str, asdftree.Placed]:
    """Write the arrays with the schema's types, under its extension names, in the official order; return where."""
    places = {place.name: place for place in layout(schema).places if place.dtype is not None}
    arrays, written = exposure.arrays(), {}
    if schema == "segmap":
        arrays = {"data": exposure.segmentation}
    if schema == "guider_raw":
        arrays["dq"] = arrays.pop("pixeldq")
    for name in Image.ARRAYS if isinstance(exposure, Image) else places:
        if name in arrays and name in places:
            place = places[name]
            fitsfile.write_image(stream, place.hdu, arrays[name], place.dtype, headers.cards(meta, place.hdu))
            written[name] = place.hdu, np.dtype(place.dtype).name, tuple(arrays[name].shape)
    return written
