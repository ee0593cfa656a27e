"""Parameters of steps: their names, types and defaults, as the signature of a step has them."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from jwgpu.errors import InputError


class ParameterError(InputError):
    """An unknown or ill-typed parameter; the message names the nearest right one."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One keyword-only argument of a step: name, type annotation, default value."""

    name: str
    annotation: Any
    default: Any

    def check(self, value, step: str):
        """Return `value` converted to the annotated type, or raise `ParameterError`."""
        if value is None and type(None) in members(self.annotation):
            return None
        for kind in members(self.annotation):
            if typing.get_origin(kind) is typing.Literal:
                # Parameter files hold numbers that are choices as words.
                for choice in typing.get_args(kind):
                    if value == choice or value == str(choice):
                        return choice
            elif typing.get_origin(kind) in (list, tuple):
                if isinstance(value, (list, tuple)):
                    return type_of(kind)(value)
            elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
            elif kind is int and isinstance(value, int) and not isinstance(value, bool):
                return int(value)
            elif kind not in (float, int) and isinstance(kind, type) and isinstance(value, kind):
                return value
        raise ParameterError(f"{step}.{self.name} = {value!r}: expected {self.words()}")

    def parse(self, text: str, step: str):
        """Return the value that `text` (a command-line word) stands for."""
        word = text.strip()
        kinds = members(self.annotation)
        if type(None) in kinds and word.lower() in ("none", ""):
            return None
        for kind in kinds:
            try:
                if kind is bool and word.lower() in ("true", "false", "1", "0", "yes", "no"):
                    return word.lower() in ("true", "1", "yes")
                if kind is int:
                    return int(word)
                if kind is float:
                    return float(word)
                if typing.get_origin(kind) in (list, tuple):
                    inner = (typing.get_args(kind) or (str,))[0]
                    return type_of(kind)(inner(w) for w in word.strip("[]()").split(",") if w.strip())
            except ValueError:
                continue
        if any(kind is str or typing.get_origin(kind) is typing.Literal for kind in kinds):
            return self.check(word, step)
        raise ParameterError(f"{step}.{self.name} = {text!r}: expected {self.words()}")

    def words(self) -> str:
        """Say which values are allowed."""
        names = []
        for kind in members(self.annotation):
            if typing.get_origin(kind) is typing.Literal:
                names += [repr(v) for v in typing.get_args(kind)]
            else:
                names.append("None" if kind is type(None) else getattr(kind, "__name__", str(kind)))
        return " or ".join(names)


def type_of(annotation):
    """Return `list` or `tuple` for an annotation such as `list[int]`."""
    return typing.get_origin(annotation)


def members(annotation) -> tuple:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)
