"""How exposures may be cut into pieces, what a step is told that works on one, and frames lent to one that does not.

A step that works on rows, or on integrations, gets a piece and need not know of it, but for what it asks here. One that
has to see frames of all rows again and again, or of all integrations, gets the whole exposure, wherever its arrays lie,
and asks for one integration of one array after the other (`integration`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

from jwgpu import backend
from jwgpu.backend import FileArray, files


class Count(int):
    """A number in a record that counts something: those of the pieces of an exposure add up."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """How an exposure may be cut into pieces for a step, without a bit of its result changing.

    Attributes
    ----------
    axis : {"rows", "integration", "frames", None}
        Between rows, all integrations of which are in each piece; between integrations; not at all, but the step asks
        for one integration of an array after the other (`integration`), wherever it lies; or not at all.
    halo : int
        Rows on either side of a row that its result depends on.
    sets : int
        Flags of `groupdq` that the step may set or take away.
    asks : int
        Flags of `groupdq` that its question about the whole exposure (`whole`) is about; 0 if it asks none.
    looks : bool
        Whether it also looks at the data of the whole exposure beforehand (`seen`).
    frames : bool
        Whether frames have something left to be done to them once all rows are done (`Step.frames`).
    """

    axis: str | None = None
    halo: int = 0
    sets: int = 255
    asks: int = 0
    looks: bool = False
    frames: bool = False


@dataclasses.dataclass(frozen=True)
class Part:
    """What a step is told that works on a piece.

    Which rows are its own, not halo; the answers to its questions; which integration and which row of the whole are its
    first; how many rows the whole has.
    """

    rows: slice
    answers: Mapping[Callable, Any]
    integration: int = 0
    row: int = 0
    n_rows: int = 0


_part: ContextVar[Part | None] = ContextVar("part", default=None)
_device: ContextVar[str | None] = ContextVar("device", default=None)


@contextlib.contextmanager
def part(*place) -> Iterator[None]:
    """Tell the steps that run inside the block that they work on a piece of an exposure; arguments as of `Part`."""
    token = _part.set(Part(*place))
    try:
        yield
    finally:
        _part.reset(token)


def is_piece() -> bool:
    """Say whether the step that is running works on a piece of an exposure."""
    return _part.get() is not None


def own_rows() -> slice:
    """Return which rows count: all, or of a piece those that are not halo."""
    current = _part.get()
    return slice(None) if current is None else current.rows


def first_integration() -> int:
    """Return the number, from 0, that the first integration has in the whole exposure."""
    current = _part.get()
    return 0 if current is None else current.integration


def rows_of_whole(n_rows: int) -> tuple[int, int]:
    """Return which row of the whole exposure the first one is, and how many it has; `n_rows` are those at hand."""
    current = _part.get()
    return (0, n_rows) if current is None else (current.row, current.n_rows)


def whole(question: Callable, ramp, parameters: Mapping[str, Any] | None = None):
    """Return `question(ramp, parameters)`; for a step that works on a piece, the answer of the whole exposure.

    The question is the one that the step is declared with (`asks`): what has to be true of every pixel.
    """
    current = _part.get()
    return question(ramp, parameters or {}) if current is None else current.answers[question]


def seen(question: Callable):
    """Return what the whole exposure has answered to the question `looks` of a step; None to one that has it whole."""
    current = _part.get()
    return None if current is None else current.answers.get(question)


@contextlib.contextmanager
def visiting(device: str | None) -> Iterator[None]:
    """Let frames that are lent inside the block go to a device."""
    token = _device.set(device)
    try:
        yield
    finally:
        _device.reset(token)


def here(array):
    """Return an array, or one plane of a large one, where the step runs."""
    array = array.read() if isinstance(array, FileArray) else array
    return array if _device.get() is None else backend.to(array, _device.get())


@contextlib.contextmanager
def integration(array, k: int, write: bool = False) -> Iterator[Any]:
    """Lend integration `k` of an array (integration, ..., y, x) to a step that takes frames from wherever they lie.

    What is in memory, where the step runs, is lent itself; otherwise a copy, which is taken back with `write`.
    """
    place = slice(k, k + 1)
    held = files.read(array, place)
    lent = here(held)
    yield lent[0]
    if write and (lent is not held or isinstance(array, FileArray)):
        files.write(array, backend.to_host(lent), place)
