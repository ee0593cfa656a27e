"""Write `cupy_api.json`: every name of the real CuPy that array code may use, with its parameters.

Run it where CuPy is installed; no GPU and no driver are needed:

    pip install --target /some/folder cupy-cuda12x cuda-pathfinder
    PYTHONPATH=/some/folder python tests/fakecupy/make_api.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path

MODULES = (
    "cupy", "cupy.linalg", "cupy.fft", "cupy.random", "cupyx",
    "cupyx.scipy.ndimage", "cupyx.scipy.special", "cupyx.scipy.fft",
)  # fmt: skip
HERE = Path(__file__).parent


def _words(parameters) -> str:
    """Return parameters as text: `a, b=, *, c=`; a default shows as `=`."""
    out, star = [], False
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            out.append("*" + p.name)
            star = True
        elif p.kind is p.VAR_KEYWORD:
            out.append("**" + p.name)
        else:
            if p.kind is p.KEYWORD_ONLY and not star:
                out.append("*")
                star = True
            out.append(p.name + ("" if p.default is p.empty else "="))
    return ", ".join(out)


def _from_docstring(doc: str | None) -> str | None:
    """Read the parameters from the first line that looks like a call, as Cython and ufuncs write it."""
    match = re.match(r"\s*[\w.]+\(((?:[^()]|\([^()]*\))*)\)", doc or "")
    if match is None:
        return None
    out = []
    # `divmod(x1, x2[, out1, out2], / [, out=(None, None)], *)`: brackets say what may be left out.
    text = match[1].replace("\\", "").replace("[, out1, out2], / [,", ", out1=, out2=, /,").replace("]", "")
    for part in re.split(r",(?![^()]*\))", text):
        name, default, _ = part.strip().partition("=")
        name = name.split(":")[0].split()[-1] if name.strip() else ""
        if name and name != "self":
            out.append(name + ("=" if default else ""))
    return ", ".join(out)


def signature(value) -> str | None:
    """Return the parameters of a callable as text, None for what is not one."""
    if not callable(value) or isinstance(value, type):
        return None
    try:
        words = _words(p for p in inspect.signature(value).parameters.values() if p.name != "self")
    except (TypeError, ValueError):
        words = _from_docstring(value.__doc__)
    if type(value).__name__ == "ufunc":
        return f"ufunc: {words}, where="  # taken by every ufunc, though the docstrings leave it out
    return words


def main() -> None:
    """Collect and write the table."""
    import cupy

    table: dict = {"version": cupy.__version__}
    for name in MODULES:
        module = importlib.import_module(name)
        table[name] = {
            n: signature(getattr(module, n))
            for n in sorted(dir(module))
            if not n.startswith("_") and not inspect.ismodule(getattr(module, n))
        }
    # The docstring of item() says nothing; it takes indices.
    table["cupy.ndarray"] = {
        n: signature(getattr(cupy.ndarray, n)) for n in sorted(dir(cupy.ndarray)) if not n.startswith("_")
    } | {"item": "*args"}
    (HERE / "cupy_api.json").write_text(json.dumps(table, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
