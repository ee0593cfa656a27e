"""What every noun shares: immutability, copy on change, moving between devices, donation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from jwgpu import backend, markup
from jwgpu.data.meta import Meta


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Exposure:
    """A value: arrays of one device, their unit, metadata and history.

    A step never writes into an exposure. It asks for `exposure.own("data")`, which is a copy where a person calls
    and the buffer itself where the pipeline runner has *donated* it because nobody keeps the older version.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ()

    meta: Meta = dataclasses.field(default_factory=Meta)
    unit: str = "DN"
    history: tuple = ()
    tables: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    _donated: frozenset = frozenset()
    _taken: set = dataclasses.field(default_factory=set)

    def arrays(self) -> dict:
        """Return the arrays that are there, by name."""
        return {name: getattr(self, name) for name in self.ARRAYS if getattr(self, name) is not None}

    @property
    def device(self) -> str:
        """`"gpu"` or `"cpu"`: where the arrays live."""
        return "gpu" if any(backend.is_device_array(a) for a in self.arrays().values()) else "cpu"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        return sum(a.nbytes for a in self.arrays().values())

    @property
    def name(self) -> str:
        """File name, or a word for an exposure that has none."""
        return self.meta.get("filename", f"unnamed {type(self).__name__.lower()}")

    def replace(self, **changes) -> Self:
        """Return a copy with some fields changed; arrays that are not named are shared, not copied."""
        return dataclasses.replace(self, **changes)

    def with_arrays(self, arrays: Mapping) -> Self:
        """Return a copy with some arrays changed."""
        return self.replace(**arrays)

    def to(self, kind: str) -> Self:
        """Return the exposure with all arrays on `"cpu"` or `"gpu"`."""
        if kind == self.device:
            return self
        return self.replace(**{name: backend.to(a, kind) for name, a in self.arrays().items()}, _donated=frozenset())

    def own(self, name: str):
        """Return an array that may be written into: a copy, or the buffer itself where it was donated."""
        array = getattr(self, name)
        if array is None:
            raise ValueError(f"{self.name} has no array {name!r}")
        self._taken.add(name)
        return array if name in self._donated else array.copy()

    def donate(self, keep: tuple[Exposure, ...] = ()) -> Self:
        """Allow `own` to hand out those arrays that share no memory with an exposure in `keep`."""
        held = [a for other in keep for a in other.arrays().values()]
        own = self.arrays()
        free = {
            name
            for name, array in own.items()
            if not any(_overlap(array, other) for other in held)
            and not any(_overlap(array, b) for other_name, b in own.items() if other_name != name)
            and _writable(array)
        }
        return self.replace(_donated=frozenset(free), _taken=set())

    def recorded(self, record, **changes) -> Self:
        """Return a copy with `record` added to the history."""
        return self.replace(history=(*self.history, record), _donated=frozenset(), **changes)

    def __repr__(self) -> str:
        meta = self.meta
        who = " ".join(str(w) for w in (meta.instrument.detector, meta.instrument.filter, meta.exposure.type) if w)
        arrays = ", ".join(f"{name} {tuple(a.shape)} {a.dtype}" for name, a in self.arrays().items())
        steps = " ".join(r.step + ("" if r.status == "COMPLETE" else " (skipped)") for r in self.history)
        return (
            f"<{type(self).__name__} {self.name}: {who or 'no instrument'}, {self.unit}, on {self.device}\n"
            f"  {arrays}\n  history: {steps or 'none'}>"
        )

    def _repr_html_(self) -> str:
        meta = self.meta
        who = (meta.instrument.detector, meta.instrument.filter, meta.exposure.type, meta.exposure.readpatt)
        title = f"{type(self).__name__} {self.name}: {' '.join(str(w) for w in who if w) or 'no instrument'}"
        rows = [(n, " x ".join(map(str, a.shape)), a.dtype, f"{a.nbytes / 1e6:.1f}") for n, a in self.arrays().items()]
        done = ", ".join(r.step if r.status == "COMPLETE" else f"{r.step} (skipped)" for r in self.history)
        remarks = [f"{self.unit}, on {self.device}; history: {done or 'none'}"]
        return markup.table(("array", "shape", "type", "MB"), rows, title, remarks)


def _writable(array) -> bool:
    if isinstance(array, backend.FileArray):
        return array.writable
    return backend.is_device_array(array) or array.flags.writeable


def _overlap(a, b) -> bool:
    in_files = [isinstance(array, backend.FileArray) for array in (a, b)]
    if any(in_files):
        return all(in_files) and a.shares(b)
    if backend.is_device_array(a) != backend.is_device_array(b):
        return False
    return bool(backend.namespace(a, b).may_share_memory(a, b))
