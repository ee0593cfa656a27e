"""One line of an exposure's history."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jwgpu import markup

# Steps whose state is kept under another name than their own.
_STATES = {"dark_current": "dark_sub", "imprint_subtract": "imprint"}


def state_path(step: str) -> str:
    """Return where the metadata keep the state of a step (`"COMPLETE"`, `"SKIPPED"`), which becomes its S_* keyword."""
    return f"cal_step.{_STATES.get(step, step)}"


@dataclasses.dataclass(frozen=True)
class Record:
    """What one step did.

    Attributes
    ----------
    step : str
    status : str
        `"COMPLETE"` or `"SKIPPED"`, as written to the S_* keyword.
    reason : str
        Why it was skipped; empty otherwise.
    parameters : mapping
        Every parameter with the value used, defaults included.
    origins : mapping
        Parameter: who set it in the pipeline, `"user"` or the name of a parameter file; the others are defaults.
    references : mapping
        Reference type: file name, or `"N/A"` where there is none for the exposure.
    exposures : mapping
        Role: names of the other exposures that were used in it, such as backgrounds.
    notes : mapping
        Numbers worth knowing that the step left with `note(...)`; of these, `remark` is said in the product's header.
    seconds : float
    bytes_up, bytes_down : int
        What crossed to and from the device during the step.
    device : str
        `"cpu"` or `"gpu"`.
    version : str
        Version of jwgpu.
    """

    step: str
    status: str = "COMPLETE"
    reason: str = ""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    references: Mapping[str, str] = dataclasses.field(default_factory=dict)
    exposures: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    bytes_up: int = 0
    bytes_down: int = 0
    device: str = "cpu"
    version: str = ""

    @property
    def remark(self) -> str:
        """Why the step was skipped, or else what it wants to be known of how it was done."""
        return self.reason or str(self.notes.get("remark", ""))

    def as_dict(self) -> dict:
        """Return the record as plain values, for a manifest."""
        tables = ("parameters", "origins", "references", "exposures", "notes")
        return {**dataclasses.asdict(self), **{name: dict(getattr(self, name)) for name in tables}}

    def __repr__(self) -> str:
        return f"<Record {self._title()}>"

    def __str__(self) -> str:
        return markup.text(("name", "value", "what"), self._rows(), self._title())

    def _repr_html_(self) -> str:
        return markup.table(("name", "value", "what"), self._rows(), self._title())

    def _title(self) -> str:
        how = self.status.lower() + (f": {self.remark}" if self.remark else "")
        return f"{self.step}: {how}, {self.seconds:.3f} s on {self.device}"

    def _rows(self) -> list[tuple]:
        values = [
            (f"{name}", repr(value), self.origins.get(name, "default")) for name, value in self.parameters.items()
        ]
        values += [(kind, file, "reference") for kind, file in self.references.items()]
        values += [(role, ", ".join(names), "exposures") for role, names in self.exposures.items()]
        values += [(name, value, "number") for name, value in self.notes.items()]
        return values
