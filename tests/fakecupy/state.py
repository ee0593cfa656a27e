"""What the double counts, and how it runs kernels."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace


@dataclass
class Counts:
    """Crossings: bytes of whole arrays up and down, and scalars read back (`float()`, `bool()`, masks)."""

    bytes_up: int = 0
    bytes_down: int = 0
    scalars: int = 0


@dataclass
class State:
    """Counters, the engine that runs kernels (`source` or `ptx`), thread order, kernels launched so far."""

    counts: Counts = field(default_factory=Counts)
    engine: str = "source"
    reverse: bool = False
    launched: set = field(default_factory=set)


state = State()


@contextlib.contextmanager
def counts():
    """Give a `Counts` that, after the block, holds what crossed inside it."""
    start, inside = replace(state.counts), Counts()
    try:
        yield inside
    finally:
        for name in ("bytes_up", "bytes_down", "scalars"):
            setattr(inside, name, getattr(state.counts, name) - getattr(start, name))
