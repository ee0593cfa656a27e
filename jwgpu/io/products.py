"""Products in folders, and the header that an exposure in memory would be saved with."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from jwgpu.io import headers
from jwgpu.io.save import _schema, default_suffix, product_meta

_ENDINGS = (".fits", ".fits.gz")


def product_files(paths: Iterable[str | os.PathLike]) -> list[Path]:
    """Return files as they are given, and in place of each folder the FITS files at any depth in it.

    A folder without any stays, so that whoever reads it says so. Links to folders are not followed.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.name.endswith(_ENDINGS) and not p.is_dir())
            found |= dict.fromkeys(inside or [path])
        else:
            found[path] = None
    return list(found)


def exposure_header(exposure) -> tuple[dict, str]:
    """Return the keywords of an exposure, and the name it would be saved under."""
    name = exposure.meta.get("filename") or "exposure.fits"
    if exposure.history:
        name = f"{name.removesuffix('.fits').rpartition('_')[0] or 'exposure'}_{default_suffix(exposure)}.fits"
    meta = product_meta(exposure, name, _schema(exposure)) if exposure.history else exposure.meta
    keywords = {}
    for hdu in ("SCI", "PRIMARY"):
        keywords |= {card.keyword: card.value for card in headers.cards(meta, hdu) if card.keyword}
    return {"TELESCOP": "JWST"} | keywords, name
