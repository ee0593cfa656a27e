"""Headers into metadata and back."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from astropy.io import fits

from jwgpu.data import Meta
from jwgpu.io.keywords import Keyword, Layout, layout, products

# Keywords that describe how a file is laid out: they belong to the file that is written, not to the exposure.
_STRUCTURE = re.compile(
    r"^(|SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|DATAMIN|DATAMAX|"
    r"EXTNAME|EXTVER|EXTLEVEL|CHECKSUM|DATASUM|TFIELDS|THEAP|END|CONTINUE|"
    r"(TBCOL|TDIM|TFORM|TTYPE|TUNIT|TSCAL|TZERO|TNULL|TDISP)\d+)$"
)
OURS = "jwgpu "  # how the HISTORY cards of jwgpu begin


def read_headers(headers: Iterable[tuple[str, fits.Header]], layout: Layout | None = None) -> dict[str, Any]:
    """Return the metadata that headers hold, by dotted path.

    Keywords the schema does not know are kept under `extra_fits.<extension>.header` as (keyword, value, comment),
    so that they survive saving.

    Parameters
    ----------
    headers
        Pairs of extension name (`"PRIMARY"` for the first) and header.
    layout
        Which schema's keywords to look for; those of all products by default.
    """
    known = (layout or products()).by_keyword
    values: dict[str, Any] = {}
    for hdu, header in headers:
        extra = []
        for card in header.cards:
            name, value = card.keyword.upper(), card.value
            if _STRUCTURE.match(name) or (name == "HISTORY" and str(value).startswith(OURS)):
                continue
            keyword = known.get((hdu.upper(), name))
            if keyword is None:
                extra.append((card.keyword, None if isinstance(value, fits.card.Undefined) else value, card.comment))
            elif not isinstance(value, fits.card.Undefined) and value is not None:
                values[keyword.path] = cast(value, keyword)
        if extra:
            values[f"extra_fits.{hdu.upper()}.header"] = tuple(extra)
    return values


def cast(value, keyword: Keyword):
    """Return `value` as the schema's type where that loses nothing; unchanged otherwise."""
    if isinstance(value, np.generic):
        value = value.item()
    if keyword.type == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if keyword.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if keyword.type == "number" and isinstance(value, bool):
        return float(value)
    if keyword.type == "boolean" and value in (0, 1):
        return bool(value)
    return value


def cards(meta: Meta, hdu: str, schema: str | None = None) -> list[fits.Card]:
    """Return the cards of extension `hdu`: of products and `schema`, with section titles, then the unknown ones."""
    made: list[fits.Card] = []
    last = ""
    common = products()
    more = layout(schema).keywords if schema else ()
    for keyword in (*common.keywords, *(k for k in more if k.path not in common.by_path)):
        value = meta.get(keyword.path) if keyword.hdu.upper() == hdu.upper() else None
        if not _writable(value):
            continue
        if keyword.section and keyword.section != last:
            made += [fits.Card("", ""), fits.Card("", keyword.section), fits.Card("", "")]
            last = keyword.section
        made.append(_card(keyword.name, cast(value, keyword), keyword.comment))
    for name, value, comment in meta.get(f"extra_fits.{hdu.upper()}.header", ()):
        made.append(fits.Card(name, value) if name in ("COMMENT", "HISTORY") else _card(name, value, comment))
    return made


def _writable(value) -> bool:
    if isinstance(value, (float, np.floating)):
        return math.isfinite(value)  # FITS headers have no NaN
    return isinstance(value, (str, bool, int, np.integer, np.bool_))


def _card(name: str, value, comment: str) -> fits.Card:
    if isinstance(value, str):
        value = plain(value)
    return fits.Card(name, value, plain(comment or ""))


def plain(text: str) -> str:
    """Return `text` in the printable ASCII that FITS headers allow."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def header(structure: Mapping[str, Any], more: Iterable[fits.Card]) -> bytes:
    """Return the bytes of a header: the structural keywords, then `more`."""
    made = fits.Header([*structure.items(), *more])
    with warnings.catch_warnings():
        # A comment that does not fit beside a long value is cut.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        return made.tostring().encode("ascii")
