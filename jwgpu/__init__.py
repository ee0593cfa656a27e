"""jwgpu: JWST calibration on the GPU and the CPU, step by step, in a notebook."""

from __future__ import annotations

import importlib
import sys
import types

from jwgpu._version import __version__

# Public name: where it lives. Loaded when first used, so that `import jwgpu` stays quick.
_PUBLIC = {
    "open": ("jwgpu.io", "open"),
    "save": ("jwgpu.io", "save"),
    "io": ("jwgpu.io", None),
    "references": ("jwgpu.reference", "references"),
    "use": ("jwgpu.backend", "use"),
    "show": ("jwgpu.diagnostics", "show"),
    "tune": ("jwgpu.diagnostics", "tune"),
    "history": ("jwgpu.diagnostics", "history"),
    "panel": ("jwgpu.diagnostics", "panel"),
    "quality": ("jwgpu.diagnostics", "quality"),
    "explain": ("jwgpu.diagnostics", "explain"),
    "rgb": ("jwgpu.diagnostics", "rgb"),
    "compare": ("jwgpu.provenance.compare", "compare"),
    "audit": ("jwgpu.diagnostics.auditing", "audit"),
    "repair": ("jwgpu.io.repair", "repair"),
    "builds": ("jwgpu.provenance.builds", "builds"),
    "Skip": ("jwgpu.step", "Skip"),
    "step": ("jwgpu.step", "step"),
    "note": ("jwgpu.step", "note"),
    "byproduct": ("jwgpu.step", "byproduct"),
    "byproducts": ("jwgpu.step", "byproducts"),
    "Ramp": ("jwgpu.data", "Ramp"),
    "Image": ("jwgpu.data", "Image"),
    "Exposures": ("jwgpu.data", "Exposures"),
    "SourceCatalog": ("jwgpu.data", "SourceCatalog"),
    "Alignment": ("jwgpu.data", "Alignment"),
    "Reference": ("jwgpu.data", "Reference"),
    "Tensors": ("jwgpu.data", "Tensors"),
    "Meta": ("jwgpu.data", "Meta"),
    "PIXEL": ("jwgpu.data", "PIXEL"),
    "GROUP": ("jwgpu.data", "GROUP"),
    "steps": ("jwgpu.steps", None),
    "associations": ("jwgpu.associations", None),
    "image3": ("jwgpu.pipelines.mosaic", "image3"),
    "common_grid": ("jwgpu.wcs.mosaic", "common_grid"),
    "pipelines": ("jwgpu.pipelines", None),
    "simulate": ("jwgpu.simulate", None),
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'jwgpu' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    loaded = importlib.import_module(module)
    value = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = value
    return value


def __dir__():
    return __all__


class _Package(types.ModuleType):
    """The package itself: `jw.step` is the decorator, not the module of the same name that holds it."""

    def __setattr__(self, name: str, value):
        # The import system binds each imported submodule to its package.
        if name in _PUBLIC and isinstance(value, types.ModuleType) and _PUBLIC[name] == (value.__name__, name):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
