"""The numbers of an uncompressed FITS image, straight from its file into arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from jwgpu.backend.threads import each

_STORED = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_AT_ONCE = 1 << 20  # bytes, which fit a processor's cache between reading and turning their order
_PARTS = 4  # that a plane is read in, each by one thread


class Plain(NamedTuple):
    """Where the numbers of a FITS image lie in its file, of which type, and what is added to them."""

    path: str
    offset: int
    stored: np.dtype
    shift: int


def plain(hdu) -> Plain | None:
    """Return where the numbers of an astropy image extension lie; None where they are compressed or scaled."""
    stored, shift = np.dtype(_STORED[hdu.header["BITPIX"]]), hdu.header.get("BZERO", 0)
    # FITS stores unsigned integers shifted by half their range.
    unsigned = stored.kind == "i" and stored.itemsize < 8 and shift == 1 << (8 * stored.itemsize - 1)
    info = hdu.fileinfo() or {}
    if (
        type(hdu).__name__ not in ("ImageHDU", "PrimaryHDU")
        or hdu.header.get("BSCALE", 1) != 1
        or not (shift == 0 or unsigned)
        or "file" not in info
        or getattr(info["file"], "compression", None) is not None
    ):
        return None
    return Plain(info["file"].name, info["datLoc"], stored, int(shift))


def read_lines(
    file: int, offset: int, stored: np.dtype, shift: int, width: int, firsts: Iterable[int], target: np.ndarray,
    columns: slice = slice(None),
) -> None:  # fmt: skip
    """Read lines of an image into `target`, in several threads, a megabyte at a time.

    Parameters
    ----------
    file : int
        Descriptor of the open file.
    offset, stored, shift
        As in `Plain`.
    width : int
        Numbers of a line.
    firsts : iterable of int
        For each plane of `target` the line, counted through all planes of the file, that its first row is read from.
    target : array (plane, row, column)
        Of any type of numbers; written to.
    columns : slice
        What of a line is wanted.

    Raises
    ------
    EOFError
        The file ends before the last of the lines.
    """
    line = width * stored.itemsize
    at_once = max(1, _AT_ONCE // max(line, 1))

    def fill(job):
        rows, first = job
        buffer = np.empty((min(at_once, len(rows)), width), stored)
        for at in range(0, len(rows), len(buffer)):
            some = buffer[: len(rows) - at]
            if (
                os.preadv(file, [memoryview(some.view(np.uint8)).cast("B")], offset + (first + at) * line)
                != some.nbytes
            ):
                raise EOFError("the file ends inside an array")
            _put(rows[at : at + len(some)], some[:, columns], shift)

    rows = max(1, -(-target.shape[1] // _PARTS))
    each(fill, [(p[at : at + rows], n + at) for p, n in zip(target, firsts) for at in range(0, len(p), rows)])


def _put(target: np.ndarray, stored: np.ndarray, shift: int) -> None:
    if not shift:
        target[...] = stored
        return
    bits = stored.view(stored.dtype.str.replace("i", "u"))
    if target.dtype == bits.dtype.newbyteorder("="):
        target[...] = bits
        target ^= target.dtype.type(shift)
    else:
        target[...] = bits ^ bits.dtype.type(shift)
