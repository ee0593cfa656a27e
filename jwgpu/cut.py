"""How exposures may be cut into pieces, and what a step is told that works on one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any


class Count(int):
    """A number in a record that counts something: those of the pieces of an exposure add up."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """How an exposure may be cut into pieces for a step, without a bit of its result changing.

    Attributes
    ----------
    axis : {"rows", "integration", None}
        Between rows, all integrations of which are in each piece; between integrations; or not at all.
    halo : int
        Rows on either side of a row that its result depends on.
    sets : int
        Flags of `groupdq` that the step may set or take away.
    asks : int
        Flags of `groupdq` that its question about the whole exposure (`whole`) is about; 0 if it asks none.
    """

    axis: str | None = None
    halo: int = 0
    sets: int = 255
    asks: int = 0


@dataclasses.dataclass(frozen=True)
class Part:
    """What a step is told that works on a piece.

    Which rows are its own, not halo; the answer to its question; which integration of the whole is its first.
    """

    rows: slice
    answer: Any = None
    integration: int = 0


_part: ContextVar[Part | None] = ContextVar("part", default=None)


@contextlib.contextmanager
def part(rows: slice, answer=None, integration: int = 0) -> Iterator[None]:
    """Tell the steps that run inside the block that they work on a piece of an exposure."""
    token = _part.set(Part(rows, answer, integration))
    try:
        yield
    finally:
        _part.reset(token)


def own_rows() -> slice:
    """Return which rows count: all, or of a piece those that are not halo."""
    current = _part.get()
    return slice(None) if current is None else current.rows


def first_integration() -> int:
    """Return the number, from 0, that the first integration has in the whole exposure."""
    current = _part.get()
    return 0 if current is None else current.integration


def whole(question: Callable, ramp, parameters: Mapping[str, Any] | None = None):
    """Return `question(ramp, parameters)`; for a step that works on a piece, the answer of the whole exposure.

    The question is the one that the step is declared with (`asks`): what has to be true of every pixel.
    """
    current = _part.get()
    return question(ramp, parameters or {}) if current is None else current.answer
