"""What a step says while it runs: notes for its record, nouns beside its result, how far it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from jwgpu.cut import Count, own_rows
from jwgpu.data import Exposure

_notes: ContextVar[dict | None] = ContextVar("notes", default=None)


def note(**values) -> None:
    """Leave numbers worth knowing in the record of the step that is running."""
    current = _notes.get()
    if current is not None:
        current.update(values)


def count(**values) -> None:
    """Leave numbers of pixels or groups in the record of the step that is running, as `note` does.

    Each value is an array (y, ...) of truth values or numbers, whose sum is noted; over pieces the sums add up.
    """
    current = _notes.get()
    if current is not None:
        current.update({name: Count(array[own_rows()].sum()) for name, array in values.items()})


_left: ContextVar[dict | None] = ContextVar("left", default=None)
_collected: ContextVar[dict | None] = ContextVar("collected", default=None)


def byproduct(**nouns: Exposure) -> None:
    """Leave nouns beside the result of the step that is running: a mask, a correction, optional results.

    They go to whoever collects `byproducts`, with the step's record in their history. Where nobody does they are lost.
    """
    current = _left.get()
    if current is not None:
        current.update(nouns)


@contextlib.contextmanager
def byproducts() -> Iterator[dict[str, Exposure]]:
    """Collect what steps leave beside their results, by name.

    >>> with jw.byproducts() as left:
    ...     fit = steps.ramp_fit(ramp, refs.gain, refs.readnoise, save_opt=True)
    >>> left["fitopt"]
    """
    collected: dict[str, Exposure] = {}
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


_watching: ContextVar[Callable[[float], None] | None] = ContextVar("watching", default=None)


def progress(done: float) -> None:
    """Say what part of the running step is done, 0 to 1; whoever watches shows it."""
    current = _watching.get()
    if current is not None:
        current(done)


@contextlib.contextmanager
def watched(show: Callable[[float], None]) -> Iterator[None]:
    """Call `show` with what the steps inside the block say by `progress`."""
    token = _watching.set(show)
    try:
        yield
    finally:
        _watching.reset(token)


@contextlib.contextmanager
def listening() -> Iterator[tuple[dict, dict[str, Exposure]]]:
    """Give the notes and the by-products that the step inside the block leaves, as they come."""
    notes: dict = {}
    left: dict[str, Exposure] = {}
    tokens = _notes.set(notes), _left.set(left)
    try:
        yield notes, left
    finally:
        _notes.reset(tokens[0])
        _left.reset(tokens[1])


def hand_over(left: dict[str, Exposure]) -> None:
    """Give by-products to whoever collects them; nobody may."""
    if (collected := _collected.get()) is not None:
        collected.update(left)
