"""What the commands share: exit statuses, error paragraphs, `--set`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import click

from jwgpu import steps
from jwgpu.errors import InputError
from jwgpu.step import ParameterError

INPUT = 2
FAILED = 3


def complain(error: Exception, subject: str = "") -> None:
    """Print one paragraph on standard error."""
    words = str(error).strip() or type(error).__name__
    if not isinstance(error, InputError):
        words = f"processing failed: {type(error).__name__}: {words} (run again with --debug for the traceback)"
    if subject and subject not in words:
        words = f"{subject}: {words}"
    width = max(40, shutil.get_terminal_size((110, 24)).columns - 2)
    paragraph = textwrap.fill(f"jwgpu: error: {words}", width, break_long_words=False, break_on_hyphens=False)
    click.echo(paragraph, err=True)


class Settings:
    """What `--set` and `--skip` ask for: parameters, skips and reference overrides by step.

    Parameters
    ----------
    assignments : words `step.name=value`
        `name` is a parameter, a reference type of the step (then `value` is a file), a role of other exposures
        (files with commas between them), or `skip`.
    skipped : names of steps

    Raises
    ------
    InputError
        For an unknown step, parameter or reference type, and for a value of the wrong type.
    """

    def __init__(self, assignments: tuple[str, ...] = (), skipped: tuple[str, ...] = ()):
        self.parameters: dict[str, dict] = {}
        self.skip: dict[str, bool] = {steps.get(name).name: True for name in skipped}
        self.overrides: dict[str, str] = {}
        self.roles: dict[str, list[str]] = {}
        for word in assignments:
            self._assign(word)

    def _assign(self, word: str) -> None:
        target, equals, value = word.partition("=")
        name, dot, key = target.strip().partition(".")
        if not (equals and dot and name and key):
            raise InputError(f"--set {word}: write it as step.parameter=value, for example jump.rejection_threshold=5")
        step = steps.get(name)
        if key == "skip":
            if value.lower() not in ("true", "false"):
                raise InputError(f"--set {word}: skip is true or false")
            self.skip[name] = value.lower() == "true"
        elif key in step.references:
            self.overrides[f"{name}.{key}"] = value
        elif key in step.roles:
            self.roles[key] = [file.strip() for file in value.split(",") if file.strip()]
        elif key in step.parameters:
            self.parameters.setdefault(name, {})[key] = step.parameters[key].parse(value, name)
        else:
            try:
                step.parameter(key)
            except ParameterError as error:
                kinds = ", ".join((*step.references, *step.roles)) or "none"
                raise InputError(f"--set {word}: {error}; reference types: {kinds}") from None

    def apply(self, pipeline, elsewhere: Iterable[str] = ()):
        """Return `pipeline` with the parameters and skips set; a step it does not have is an error.

        Of the steps `elsewhere`, in other pipelines of the same command, those that it does not have are passed over.
        """
        known = {*pipeline.names()}
        absent = {*elsewhere} - known
        for name, values in self.parameters.items():
            pipeline = pipeline if name in absent else pipeline.set(name, **values)
        for name, skip in self.skip.items():
            if name not in absent:
                pipeline = pipeline.without(name) if skip else pipeline.including(name)
        for target in self.overrides:
            if (name := target.partition(".")[0]) not in absent:
                pipeline[name]
        return pipeline

    def others(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the exposures that were named for roles, in place of those that an association gives."""
        import jwgpu as jw

        named = {
            role: jw.Exposures.of([jw.open(file, lazy=True) for file in files], product_name=role)
            for role, files in self.roles.items()
        }
        return {**given, **named}
