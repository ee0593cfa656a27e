"""An exposure in pieces: cut by rows or by integrations, and put together again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jwgpu import backend
from jwgpu.backend import FileArray, files
from jwgpu.backend.files import EVERYTHING
from jwgpu.data.exposure import Exposure

LEFT_OUT = frozenset(("refout",))
"""Arrays that no step looks at: they stay with the whole."""


def in_files(exposure: Exposure) -> bool:
    """Say whether arrays of the exposure are in files."""
    return any(isinstance(array, FileArray) for array in exposure.arrays().values())


def loaded(exposure: Exposure, names=None) -> Exposure:
    """Return the exposure with all its arrays in memory, or only those called `names`."""
    held = {n: a for n, a in exposure.arrays().items() if isinstance(a, FileArray) and (names is None or n in names)}
    return exposure.with_arrays({name: array.read() for name, array in held.items()})


def unchanged(before: Exposure, after: Exposure) -> set[str]:
    """Return the names of arrays that a step handed through without asking to write into them."""
    return {n for n, a in after.arrays().items() if getattr(before, n, None) is a and n not in before._taken}


@dataclasses.dataclass(frozen=True)
class Piece:
    """A piece, where it lies in the whole, and which of its rows are its own; the others are halo.

    Arrays that stand in `lent` are parts of the whole; those of them that are donated may be written over.
    """

    exposure: Exposure
    integrations: slice
    rows: slice
    own: slice
    lent: frozenset = frozenset()


class Cutter:
    """Cuts pieces, from the first to the last, out of an exposure that results may be written over.

    Rows of what is in memory where steps run are not copied: a piece is a part of the whole. Rows of the halo belong to
    other pieces; while a piece is worked on, they hold what they held before their own was, and afterwards what was
    made of them.

    Parameters
    ----------
    exposure : Exposure
    axis : {"rows", "integration"}
    halo : int
        Rows beyond its own, on either side, that a piece of rows has.
    device : str
        Where the pieces go.
    """

    def __init__(self, exposure: Exposure, axis: str, halo: int, device: str):
        self._exposure, self._by_rows, self._halo, self._device = exposure, axis == "rows", halo, device
        self._below: dict[str, Any] = {}  # the rows below the next piece, as they were
        self._next = self._below
        self._aside: list[tuple] = []  # rows of the halo of a piece that is worked on in place: array, rows, content
        self._n_rows = exposure.shape[-2]
        self.length = self._n_rows if self._by_rows else exposure.shape[0]
        lies_here = self._by_rows and device == exposure.device and not in_files(exposure)
        self.in_place = exposure._donated if lies_here else frozenset()
        self._lent = frozenset(exposure.arrays()) - LEFT_OUT if lies_here else frozenset()

    def reach(self, start: int, stop: int) -> tuple[int, int]:
        """Return the rows, halo included, of the piece `start` to `stop`."""
        if not self._by_rows:
            return 0, self._n_rows
        return max(start - self._halo, 0), min(stop + self._halo, self._n_rows)

    def piece(self, start: int, stop: int) -> Piece:
        """Return rows (or integrations) `start` to `stop`."""
        arrays = self._exposure.arrays()
        names = arrays.keys() - LEFT_OUT
        if self._by_rows:
            first, last = self.reach(start, stop)
            border = slice(max(stop - self._halo, 0) - first, stop - first)
            if self._lent:
                cut = {name: self._lend(name, arrays[name], first, last) for name in names}
                self._put_aside(arrays, (first, start), (stop, last))
                self._next = {n: cut[n][..., border, :].copy() for n in self.in_place & names if self._halo}
            else:
                cut = {name: self._cut_rows(name, arrays[name], start, stop) for name in names}
                self._next = {n: a[..., border, :].copy() for n, a in cut.items()} if self._halo else {}
            place = EVERYTHING, slice(start, stop), slice(start - first, stop - first)
        else:
            cut = {name: _copy(arrays[name], slice(start, stop), EVERYTHING) for name in names}
            place = slice(start, stop), EVERYTHING, EVERYTHING
        cut = {name: backend.to(array, self._device) for name, array in cut.items()}
        piece = self._exposure.replace(**cut, **dict.fromkeys(arrays.keys() & LEFT_OUT))
        return Piece(piece, *place, self._lent)

    def _lend(self, name: str, array, first: int, last: int):
        part = array[..., first:last, :]
        if name not in self.in_place and not backend.is_device_array(part):
            part.flags.writeable = False
        return part

    def _put_aside(self, arrays, below: tuple[int, int], above: tuple[int, int]) -> None:
        """Let the rows below a piece be what they were, and remember what they are, and those above."""
        for name in self.in_place & (arrays.keys() - LEFT_OUT):
            for rows in (slice(*below), slice(*above)):
                part = arrays[name][..., rows, :]
                if part.shape[-2]:
                    self._aside.append((part, part.copy()))
            if below[0] < below[1]:
                arrays[name][..., slice(*below), :] = self._below[name]

    def _cut_rows(self, name: str, array, start: int, stop: int):
        first, last = self.reach(start, stop)
        cut = _copy(array, EVERYTHING, slice(start, last))
        return cut if first == start else backend.namespace(cut).concatenate([self._below[name], cut], axis=-2)

    def done(self) -> None:
        """Go on behind the piece that was cut last, whose rows are in the whole."""
        for part, content in self._aside:
            part[...] = content
        self._aside = []
        self._below = self._next


class Assembly:
    """Puts pieces together again.

    Parameters
    ----------
    whole : Exposure or None
        What the pieces were cut from, where they are still of that kind. Its arrays that are donated, or scratch, are
        written over; others are replaced where a piece has changed.
    length : int
        Rows of the whole.
    allocate : function of shape, dtype
        Makes an array.
    """

    def __init__(self, whole: Exposure | None, length: int, allocate: Callable):
        self._whole, self._length, self._allocate = whole, length, allocate
        self._targets: dict[str, Any] = {}
        self._lists: dict[str, list] = {}  # of arrays with one axis, and of tables, those of all pieces
        self._tables: dict[str, list] = {}
        self._first: Exposure | None = None

    def add(self, made: Exposure, changed: set[str], piece: Piece) -> None:
        """Take what was made of a piece, and which of its arrays were changed on the way."""
        if self._first is None:
            self._first = made.with_arrays(dict.fromkeys(made.arrays()))
        given = {} if self._whole is None else self._whole.tables
        for name, table in made.tables.items():
            if table is not given.get(name) and self._whole is not None:
                self._tables.setdefault(name, []).append(table)
        for name, array in made.arrays().items():
            if array.ndim == 1:
                self._lists.setdefault(name, []).append(array)
            else:
                self._put(name, array, name in changed, piece)

    def _put(self, name: str, array, changed: bool, piece: Piece) -> None:
        before = None if self._whole is None else getattr(self._whole, name)
        whole_piece, array = array, array[..., piece.own, :]
        if name not in self._targets:
            if before is not None and not changed:
                return
            self._targets[name] = self._target(name, array, before, piece)
        if before is None and array.ndim == 4:
            array = self._of_one_length(name, array)
        target = self._targets[name]
        if target is before and name in piece.lent and whole_piece is getattr(piece.exposure, name):
            return  # it was worked on in place
        if not backend.is_device_array(target):
            array = backend.to_host(array)
        if array.ndim == 2 and array.dtype.kind == "u" and piece.integrations != EVERYTHING:
            array = array | files.read(target)  # flags of pixels, found in one integration after the other
        files.write(target, array, piece.integrations, piece.rows)

    def _of_one_length(self, name: str, array):
        """Return a piece with as many planes of each integration as the whole has, zeros where it has fewer.

        Where the piece has more, the whole gets as many.
        """
        target = self._targets[name]
        n, n_here = target.shape[1], array.shape[1]
        if n_here > n:
            grown = self._allocate((target.shape[0], n_here, *target.shape[2:]), target.dtype)
            for k in range(grown.shape[0]):
                one = slice(k, k + 1)
                files.write(grown, _extended(files.read(target, one), n_here), one)
            self._targets[name] = grown
        return _extended(array, max(n, n_here))

    def exposure(self) -> Exposure:
        """Return the whole, with metadata and history of the first piece; what was written over may be so again."""
        shared = {} if self._whole is None else self._whole.arrays()
        lists = {name: np.concatenate(arrays) for name, arrays in self._lists.items()}
        tables = {name: np.concatenate(tables) for name, tables in self._tables.items()}
        whole = self._first.with_arrays({**shared, **self._targets, **lists})
        return whole.replace(tables={**whole.tables, **tables}, _donated=frozenset(self._targets), _taken=set())

    def _target(self, name: str, array, before, piece: Piece):
        if before is not None and name in self._whole._donated:
            return before
        by_rows = piece.integrations == EVERYTHING
        if by_rows:
            shape = (*array.shape[:-2], self._length, array.shape[-1])
        else:
            shape = (self._whole.shape[0], *array.shape[1:]) if array.ndim > 2 else array.shape
        target = self._allocate(shape, array.dtype)
        if before is None:
            return target
        # The pieces before this one were as they had been; to flags of pixels, integrations add theirs.
        planes = range(1 if len(shape) == 2 else shape[0] if by_rows else piece.integrations.start)
        rows = slice(piece.rows.start) if by_rows else EVERYTHING
        for k in planes if rows.stop != 0 else ():
            some = slice(k, k + 1)
            files.write(target, files.read(before, some, rows), some, rows)
        return target


def _extended(array, n: int):
    """Return an array (integration, plane, y, x) with `n` planes of each integration, the last ones zeros."""
    if array.shape[1] == n:
        return array
    xp = backend.namespace(array)
    missing = (array.shape[0], n - array.shape[1], *array.shape[2:])
    return xp.concatenate([array, xp.zeros(missing, array.dtype)], axis=1)


def _copy(array, integrations: slice, rows: slice):
    cut = files.read(array, integrations, rows)
    return cut if isinstance(array, FileArray) else cut.copy()
