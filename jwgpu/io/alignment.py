"""The report of an alignment as a FITS file of tables, and the sources of exposures as catalogues."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from astropy.io import fits

from jwgpu.data import Alignment
from jwgpu.errors import InputError
from jwgpu.io.atomic import atomic

_FORMATS = {"ecsv": "ascii.ecsv", "fits": "fits"}


def write(
    alignment: Alignment, path: str | os.PathLike | None, out: str | os.PathLike | None, overwrite: bool = True
) -> Path:
    """Write the tables EXPOSURES, RESIDUALS and SOURCES of an alignment, as far as there are any; return the file.

    Where the catalogues of the exposures are asked for, they lie beside it: `<exposure>_cat.ecsv`.

    Parameters
    ----------
    alignment : Alignment
    path : str or path, optional
        By default `<product>_tweakreg.fits`, or what the step has named.
    out : str or path, optional
        Folder for the default name.
    overwrite : bool

    Raises
    ------
    InputError
        The file exists and must not be replaced, or the folder cannot be written to.
    """
    named = alignment.meta.get("jwgpu.output") or f"{alignment.meta.get('asn.product_name') or 'jwgpu'}_tweakreg"
    target = Path(path) if path is not None else Path(out or ".") / f"{Path(named).name}.fits"
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists already; choose another name, or allow it to be overwritten")
    tables = {"EXPOSURES": alignment.exposures, "RESIDUALS": alignment.residuals, "SOURCES": alignment.sources}
    hdus = [fits.BinTableHDU(table, name=name) for name, table in tables.items() if len(table)]
    with atomic(target) as partial:
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(partial)
    if alignment.catalogs:
        for k, name in enumerate(alignment.exposures["name"]):
            _catalogue(alignment, k, target.parent / f"{Path(str(name)).stem}_cat.{alignment.catalogs}")
    return target


def _catalogue(alignment: Alignment, k: int, path: Path) -> None:
    from astropy.table import Table

    own = alignment.sources[alignment.sources["exposure"] == k]
    table = Table({name: np.array(own[name]) for name in ("id", "x", "y", "flux")})
    with atomic(path) as partial:
        table.write(partial, format=_FORMATS[alignment.catalogs], overwrite=True)
