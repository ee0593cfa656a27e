"""A new file written from front to end, whose arrays other threads put in their places meanwhile."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from pathlib import Path

from jwgpu import backend

_MOST = 4
"""Arrays on their way into the file at a time."""


class Stream:
    """A new file written from front to end.

    >>> with Stream(path) as stream:
    ...     stream.write(header)
    ...     stream.later(array.nbytes, lambda: pieces_of(array))
    ...     stream.write(table)  # comes after the array, which may still be on its way

    What went wrong on the way is raised in the end, if not before.
    """

    def __init__(self, path: str | os.PathLike):
        self._file = Path(path).open("wb", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._end, self._under_way = 0, deque()

    def write(self, data) -> None:
        """Write bytes."""
        self._end += self._place(data, self._end)

    def later(self, n_bytes: int, pieces: Callable[[], Iterable]) -> None:
        """Leave room for `n_bytes` bytes and let another thread write there what `pieces` yields."""
        while len(self._under_way) >= _MOST:
            self._under_way.popleft().result()
        self._under_way.append(backend.meanwhile(self._pour, pieces, self._end))
        self._end += n_bytes

    def _pour(self, pieces: Callable[[], Iterable], at: int) -> None:
        for piece in pieces():
            at += self._place(piece, at)

    def _place(self, data, at: int) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            written = os.pwrite(self._file.fileno(), left, at)
            left, at = left[written:], at + written
        return size

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind, error, trace) -> None:
        wait(self._under_way)
        self._file.close()
        if kind is None:
            for each in self._under_way:
                each.result()
