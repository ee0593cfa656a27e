"""Catalogues of sources as ECSV text, as the official pipeline writes them, and back."""

from __future__ import annotations

import datetime
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from jwgpu.data import Column, Meta, SourceCatalog
from jwgpu.errors import InputError
from jwgpu.io import asdftree, fitsfile
from jwgpu.io.headers import read_headers
from jwgpu.io.names import product_name
from jwgpu.provenance.manifest import from_text, manifest, software, to_text

SUFFIX = ".ecsv"
_MANIFEST = "jwgpu"  # key of the manifest in the metadata of the table
_APERTURES = ("aperture_ee", "aperture_radii", "aperture_corrections", "bkg_aperture_inner_radius",
              "bkg_aperture_outer_radius")  # fmt: skip


def segmentation_path(path: Path) -> Path:
    """Return where the segmentation of the catalogue at `path` lies: `_cat.ecsv` becomes `_segm.fits`."""
    return path.with_name(product_name(path.name, "segm"))


def write(catalog: SourceCatalog, path: Path) -> None:
    """Write the table of a catalogue; positions on the sky as coordinates, other columns with their units."""
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable

    table = QTable()
    for name in catalog.table.dtype.names:
        values, about = np.array(catalog.table[name]), catalog.columns.get(name, Column())
        if values.ndim == 2:
            table[name] = SkyCoord(*values.T, unit="deg", frame="icrs")
        else:
            table[name] = values << units.Unit(about.unit) if about.unit else values
        table[name].info.description = about.description or None
        table[name].info.format = about.format or None
    notes = catalog.history[-1].notes if catalog.history else {}
    notes = {name: list(value) if isinstance(value, tuple) else value for name, value in notes.items()}
    table.meta = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "version": dict(software()),
        "aperture_params": {name: notes[name] for name in _APERTURES if name in notes},
        **({"abvega_offset": notes["abvega_offset"]} if "abvega_offset" in notes else {}),
        _MANIFEST: to_text(manifest(catalog)),
    }
    path.write_text(_text(table), encoding="utf-8", newline="\n")


def _text(table) -> str:
    """Return a table as ECSV: astropy writes what stands above the numbers, and is slow with those."""
    from astropy.table.serialize import represent_mixins_as_columns

    text = io.StringIO()
    numbers = [np.asarray(column) for column in represent_mixins_as_columns(table).itercols()]
    if any(column.dtype.kind not in "biuf" or column.ndim > 1 for column in numbers):
        table.write(text, format="ascii.ecsv")
        return text.getvalue()
    table[:0].write(text, format="ascii.ecsv")
    words = (map(repr, c.tolist()) if c.dtype == np.float64 else c.astype(str).tolist() for c in numbers)
    return text.getvalue() + "".join(" ".join(row) + "\n" for row in zip(*words))


def read(path: Path) -> SourceCatalog:
    """Return the catalogue at `path`, with the segmentation that lies beside it.

    Raises
    ------
    InputError
        It is missing or no catalogue of sources, or the segmentation does not belong to it.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; check the name and the folder ({Path.cwd()} is the current one)")
    table, columns, about = _table(path)
    history = ()
    if _MANIFEST in about:
        _, history = from_text(about[_MANIFEST])
    segmentation, meta, wcs = None, Meta({"filename": path.name}), None
    if (beside := segmentation_path(path)).is_file():
        segmentation, meta, wcs = _segmentation(beside, path)
    return SourceCatalog(
        table=table, columns=columns, segmentation=segmentation, wcs=wcs, history=history,
        meta=meta.set({"jwgpu.source": str(path.resolve()), "jwgpu.inputs": (path.name,)}),
    )  # fmt: skip


def _table(path: Path) -> tuple[np.ndarray, dict[str, Column], dict[str, Any]]:
    """Return the rows of a table, what its columns are, and its metadata."""
    from astropy.table import QTable

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = QTable.read(path, format="ascii.ecsv")
    except Exception as error:  # the reader has many kinds of failure and all mean the same here
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be read as a catalogue ({words}); make it again, or fetch it again") from error
    if missing := {"label", "xcentroid", "ycentroid"} - set(found.colnames):
        raise InputError(
            f"{path} is no catalogue of sources: it has no column {min(missing)}; name a _cat.ecsv product"
        )
    values, columns = {}, {}
    for name in found.colnames:
        column = found[name]
        info = column.info
        if hasattr(column, "ra"):
            values[name], unit = np.stack((column.ra.deg, column.dec.deg), axis=-1), "deg"
        else:
            values[name], unit = np.asarray(getattr(column, "value", column)), str(info.unit or "")
        columns[name] = Column(unit, info.description or "", info.format or "")
    table = np.empty(len(found), [(name, v.dtype.newbyteorder("="), v.shape[1:]) for name, v in values.items()])
    for name, column in values.items():
        table[name] = column
    return table, columns, dict(found.meta)


def _segmentation(path: Path, catalog: Path) -> tuple[np.ndarray, Meta, Any]:
    """Return the labels of pixels, the metadata and the WCS of a segmentation map."""
    with fitsfile.opened(path) as hdus:
        sci = fitsfile.named(hdus, "SCI")
        if sci is None or len(sci.shape) != 2:
            raise InputError(f"{path}, beside {catalog.name}, is no segmentation map; move one of the two elsewhere")
        labels = fitsfile.read_array(path, sci, np.int32)
        known = (asdftree.EXTENSION, "JWGPU")
        values = read_headers(
            [("PRIMARY", hdus[0].header), *((h.name, h.header) for h in hdus[1:] if h.name not in known)]
        )
        tree, wcs = {}, None
        if (hdu := fitsfile.named(hdus, asdftree.EXTENSION)) is not None:
            tree, wcs = asdftree.read_tree(hdu, path.name)
    return labels, Meta(tree | values | {"filename": catalog.name}), wcs
