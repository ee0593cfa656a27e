"""A pipeline as a table and as the cells that do the same."""

from __future__ import annotations

import html as _html
import inspect

from jwgpu.data import Image
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
    return "\n".join([f"pipeline {pipeline.name}", *_lines(HEADER, rows(pipeline)), *pipeline.remarks])


def html(pipeline) -> str:
    """Return the pipeline as an HTML table."""
    remarks = "".join(f"<p>{_html.escape(remark)}</p>" for remark in pipeline.remarks)
    return f"<b>pipeline {_html.escape(pipeline.name)}</b>{_html_table(HEADER, rows(pipeline))}{remarks}"


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
        return "\n".join([f"pipeline {self.name}", *_lines(self.HEADER, self._words()), *self.remarks])

    def _repr_html_(self) -> str:
        remarks = "".join(f"<p>{_html.escape(remark)}</p>" for remark in self.remarks)
        return f"<b>pipeline {_html.escape(self.name)}</b>{_html_table(self.HEADER, self._words())}{remarks}"


def _by(call, name: str) -> str:
    """Name the parameter file that set a value; what the user or the code did needs no words."""
    origin = call.origin(name)
    return "" if origin in (CODE, USER) else f" ({origin})"


def _lines(header, rows) -> list[str]:
    rows = [header, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    text = ["  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows]
    return [text[0], "-" * max(map(len, text)), *text[1:]]


def _html_table(header, rows) -> str:
    def line(tag, words):
        return "".join(f"<{tag} style='text-align:left'>{_html.escape(word)}</{tag}>" for word in words)

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><tr>{line('th', header)}</tr>{body}</table>"


def _reference(call, kind: str) -> str:
    """Return how a cell hands a reference to a step: one that only the user can give, where it is given."""
    if kind in call.files:
        return f", {kind}=refs.get({kind!r}, step={call.name!r})"
    return "" if kind in GIVEN else f", {kind}=refs.{kind}" if call.files else f", refs.{kind}"


def source(pipeline) -> str:
    """Return the pipeline as Python: one line for each step that is on."""
    lines = ["import jwgpu as jw", "from jwgpu import steps", "", 'ramp = jw.open("FILE_uncal.fits")']
    files = {key: None if file is None else str(getattr(file, "name", file)) for key, file in pipeline.files.items()}
    lines.append(f"refs = jw.references(ramp{f', overrides={files!r}' if files else ''})")
    branches = ["ramp"]
    for call in pipeline.calls:
        if call.skip:
            continue
        is_step = isinstance(call.step, Step)
        function = f"steps.{call.name}" if is_step and call.step.__module__.startswith("jwgpu.steps.") else call.name
        outcome = inspect.signature(call.step.function).return_annotation if is_step else None
        words = "".join(_reference(call, kind) for kind in call.references)
        words += "".join(f", {key}={value!r}" for key, value in call.parameters.items())
        if str(outcome).endswith("RampFit"):
            lines.append(f"rate, rateints = {function}(ramp{words})")
            branches = ["rate", "rateints"]
        elif is_step and branches == ["ramp"] and outcome in (Image, "Image"):
            lines.append(f"image = {function}(ramp{words})")
            branches = ["image"]
        else:
            lines += [f"{branch} = {function}({branch}{words})" for branch in branches]
    return "\n".join(lines) + "\n"
