"""The manifest: everything needed to repeat a product, as JSON text inside the product.

{"format": 1, "software": {"jwgpu": "0.1.0", ...}, "device": "...", "date": "...", "inputs": ["jw..._uncal.fits"],
 "context": "jwst_1364.pmap", "steps": [{"step": "dq_init", "status": "COMPLETE", "parameters": {...}, ...}]}
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import importlib.metadata
import json
import math
import platform
from collections.abc import Mapping
from typing import Any

from jwgpu import backend
from jwgpu._version import __version__
from jwgpu.provenance.record import Record
from jwgpu.provenance.versions import EQUIVALENT

FORMAT = 1
_PACKAGES = ("numpy", "scipy", "astropy", "stdatamodels", "crds", "cupy-cuda12x", "cupy-cuda13x")


@functools.cache
def software() -> dict[str, str]:
    """Return the versions of what computes and writes: jwgpu, Python and the libraries that are installed."""
    versions = {"jwgpu": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def manifest(exposure) -> dict[str, Any]:
    """Return what was done to `exposure`, with what, on which device and from which files."""
    return {
        "format": FORMAT,
        "software": dict(software()),
        "reference": EQUIVALENT,
        "device": backend.current().name if exposure.device == "gpu" else "CPU",
        "platform": platform.platform(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "inputs": list(exposure.meta.get("jwgpu.inputs", ())),
        "input_software": exposure.meta.get("jwgpu.input_software"),
        "context": exposure.meta.get("ref_file.crds.context_used"),
        "steps": [record.as_dict() for record in exposure.history],
    }


def to_text(content: Mapping[str, Any]) -> str:
    """Return a manifest as ASCII JSON."""
    return json.dumps(_plain(content), indent=1)


def from_text(text: str) -> tuple[dict[str, Any], tuple[Record, ...]]:
    """Return the manifest in `text` and its records.

    Raises
    ------
    ValueError
        The text is not a manifest.
    """
    content = json.loads(text)
    if not isinstance(content, dict) or not isinstance(content.get("steps"), list):
        raise ValueError("this is not a jwgpu manifest")
    known = {field.name for field in dataclasses.fields(Record)}
    records = tuple(
        Record(**{name: value for name, value in line.items() if name in known}) for line in content["steps"]
    )
    return content, records


def _plain(value):
    """Return `value` as what JSON has; other things by their text, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    return str(value)
