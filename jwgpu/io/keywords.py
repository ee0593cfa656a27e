"""Which metadata path is which header keyword: read from the schema files that come with stdatamodels.

Only the schema files are read; the package itself, which takes seconds to import, is not loaded.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

_PRODUCTS = ("ramp", "superstripe_ramp", "level1b", "image", "cube", "guider_raw", "guider_cal")


@dataclass(frozen=True)
class Keyword:
    """One header keyword: metadata path (without `meta.`), extension, name, schema type, comment and section title."""

    path: str
    hdu: str
    name: str
    type: str
    comment: str
    section: str


@dataclass(frozen=True)
class Place:
    """Where a schema keeps an array: its name in the model, the extension, the type (None for tables), the axes."""

    name: str
    hdu: str
    dtype: np.dtype | None
    ndim: int | None


@dataclass(frozen=True)
class Layout:
    """What a schema says about FITS files."""

    keywords: tuple[Keyword, ...]
    places: tuple[Place, ...]

    @functools.cached_property
    def by_keyword(self) -> dict[tuple[str, str], Keyword]:
        """Keywords by (extension, name), both in capitals."""
        return {(k.hdu.upper(), k.name.upper()): k for k in reversed(self.keywords)}

    @functools.cached_property
    def by_path(self) -> dict[str, Keyword]:
        """Keywords by metadata path."""
        return {k.path: k for k in reversed(self.keywords)}

    @functools.cached_property
    def by_hdu(self) -> dict[str, Place]:
        """Arrays and tables by the name of their extension, in capitals."""
        return {p.hdu.upper(): p for p in reversed(self.places)}


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("stdatamodels")
    return Path(spec.submodule_search_locations[0]) / "jwst" / "datamodels" / "schemas"


@functools.cache
def _load(name: str) -> dict:
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # all values are words, which takes half the time
    with (_folder() / f"{name}.yaml").open(encoding="utf-8") as stream:
        return yaml.load(stream, Loader=loader)


@functools.cache
def layout(schema: str) -> Layout:
    """Return what the schema called `schema` (for example `"image"`, `"gain"`) says about keywords and arrays."""
    keywords: dict[tuple[str, str], Keyword] = {}
    places: dict[str, Place] = {}
    _walk(_load(f"{schema}.schema"), (), "", keywords, places)
    return Layout(tuple(keywords.values()), tuple(places.values()))


@functools.cache
def products() -> Layout:
    """Return the union of the layouts of all products that are opened and saved here."""
    keywords: dict[tuple[str, str], Keyword] = {}
    places: dict[str, Place] = {}
    for schema in _PRODUCTS:
        part = layout(schema)
        for keyword in part.keywords:
            keywords.setdefault((keyword.hdu, keyword.name), keyword)
        for place in part.places:
            places.setdefault(place.name, place)
    return Layout(tuple(keywords.values()), tuple(places.values()))


def _walk(node: dict, path: tuple[str, ...], section: str, keywords: dict, places: dict) -> None:
    """Collect the keywords and arrays below `node`; lists of objects (slits) have no place in these products."""
    if "$ref" in node:
        if not node["$ref"].startswith("#"):
            _walk(_load(node["$ref"]), path, section, keywords, places)
        return
    hdu = node.get("fits_hdu") or "PRIMARY"
    if "fits_keyword" in node:
        name, title = node["fits_keyword"], str(node.get("title", "")).strip().partition("\n")[0]
        dotted = ".".join(path[1:]) if path[0] == "meta" else ".".join(path)
        keywords.setdefault((hdu, name), Keyword(dotted, hdu, name, node.get("type", ""), title, section))
    elif "fits_hdu" in node and path and path[0] != "meta":
        places.setdefault(path[-1], _place(path[-1], hdu, node))
    for part in node.get("allOf", []):
        _walk(part, path, section, keywords, places)
    title = str(node.get("title", section)).strip() if path else section
    for name, child in node.get("properties", {}).items():
        _walk(child, (*path, name), title, keywords, places)


def _place(name: str, hdu: str, node: dict) -> Place:
    kind = node.get("datatype")
    dtype = np.dtype(kind) if isinstance(kind, str) and kind != "bool8" else None
    ndim = node.get("ndim", node.get("max_ndim"))
    return Place(name, hdu, dtype, None if ndim is None else int(ndim))
