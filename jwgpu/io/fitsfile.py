"""FITS files read and written plane by plane, so that a large ramp is never in memory twice."""

from __future__ import annotations

import contextlib
import functools
import gzip
import os
import warnings
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits

from jwgpu import backend
from jwgpu.errors import InputError
from jwgpu.io.headers import header
from jwgpu.io.stream import Stream

_BLOCK = 2880
_GZIP = b"\x1f\x8b"
_READ_AT_ONCE = 32 << 20  # bytes of an integration that is read in one go; larger ones go plane by plane
UNREADABLE = (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, IndexError, fits.VerifyError)
_WRITTEN_AT_ONCE = 1 << 20
_BITPIX = {"float32": -32, "uint8": 8, "uint32": 32, "int32": 32, "uint16": 16}


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[fits.HDUList]:
    """Open a FITS file after checking that it is one and that it is whole.

    Raises
    ------
    InputError
        Missing, a folder, unreadable, empty, not FITS, cut short or damaged.
    """
    path = Path(path)
    check_file(path)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            hdus = fits.open(path, memmap=False, lazy_load_hdus=False)
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as FITS: {_words(error)}. {_AGAIN}") from error
    with hdus:
        _check_whole(path, hdus, [str(w.message) for w in said])
        yield hdus


_AGAIN = "It is cut short or damaged: fetch it again and compare its size with that in the archive."


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def check_file(path: Path) -> None:
    """Raise InputError where there is no file, or one that does not begin as FITS does."""
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name and the folder ({Path.cwd()} is the current one)")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a FITS file in it")
    try:
        with path.open("rb") as stream:
            start = stream.read(_BLOCK)
        if start[:2] == _GZIP:
            with gzip.open(path) as stream:
                start = stream.read(_BLOCK)
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read: {_words(error)}; check its permissions, or fetch it again") from error
    if not start:
        raise InputError(f"{path} is empty (0 bytes); fetch it again")
    if not start.startswith(b"SIMPLE  ="):
        raise InputError(
            f"{path} is not a FITS file (it does not begin with SIMPLE); name a JWST product ending in .fits"
        )
    if len(start) < _BLOCK:
        raise InputError(f"{path} holds only {len(start)} bytes, less than one FITS header. {_AGAIN}")


def _check_whole(path: Path, hdus: fits.HDUList, said: list[str]) -> None:
    with path.open("rb") as stream:
        compressed = stream.read(2) == _GZIP
    size = path.stat().st_size
    for number, hdu in enumerate(hdus):
        where = hdu.fileinfo()
        # The last block's padding may lack without harm, so the data bytes alone are asked for.
        need = where["datLoc"] + int(getattr(hdu, "size", 0))
        if not compressed and need > size:
            name = hdu.name or f"number {number}"
            raise InputError(
                f"{path} is cut short: extension {name} should end at byte {need:,}, the file has {size:,}. {_AGAIN}"
            )
    # The archive's raw files say how many extensions they have; other products copy that keyword unheeded.
    expected = hdus[0].header.get("NEXTEND", 0) if hdus[0].header.get("DATAMODL") == "Level1bModel" else 0
    if len(hdus) - 1 < expected:
        raise InputError(f"{path} has {len(hdus) - 1} of the {expected} extensions its header announces. {_AGAIN}")
    broken = [words for words in said if "Error validating header" in words or "truncated" in words]
    if broken:
        last = hdus[-1].name if len(hdus) else "the beginning"
        raise InputError(f"{path} is unreadable after extension {last}. {_AGAIN}")


def named(hdus: fits.HDUList, name: str):
    """Return the extension called `name`, or None."""
    return next((hdu for hdu in hdus if hdu.name.upper() == name.upper()), None)


def read_array(path: Path, hdu, dtype) -> np.ndarray:
    """Read an image extension into a native array of `dtype`, scaled integers included.

    Compressed and scaled ones are read by integrations, or plane by plane where those are large: the peak is the array
    and one piece.

    Raises
    ------
    InputError
        The data cannot be read to their end.
    """
    array = np.empty(hdu.shape, dtype)
    try:
        where = backend.plain(hdu) if array.ndim > 1 else None
        if where is None:
            _unpack(hdu, array)
        else:
            planes = array.reshape(-1, *array.shape[-2:])
            firsts = range(0, len(planes) * array.shape[-2], array.shape[-2])
            with path.open("rb") as file, np.errstate(over="ignore"):
                backend.read_lines(file.fileno(), *where[1:], array.shape[-1], firsts, planes)
    except UNREADABLE as error:
        raise InputError(f"{path}: extension {hdu.name} cannot be read ({_words(error)}). {_AGAIN}") from error
    return array


def _unpack(hdu, array: np.ndarray) -> None:
    depth = max(array.ndim - 3, 0)
    if array.ndim > 2 and array[(0,) * depth].nbytes > _READ_AT_ONCE:
        depth = array.ndim - 2
    for index in np.ndindex(array.shape[:depth]):
        array[index] = hdu.section[index] if index else hdu.section[:]


def left_in_file(path: Path, hdu, dtype) -> np.ndarray | backend.FileArray:
    """Return an image extension as an array that stays in the file; read, where it is compressed, scaled or small."""
    where = backend.plain(hdu) if len(hdu.shape) > 2 else None
    if where is None:
        return read_array(path, hdu, dtype)
    with path.open("rb") as file:
        return backend.FileArray(file, hdu.shape, dtype, offset=where.offset, stored=where.stored, shift=where.shift)


