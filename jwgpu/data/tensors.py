"""Arrays by the names of a schema, for products that no other noun is the home of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from jwgpu import backend
from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Tensors(Exposure):
    """What a step leaves beside its result: arrays under the names that the official schema gives them.

    Attributes
    ----------
    schema : str
        Official schema that says into which extensions they are saved: a key of `Tensors.MODELS`.
    content : mapping
        Arrays by name, read as attributes too: `fitopt.slope`.
    """

    MODELS: ClassVar[Mapping[str, str]] = {
        "rampfitoutput": "RampFitOutputModel",
        "dark": "DarkModel",
        "darkMIRI": "DarkMIRIModel",
    }
    """Name of the official data model, by schema."""

    schema: str
    content: Mapping[str, Any]

    def __post_init__(self):
        if self.schema not in self.MODELS:
            raise ValueError(f"no schema {self.schema!r} is known (known: {', '.join(self.MODELS)})")

    def __getattr__(self, name: str):
        content = self.__dict__.get("content", {})
        if name in content:
            return content[name]
        raise AttributeError(f"{self.schema} has no array {name!r}; it has {', '.join(content)}")

    def arrays(self) -> dict:
        """Return the arrays by name."""
        return dict(self.content)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first array."""
        return next(iter(self.content.values())).shape

    def with_arrays(self, arrays: Mapping) -> Self:
        """Return a copy with some arrays changed."""
        return self.replace(content={**self.content, **arrays})

    def to(self, kind: str) -> Self:
        """Return the same with all arrays on `"cpu"` or `"gpu"`."""
        return self.replace(content={name: backend.to(array, kind) for name, array in self.content.items()})
