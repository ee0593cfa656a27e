"""A reference file, cut to an exposure and brought to its device."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from jwgpu import backend, markup
from jwgpu.data.meta import Meta
from jwgpu.errors import InputError


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """Arrays of one reference file, read as attributes: `gain.data`, `linearity.coeffs`, `mask.dq`.

    Attributes
    ----------
    type : str
        CRDS reference type, for example `"gain"`.
    name : str
        File name, as it is written into products (`R_GAIN`).
    arrays : mapping
        Arrays by their official name; dq arrays are already in the flag bits of `data.flags.PIXEL`.
    meta : Meta
        Metadata of the reference file.
    context : str
        The rules it was chosen by, for example a CRDS context.
    models : mapping
        Transforms by name, for types that describe coordinates: `distortion.model`. They live on the host and belong
        to everyone who has the reference: copy one before changing it.
    """

    type: str
    name: str
    arrays: Mapping[str, Any]
    meta: Meta = dataclasses.field(default_factory=Meta)
    context: str = ""
    models: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    _whole: Callable[[], Reference] | None = None

    @property
    def whole(self) -> Reference:
        """The reference with all its rows, where this is a piece of it."""
        return self if self._whole is None else self._whole()

    @property
    def is_piece(self) -> bool:
        """Whether this holds some rows of a reference."""
        return self._whole is not None

    def piece_of(self, whole: Callable[[], Reference]) -> Reference:
        """Return this as a piece of the reference that `whole` returns."""
        return dataclasses.replace(self, _whole=whole)

    def rows(self, rows: slice, n_rows: int) -> Reference:
        """Return some rows of those arrays that have `n_rows` of them."""
        cut = {n: a[..., rows, :] if a.ndim > 1 and a.shape[-2] == n_rows else a for n, a in self.arrays.items()}
        return dataclasses.replace(self, arrays=cut).piece_of(self._whole or (lambda: self))

    def __getattr__(self, name: str):
        if "models" not in self.__dict__ or name.startswith("__"):
            raise AttributeError(name)
        held = {**self.arrays, **self.models}
        if name in held:
            return held[name]
        raise AttributeError(f"{self.type} reference {self.name} has no array {name!r}; it has {', '.join(held)}")

    def __contains__(self, name: str) -> bool:
        return name in self.arrays or name in self.models

    def to(self, kind: str) -> Reference:
        """Return the reference with its numeric arrays on `"cpu"` or `"gpu"`; tables stay on the host."""
        moved = {n: backend.to(a, kind) if a.dtype.names is None else a for n, a in self.arrays.items()}
        return dataclasses.replace(self, arrays=moved)

    def check_shape(self, name: str, shape: tuple[int, ...]):
        """Return array `name` if its last axes are `shape`.

        Raises
        ------
        InputError
            Naming the file, both shapes and the remedy.
        """
        array = getattr(self, name)
        if tuple(array.shape[-len(shape) :]) != tuple(shape):
            raise InputError(
                f"{self.type} reference {self.name}: {name} has shape {tuple(array.shape)} where the exposure needs "
                f"{tuple(shape)}; use a reference of the same detector and subarray, or a full-frame one"
            )
        return array

    def _repr_html_(self) -> str:
        held = [(n, " x ".join(map(str, a.shape)), a.dtype if a.dtype.names is None else ", ".join(a.dtype.names))
                for n, a in self.arrays.items()]  # fmt: skip
        held += [(n, f"{m.n_inputs} to {m.n_outputs} coordinates", "transform") for n, m in self.models.items()]
        remarks = [f"chosen by {self.context}"] if self.context else []
        return markup.table(("array", "shape", "type"), held, f"{self.type} reference {self.name}", remarks)

    def __repr__(self) -> str:
        held = [f"{n} {tuple(a.shape)} {a.dtype}" for n, a in self.arrays.items()]
        held += [f"{n} of {m.n_inputs} to {m.n_outputs} coordinates" for n, m in self.models.items()]
        return f"<Reference {self.type}: {self.name}; {', '.join(held)}>"
