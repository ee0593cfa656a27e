"""Pipelines as TOML: names and values."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

from jwgpu import steps
from jwgpu.data import Reference
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, USER
from jwgpu.pipelines.table import OFF
from jwgpu.step import Step


def save(pipeline, path) -> Path:
    """Write `pipeline` to `path`: its steps in order, and for each those parameters that are not at the default.

    Values that a parameter file has set are among them, so that what is read again runs the same without it.

    Raises
    ------
    InputError
        A reference that was made in memory is among them.
    """
    lines = [f"name = {_text(pipeline.name)}", f"steps = [{', '.join(_text(n) for n in pipeline.names())}]"]
    for call in pipeline.calls:
        entries = {"function": _address(call.step)} if not isinstance(call.step, Step) or _custom(call.step) else {}
        entries |= {"skip": True} if call.skip else {}
        entries |= call.changed
        if entries:
            lines += [
                "",
                f"[{call.name}]",
                *(f"{key} = {_text(value)}{_by(call, key)}" for key, value in entries.items()),
            ]
    path = Path(path)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def load(pipeline_class, call_class, path):
    """Read a pipeline; unknown steps and parameters are errors that name the file."""
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: the pipeline file cannot be read ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: not a TOML file ({error}); write one with pipeline.save(path)") from error
    names = content.get("steps")
    if not isinstance(names, list):
        raise InputError(f"{path}: a pipeline file needs a list `steps = [...]` of step names")
    stray = [key for key in content if key not in (*names, "steps", "name")]
    if stray:
        raise InputError(f"{path}: section [{stray[0]}] belongs to no step of the list `steps`")
    calls = []
    for name in names:
        entries = dict(content.get(name, {}))
        address = entries.pop("function", None)
        skip = entries.pop("skip", False)
        try:
            step = _imported(address) if address else steps.get(name)
            entries = {key: None if value == "none" else value for key, value in entries.items()}
            origins = {"skip": CODE} if skip and name in OFF else {}
            calls.append(call_class(step, skip=skip, origins=origins).set(**entries))
        except (InputError, ImportError, AttributeError) as error:
            raise InputError(f"{path}: {error}") from error
    return pipeline_class(content.get("name", path.stem), tuple(calls))


def _by(call, key: str) -> str:
    """Return a comment that names the parameter file a value is from."""
    origin = USER if key == "function" else call.origin(key)
    return "" if origin in (CODE, USER) else f"  # {origin}"


def _text(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return '"none"'
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(v) for v in value) + "]"
    if isinstance(value, Reference):
        raise InputError(f"{value.name} was made in memory and cannot be written into a pipeline; give a file instead")
    return _text(str(value)) if isinstance(value, Path) else repr(value)


def _custom(step: Step) -> bool:
    return not step.__module__.startswith("jwgpu.steps.")


def _address(step) -> str:
    return f"{step.__module__}:{step.__name__}"


def _imported(address: str):
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)
