"""Arrays that stay in a file and are read, and written, a piece at a time."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import tempfile
from collections.abc import Iterator
from contextvars import ContextVar
from typing import BinaryIO

import numpy as np

from jwgpu.backend.plain import read_lines
from jwgpu.errors import InputError

EVERYTHING = slice(None)

_folder: ContextVar[str | os.PathLike | None] = ContextVar("folder", default=None)


class Held:
    """An open file, as long as somebody holds it."""

    def __init__(self, file: BinaryIO):
        self._number = os.dup(file.fileno())

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Give the number of the open file."""
        yield self._number

    def __del__(self):
        os.close(self._number)


class Named:
    """A file that is opened whenever it is read, and must stay as it is: of hundreds of them, none stays open."""

    def __init__(self, path: str | os.PathLike):
        self._path, self._stamp = os.fspath(path), _stamp(os.stat(path))

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Give the number of the file, opened for as long as the block lasts."""
        try:
            number = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"{self._path} cannot be read any more ({error.strerror}); leave it in place") from error
        try:
            if _stamp(os.fstat(number)) != self._stamp:
                raise InputError(f"{self._path} has changed since it was opened; open it again")
            yield number
        finally:
            os.close(number)


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


class FileArray:
    """An array (..., y, x) in a file: only the pieces that are asked for are in memory.

    Parameters
    ----------
    file : open binary file, Held, Named, or None for an array of zeros
        On an open file the array has its own hold; it may be closed.
    shape : tuple of int
    dtype : dtype
        Of the pieces, in the byte order of this machine.
    offset : int
        Where in the file it begins, in bytes.
    stored : dtype, optional
        As it is in the file; `dtype` where it is not given.
    shift : int
        What is added to stored integers.
    writable : bool
        Whether pieces may be written: true of scratch.
    """

    def __init__(
        self, file: BinaryIO | Held | Named | None, shape, dtype, *, offset=0, stored=None, shift=0, writable=False
    ):
        self._file = file if file is None or isinstance(file, (Held, Named)) else Held(file)
        self._offset, self._shift, self.writable = offset, shift, writable
        self.shape, self.dtype = tuple(int(n) for n in shape), np.dtype(dtype)
        self._stored = np.dtype(dtype if stored is None else stored)
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    @classmethod
    def scratch(cls, shape, dtype, folder: str | os.PathLike) -> FileArray:
        """Make an array of zeros in a file of `folder` without a name, which is gone once nobody uses it any more.

        It is gone too when the process ends, however it ends.
        """
        with tempfile.TemporaryFile(dir=folder) as file:
            array = cls(file, shape, dtype, writable=True)
            file.truncate(array.nbytes)
        return array

    def copy(self) -> FileArray:
        """Return a copy in scratch, in the folder of `copied_to`, or that of temporary files."""
        other = FileArray.scratch(self.shape, self.dtype, _folder.get() or tempfile.gettempdir())
        for k in range(self.shape[0] if self.ndim > 2 else 1):
            place = slice(k, k + 1)
            other.write(self.read(place), place)
        return other

    def shares(self, other: FileArray) -> bool:
        """Say whether another array is in the same file."""
        return self._file is not None and self._file is other._file

    def sealed(self) -> FileArray:
        """Return the same array, not to be written to."""
        other = copy.copy(self)
        other.writable = False
        return other

    def read(self, integrations: slice = EVERYTHING, rows: slice = EVERYTHING) -> np.ndarray:
        """Return some integrations (first axis of three or more) and some rows (last axis but one) as a new array.

        Raises
        ------
        EOFError
            The file ends before the array does.
        """
        leading, rows = self._leading(integrations), self._rows(rows)
        result = np.empty((*leading, len(rows), self.shape[-1]), self.dtype)
        self._read(self._planes(integrations), rows, result.reshape(-1, len(rows), self.shape[-1]))
        return result

    def write(self, piece: np.ndarray, integrations: slice = EVERYTHING, rows: slice = EVERYTHING) -> None:
        """Write a piece: some integrations and some rows."""
        rows = self._rows(rows)
        for plane, values in zip(self._planes(integrations), piece.reshape(-1, len(rows), self.shape[-1])):
            data = memoryview(np.ascontiguousarray(values, self.dtype)).cast("B")
            with self._file.opened() as number:
                if os.pwrite(number, data, self._place(plane, rows)) != len(data):
                    raise OSError("a piece could not be written to its end")

    def __getitem__(self, index: tuple[int, ...]) -> np.ndarray:
        """Return one plane (y, x)."""
        plane = int(np.ravel_multi_index(index, self.shape[:-2])) if self.ndim > 2 else 0
        target = np.empty((1, *self.shape[-2:]), self.dtype)
        self._read([plane], self._rows(EVERYTHING), target)
        return target[0]

    def _read(self, planes, rows: range, target: np.ndarray) -> None:
        if self._file is None:
            target[...] = 0
            return
        firsts = (plane * self.shape[-2] + rows.start for plane in planes)
        with self._file.opened() as number:
            read_lines(number, self._offset, self._stored, self._shift, self.shape[-1], firsts, target)

    def _planes(self, integrations: slice) -> range:
        """Return the numbers of the planes of some integrations."""
        if self.ndim == 2:
            return range(1)
        start, stop, _ = integrations.indices(self.shape[0])
        each = math.prod(self.shape[1:-2])
        return range(start * each, stop * each)

    def _leading(self, integrations: slice) -> tuple[int, ...]:
        if self.ndim == 2:
            return ()
        start, stop, _ = integrations.indices(self.shape[0])
        return (stop - start, *self.shape[1:-2])

    def _rows(self, rows: slice) -> range:
        return range(*rows.indices(self.shape[-2]))

    def _place(self, plane: int, rows: range) -> int:
        return self._offset + (plane * self.shape[-2] + rows.start) * self.shape[-1] * self._stored.itemsize


class Blanked(FileArray):
    """An array (y, x) in a file that reads as NaN where it is told to: nothing need be written for a few bad pixels.

    Parameters
    ----------
    source : FileArray
        (y, x) of floats.
    blank : FileArray
        (y, x / 8) uint8: the pixels, as `packed` has them.
    """

    def __init__(self, source: FileArray, blank: FileArray):
        self.__dict__ |= source.__dict__
        self._source, self._blank, self.writable = source, blank, False

    @staticmethod
    def packed(pixels: np.ndarray) -> np.ndarray:
        """Return pixels (y, x) bool as bits."""
        return np.packbits(pixels, axis=-1)

    def _read(self, planes, rows: range, target: np.ndarray) -> None:
        self._source._read(planes, rows, target)
        bits = np.unpackbits(self._blank.read(rows=slice(rows.start, rows.stop)), axis=-1, count=self.shape[-1])
        np.copyto(target, np.nan, where=bits.view(bool))


@contextlib.contextmanager
def copied_to(folder: str | os.PathLike | None) -> Iterator[None]:
    """Let copies of arrays in files, made inside the block, go to a folder."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def read(array, integrations: slice = EVERYTHING, rows: slice = EVERYTHING):
    """Return a piece of an array: a new one from a file, a view of one that is in memory."""
    if isinstance(array, FileArray):
        return array.read(integrations, rows)
    return (array[integrations] if array.ndim > 2 else array)[..., rows, :]


def write(array, piece, integrations: slice = EVERYTHING, rows: slice = EVERYTHING) -> None:
    """Write a piece into an array in a file or in memory."""
    if isinstance(array, FileArray):
        array.write(piece, integrations, rows)
    else:
        (array[integrations] if array.ndim > 2 else array)[..., rows, :] = piece
