"""The steps: one file each, file name = function name = official alias. Discovered, nothing to register."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import sys
import types

from jwgpu.errors import InputError
from jwgpu.step import Step


def names() -> list[str]:
    """Return the names of all steps."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def get(name: str) -> Step:
    """Return the step called `name`.

    Raises
    ------
    InputError
        For an unknown name; the message offers the nearest one.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1, 0.4)
        raise InputError(f"no step is called {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return getattr(importlib.import_module(f"{__name__}.{name}"), name)


class _Steps(types.ModuleType):
    """The package itself: `steps.jump` is the step, not the module of the same name that holds it."""

    def __getattr__(self, name: str):
        if name.startswith("_") or name not in names():
            raise AttributeError(f"jwgpu.steps has no step {name!r}")
        return get(name)

    def __setattr__(self, name: str, value):
        # The import system binds each imported submodule to its package; bind the step of that name instead.
        if isinstance(value, types.ModuleType) and value.__name__ == f"{__name__}.{name}":
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self):
        return [*names(), "get", "names"]


sys.modules[__name__].__class__ = _Steps
