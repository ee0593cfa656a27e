"""Room for arrays in one nameless file, taken and given back."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from jwgpu.backend.files import FileArray, Held


class Scratch:
    """A file without a name, in which arrays find room; it is gone when nobody uses it any more.

    The room of an array is used again once the array is gone.

    Parameters
    ----------
    folder : str or path
        Where the file is; both are made when the first array comes.
    """

    def __init__(self, folder: str | os.PathLike):
        self._folder, self._end = folder, 0
        self._file: Held | None = None
        self._free: dict[int, list[int]] = {}

    def hold(self, array: np.ndarray) -> FileArray:
        """Return `array` (y, x) or (..., y, x) in the file, not to be written to."""
        if self._file is None:
            os.makedirs(self._folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder) as file:
                self._file = Held(file)
        free = self._free.setdefault(array.nbytes, [])
        offset = free.pop() if free else self._end
        if offset == self._end:
            self._end += array.nbytes
        held = FileArray(self._file, array.shape, array.dtype, offset=offset, writable=True)
        held.write(array)
        held = held.sealed()
        held.lease = _Lease(free, offset)
        return held


class _Lease:
    """Gives a place in the file back when the array that has it is gone."""

    def __init__(self, free: list[int], offset: int):
        self._free, self._offset = free, offset

    def __del__(self):
        self._free.append(self._offset)
