"""The primary header and that of SCI, read without touching an array: thousands of files in seconds."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

from astropy.io import fits

from jwgpu.errors import InputError

_BLOCK = 2880
_MOST_BLOCKS = 2000  # of one header: 72,000 cards are no JWST product
_FIRST_EXTENSIONS = 4  # where SCI stands in every product that has it


def quick_header(path: str | os.PathLike) -> tuple[dict, bool]:
    """Return the keywords of the primary header and of SCI in one mapping, and whether there is SCI.

    Raises
    ------
    InputError
        The file is missing or not FITS.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {_not_a_file(path)}")
    try:
        with gzip.open(path) if compressed(path) else path.open("rb") as stream:
            header = _next(stream)
            if header is None or header.get("SIMPLE") is not True:
                raise ValueError("it does not begin like one")
            keywords = _values(header)
            for _ in range(_FIRST_EXTENSIONS):
                stream.seek(_data_size(header), os.SEEK_CUR)
                header = _next(stream)
                if header is None:
                    break
                if str(header.get("EXTNAME", "")).strip().upper() == "SCI":
                    return _values(header) | keywords, True
            return keywords, False
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error, fits.VerifyError) as error:
        raise InputError(f"{path}: not a FITS file, or a damaged one ({error})") from error


def _not_a_file(path: Path) -> str:
    if path.is_dir():
        return "a folder without FITS files"
    if path.is_symlink():
        return "a link that leads to no file"
    return "neither a file nor a folder" if path.exists() else "there is no such file"


def compressed(path: Path) -> bool:
    """Say whether a file is compressed by gzip, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _next(stream) -> fits.Header | None:
    text = b""
    for _ in range(_MOST_BLOCKS):
        block = stream.read(_BLOCK)
        if not block and not text:
            return None
        if len(block) < _BLOCK:
            raise ValueError("its header breaks off")
        text += block
        if not text.startswith((b"SIMPLE  ", b"XTENSION")):
            raise ValueError("it does not begin like one")
        if any(block[at : at + 80].rstrip() == b"END" for at in range(0, _BLOCK, 80)):
            return fits.Header.fromstring(text.decode("ascii", "replace"))
    raise ValueError("its header has no end")


def _values(header: fits.Header) -> dict:
    found = {}
    for card in header.cards:
        if card.keyword and card.keyword not in ("COMMENT", "HISTORY"):
            try:
                value = card.value
            except (fits.VerifyError, ValueError):  # one card that cannot be read hides no other
                continue
            if not isinstance(value, fits.card.Undefined):
                found[card.keyword] = value
    return found


def _data_size(header: fits.Header) -> int:
    axes = [int(header.get(f"NAXIS{n}", 0)) for n in range(1, int(header.get("NAXIS", 0)) + 1)]
    if not axes:
        return 0
    bits = abs(int(header["BITPIX"])) * int(header.get("GCOUNT", 1)) * (int(header.get("PCOUNT", 0)) + math.prod(axes))
    return -(-bits // 8 // _BLOCK) * _BLOCK if bits % 8 == 0 else bits
