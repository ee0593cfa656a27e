"""A pipeline as a table and as the cells that do the same."""

from __future__ import annotations

import typing

from jwgpu import markup
from jwgpu.data import Exposures, Image, Ramp
from jwgpu.pipelines.origins import CODE, USER
from jwgpu.pipelines.table import OFF
from jwgpu.reference.kinds import GIVEN
from jwgpu.step import Step

HEADER = ("step", "", "changed parameters", "references")


def rows(pipeline) -> list[tuple[str, str, str, str]]:
    """Return (step, on or off, changed parameters and who changed them, references) for each call."""
    return [
        (
            call.name,
            ("off" if call.skip else "on") + (_by(call, "skip") if call.skip or call.name in OFF else ""),
            ", ".join(f"{k}={v!r}{_by(call, k)}" for k, v in call.changed.items()),
            ", ".join(call.references),
        )
        for call in pipeline.calls
    ]


def table(pipeline) -> str:
    """Return the pipeline as lines of text."""
    return markup.text(HEADER, rows(pipeline), f"pipeline {pipeline.name}", pipeline.remarks)


def html(pipeline) -> str:
    """Return the pipeline as an HTML table."""
    return markup.table(HEADER, rows(pipeline), f"pipeline {pipeline.name}", pipeline.remarks)


class Table:
    """Every parameter of some calls with its value and who set it; prints as a table.

    Attributes
    ----------
    rows : list of (step, parameter, value, source)
        `skip` is among the parameters. The source is `"code"` (the default), `"user"`, or the name of a parameter
        file.
    """

    HEADER = ("step", "parameter", "value", "set by")

    def __init__(self, pipeline, calls):
        self.name, self.remarks = pipeline.name, pipeline.remarks
        self.rows = []
        for call in calls:
            defaults = {n: p.default for n, p in call.step.parameters.items()} if isinstance(call.step, Step) else {}
            values = {"skip": call.skip, **defaults, **call.changed}
            self.rows += [(call.name, name, value, call.origin(name)) for name, value in values.items()]

    def _words(self) -> list[tuple[str, ...]]:
        """Return the rows as words, each step named once."""
        return [
            (step if name == "skip" else "", name, repr(value), "code default" if source == CODE else source)
            for step, name, value, source in self.rows
        ]

    def __repr__(self) -> str:
        return markup.text(self.HEADER, self._words(), f"pipeline {self.name}", self.remarks)

    def _repr_html_(self) -> str:
        return markup.table(self.HEADER, self._words(), f"pipeline {self.name}", self.remarks)


def _by(call, name: str) -> str:
    """Name the parameter file that set a value; what the user or the code did needs no words."""
    origin = call.origin(name)
    return "" if origin in (CODE, USER) else f" ({origin})"


def _reference(call, kind: str) -> str:
    """Return how a cell hands a reference to a step: one that only the user can give, where it is given."""
    if kind in call.files:
        return f", {kind}=refs.get({kind!r}, step={call.name!r})"
    return "" if kind in GIVEN else f", {kind}=refs.{kind}" if call.files or call.roles else f", refs.{kind}"


_OPENED = {
    "ramp": (Ramp, 'jw.open("FILE_uncal.fits")'),
    "image": (Image, 'jw.open("FILE_rate.fits")'),
    "images": (Exposures, 'jw.associations.read("FILE_asn.json").exposures()'),
}
"""Names of what pipelines begin with, and how it is opened."""


def source(pipeline) -> str:
    """Return the pipeline as Python: one line for each step that is on."""
    nouns = next((call.step.nouns for call in pipeline.calls if isinstance(call.step, Step)), (Ramp,))
    first = next(name for name, (kind, _) in _OPENED.items() if kind is nouns[0])
    lines = ["import jwgpu as jw", "from jwgpu import steps", "", f"{first} = {_OPENED[first][1]}"]
    files = {key: None if file is None else str(getattr(file, "name", file)) for key, file in pipeline.files.items()}
    lines.append(f"refs = jw.references({first}{f', overrides={files!r}' if files else ''})")
    held = {first: _OPENED[first][0]}
    for call in pipeline.calls:
        if not call.skip:
            lines += _cells(call, held)
    return "\n".join(lines) + "\n"


def _cells(call, held: dict[str, type]) -> list[str]:
    """Return the lines of one step, and change what is held: names and kinds of exposures."""
    words = "".join(_reference(call, kind) for kind in call.references)
    words += "".join(f", {key}={value!r}" for key, value in call.parameters.items())
    if not isinstance(call.step, Step):
        return [f"{name} = {call.name}({name}{words})" for name in held]
    function = f"steps.{call.name}" if call.step.__module__.startswith("jwgpu.steps.") else call.name
    made = typing.get_type_hints(call.step.function)["return"]
    names = [name for name, kind in held.items() if issubclass(kind, call.step.nouns)]
    if call.beside and names:
        held[call.beside] = made
        return [f"{call.beside} = {function}({names[0]}{words})"]
    if "ramp" in names and hasattr(made, "_fields"):
        held.clear()
        held.update(dict.fromkeys(made._fields, Image))
        return [f"{', '.join(made._fields)} = {function}(ramp{words})"]
    if "ramp" in names and made is Image:
        held.clear()
        held["image"] = Image
        return [f"image = {function}(ramp{words})"]
    return [f"{name} = {function}({name}{words})" for name in names]
