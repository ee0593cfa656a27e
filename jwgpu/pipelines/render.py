"""A pipeline as a table and as the cells that do the same."""

from __future__ import annotations

import html as _html
import inspect

from jwgpu.data import Image
from jwgpu.step import Step


def rows(pipeline) -> list[tuple[str, str, str, str]]:
    """Return (step, on or off, changed parameters, references) for each call."""
    return [
        (
            call.name,
            "off" if call.skip else "on",
            ", ".join(f"{k}={v!r}" for k, v in call.parameters.items()),
            ", ".join(call.references),
        )
        for call in pipeline.calls
    ]


def table(pipeline) -> str:
    """Return the pipeline as lines of text."""
    header = ("step", "", "changed parameters", "references")
    lines = [header, *rows(pipeline)]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    text = ["  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([f"pipeline {pipeline.name}", text[0], "-" * max(map(len, text)), *text[1:]])


def html(pipeline) -> str:
    """Return the pipeline as an HTML table."""
    cells = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{_html.escape(word)}</td>" for word in row) + "</tr>"
        for row in rows(pipeline)
    )
    head = "".join(f"<th style='text-align:left'>{w}</th>" for w in ("step", "", "changed parameters", "references"))
    return f"<b>pipeline {_html.escape(pipeline.name)}</b><table><tr>{head}</tr>{cells}</table>"


def source(pipeline) -> str:
    """Return the pipeline as Python: one line for each step that is on."""
    lines = ["import jwgpu as jw", "from jwgpu import steps", "", 'ramp = jw.open("FILE_uncal.fits")']
    lines.append("refs = jw.references(ramp)")
    branches = ["ramp"]
    for call in pipeline.calls:
        if call.skip:
            continue
        is_step = isinstance(call.step, Step)
        function = f"steps.{call.name}" if is_step and call.step.__module__.startswith("jwgpu.steps.") else call.name
        outcome = inspect.signature(call.step.function).return_annotation if is_step else None
        words = "".join(f", refs.{name}" for name in call.references)
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
