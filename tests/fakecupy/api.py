"""The names and parameters of the real CuPy, read from `cupy_api.json`."""

from __future__ import annotations

import functools
import inspect
import json
from pathlib import Path

TABLE: dict = json.loads((Path(__file__).parent / "cupy_api.json").read_text())
VERSION: str = TABLE.pop("version")


@functools.cache
def parameters(words: str) -> inspect.Signature:
    """Return the signature that `a, b=, *, c=` stands for."""
    out: list[inspect.Parameter] = []
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in filter(None, (p.strip() for p in words.removeprefix("ufunc:").split(","))):
        if part == "/":
            out = [p.replace(kind=p.POSITIONAL_ONLY) for p in out]
        elif part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif part.startswith("**"):
            out.append(inspect.Parameter(part[2:], inspect.Parameter.VAR_KEYWORD))
        elif part.startswith("*"):
            out.append(inspect.Parameter(part[1:], inspect.Parameter.VAR_POSITIONAL))
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            default = None if part.endswith("=") else inspect.Parameter.empty
            out.append(inspect.Parameter(part.rstrip("="), kind, default=default))
    # Defaults that Cython hides: once one parameter has a default, those after it may be left out too.
    seen = False
    for position, p in enumerate(out):
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            seen = seen or p.default is not p.empty
            if seen and p.default is p.empty:
                out[position] = p.replace(default=None)
    return inspect.Signature(out)


def check_name(module: str, name: str) -> None:
    """Refuse a name that `module` of the real CuPy lacks."""
    if name not in TABLE[module]:
        raise AttributeError(f"module {module!r} has no attribute {name!r} (CuPy {VERSION})")


def check(module: str, name: str, args=(), keywords=()) -> None:
    """Refuse a name that `module` of the real CuPy lacks, or arguments that it does not take.

    Raises
    ------
    AttributeError
        The name is missing.
    TypeError
        The arguments do not fit.
    """
    check_name(module, name)
    words = TABLE[module][name]
    if words is None:
        return
    try:
        parameters(words).bind(*args, **dict.fromkeys(keywords))
    except TypeError as error:
        raise TypeError(f"{module}.{name}({words.removeprefix('ufunc: ')}): {error} (CuPy {VERSION})") from None
