"""Tables that travel with an exposure: integration and group times, guide star tables."""

from __future__ import annotations

import numpy as np

from jwgpu.data.blend import TABLE as HEADERS
from jwgpu.io.keywords import layout, products


def read_table(hdu) -> np.ndarray | None:
    """Return a table extension as a structured array of native numbers and byte strings; None for ragged columns."""
    if any("P" in c.format or "Q" in c.format for c in hdu.columns):
        return None
    # Column by column, since that is how scaled and unsigned integers are resolved.
    columns = {name: np.asarray(hdu.data[name]) for name in hdu.columns.names}
    kinds = []
    for name, column in columns.items():
        dtype = column.dtype if column.dtype.kind != "U" else np.dtype(f"S{max(column.dtype.itemsize // 4, 1)}")
        kinds.append((name, dtype.newbyteorder("="), column.shape[1:]))
    table = np.empty(len(hdu.data), kinds)
    for name, column in columns.items():
        table[name] = np.char.encode(column, "ascii", "replace") if column.dtype.kind == "U" else column
    return table


def table_name(hdu_name: str) -> str:
    """Return the name under which a table extension is kept: the schema's (`int_times`), or its own."""
    place = products().by_hdu.get(hdu_name.upper())
    return place.name if place is not None else hdu_name


def table_hdus(tables, schema: str) -> dict[str, str]:
    """Return which of `tables` a product of `schema` holds, as name: extension name.

    Those the schema names, and those no schema knows; tables that belong to other products (the group times of a
    ramp in a rate image) stay behind.
    """
    own = {place.name: place.hdu for place in layout(schema).places}
    foreign = {place.name for place in products().places} - set(own)
    return {name: own.get(name, name) for name in tables if name not in foreign}


def by_keyword(name: str, table: np.ndarray) -> np.ndarray:
    """Return a table as it is written: of that of headers, the columns of metadata under their keywords."""
    if name != HEADERS:
        return table
    keywords = {k.path: k.name for k in reversed(products().keywords)}
    kept: dict[str, str] = {}  # keyword: column
    for column in table.dtype.names:
        keyword = keywords.get(column) or ("" if "." in column else column)
        if keyword and keyword not in kept:
            kept[keyword] = column
    made = np.empty(len(table), [(keyword, table.dtype[column]) for keyword, column in kept.items()])
    for keyword, column in kept.items():
        made[keyword] = table[column]
    return made