def left_in_named(path: Path, hdu, dtype) -> np.ndarray | backend.FileArray:
    """Return an image extension as an array that stays in the file, which is open only while it is read."""
    where = backend.plain(hdu)
    if where is None:
        return read_array(path, hdu, dtype)
    file = backend.files.Named(path)
    return backend.FileArray(file, hdu.shape, dtype, offset=where.offset, stored=where.stored, shift=where.shift)


def write_primary(stream: Stream, cards: Iterable[fits.Card]) -> None:
    """Write the first header, which has no data."""
    stream.write(header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, "EXTEND": True}, cards))


def write_image(stream: Stream, name: str, array, dtype, cards: Iterable[fits.Card] = ()) -> None:
    """Write an image extension of `dtype`, some rows at a time; an array on a GPU is fetched plane by plane."""
    dtype = np.dtype(dtype)
    axes = {f"NAXIS{n}": length for n, length in enumerate(reversed(array.shape), 1)}
    structure = {"XTENSION": "IMAGE", "BITPIX": _BITPIX[dtype.name], "NAXIS": array.ndim, **axes,
                 "PCOUNT": 0, "GCOUNT": 1}  # fmt: skip
    if dtype.kind == "u" and dtype.itemsize > 1:
        structure |= {"BSCALE": 1, "BZERO": 1 << (8 * dtype.itemsize - 1)}
    stream.write(header({**structure, "EXTNAME": name, "EXTVER": 1}, cards))
    shape = array.shape[-2:]
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    for index in np.ndindex(array.shape[: max(array.ndim - 2, 0)]):
        plane = backend.to_host(array[index]) if backend.is_device_array(array) else None
        stream.later(n_bytes, functools.partial(_pieces, array if plane is None else plane, index, plane, dtype))
    stream.write(bytes(-n_bytes * int(np.prod(array.shape[:-2])) % _BLOCK))


def _pieces(array, index: tuple[int, ...], plane, dtype: np.dtype) -> Iterator[np.ndarray]:
    """Yield a plane as FITS stores it, some rows at a time, which stay in a processor's cache."""
    if array.ndim < 2:
        yield _stored(np.asarray(array), dtype)
        return
    if plane is None and (array.ndim > 3 or not isinstance(array, backend.FileArray)):
        plane = array[index]
    n_rows, n_columns = array.shape[-2:]
    step = max(1, _WRITTEN_AT_ONCE // max(1, n_columns * dtype.itemsize))
    for first in range(0, n_rows, step):
        rows = slice(first, first + step)
        if plane is None:
            planes = slice(index[0], index[0] + 1) if index else slice(None)
            yield _stored(array.read(planes, rows).reshape(-1, n_columns), dtype)
        else:
            yield _stored(plane[rows], dtype)


def _stored(rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return rows as FITS stores them: big-endian, unsigned integers moved down by half their range."""
    rows = np.ascontiguousarray(rows, dtype)
    if dtype.kind == "u" and dtype.itemsize > 1:
        rows = (rows ^ dtype.type(1 << (8 * dtype.itemsize - 1))).view(f"i{dtype.itemsize}")
    return rows.astype(rows.dtype.newbyteorder(">"))


_FORMATS = {"b1": "L", "i1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}


def write_table(stream: Stream, name: str, table: np.ndarray, cards: Iterable[fits.Card] = ()) -> None:
    """Write a table extension.

    Bytes with a sign are truth values, as astropy has it, which takes some milliseconds for each column and writes
    those alone that have types of other kinds.
    """
    columns = {column: _column(table.dtype[column]) for column in table.dtype.names}
    if None in columns.values():
        _write_by_astropy(stream, name, table, cards)
        return
    words: dict[str, object] = {}
    for k, (column, (form, dims, _)) in enumerate(columns.items(), 1):
        words |= {f"TTYPE{k}": column, f"TFORM{k}": form} | ({f"TDIM{k}": dims} if dims else {})
    rows = np.empty(len(table), [(column, *kind) for column, (_, _, kind) in columns.items()])
    for column in rows.dtype.names:
        values = table[column]
        rows[column] = np.where(values, b"T", b"F") if values.dtype.str[1:] in ("b1", "i1") else values
    structure = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": rows.dtype.itemsize, "NAXIS2": len(rows),
                 "PCOUNT": 0, "GCOUNT": 1, "TFIELDS": len(columns), **words}  # fmt: skip
    stream.write(header({**structure, "EXTNAME": name.upper(), "EXTVER": 1}, cards))
    stream.write(rows.tobytes())
    stream.write(bytes(-rows.nbytes % _BLOCK))


def _column(dtype: np.dtype) -> tuple[str, str, tuple] | None:
    """Return format, dimensions, and type and shape in the file of a column; None for types that others write."""
    base, shape = dtype.base, dtype.shape
    letter = "A" if base.kind == "S" and base.itemsize else _FORMATS.get(base.str[1:])
    if letter is None:
        return None
    repeat = int(np.prod(shape)) * (base.itemsize if letter == "A" else 1)
    axes = ((base.itemsize,) if letter == "A" else ()) + tuple(reversed(shape))
    dims = f"({','.join(map(str, axes))})" if shape else ""
    kind = np.dtype("S1") if letter == "L" else base.newbyteorder(">")
    return f"{repeat if repeat != 1 or letter == 'A' else ''}{letter}", dims, (kind, shape)


def _write_by_astropy(stream: Stream, name: str, table: np.ndarray, cards: Iterable[fits.Card]) -> None:
    hdu = fits.BinTableHDU(table, name=name, ver=1)
    hdu.header.extend(cards, unique=False, update=False, end=True)
    whole = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(whole)
    stream.write(whole.getbuffer()[_BLOCK:])  # an empty primary header is one block
