"""The JWST metadata tree: read like attributes, changed only by making a new one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from jwgpu import markup
from jwgpu.errors import InputError


class Meta:
    """Metadata under the official names, for example `meta.exposure.readpatt`.

    Paths are those of the JWST schemas without the leading `meta.`. What a file does not say reads as None;
    what a step cannot do without is asked for with `require`, whose error teaches.
    """

    __slots__ = ("_prefix", "_values")

    def __init__(self, values: Mapping[str, Any] | None = None, _prefix: str = ""):
        object.__setattr__(self, "_values", MappingProxyType(dict(values or {})) if not _prefix else values)
        object.__setattr__(self, "_prefix", _prefix)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        path = self._prefix + name
        if path in self._values:
            return self._values[path]
        if any(known.startswith(path + ".") for known in self._values) or path in _BRANCHES:
            return Meta(self._values, path + ".")
        return None

    def __setattr__(self, name: str, value):
        raise AttributeError(f"metadata are immutable; use meta.set({{'{self._prefix}{name}': ...}})")

    def get(self, path: str, default=None):
        """Return the value at a dotted `path`, or `default` where the file does not say."""
        value = self._values.get(self._prefix + path)
        return default if value is None else value

    def require(self, path: str, purpose: str = ""):
        """Return the value at `path`.

        Raises
        ------
        InputError
            Where the file does not say; the message names the file, the path and `purpose`.
        """
        value = self.get(path)
        if value is None:
            need = f", which {purpose} needs" if purpose else ""
            raise InputError(
                f"{self._values.get('filename') or 'the exposure'} does not say meta.{self._prefix}{path}{need}; "
                f"set it with exposure.replace(meta=exposure.meta.set({{'{self._prefix}{path}': ...}}))"
            )
        return value

    def set(self, values: Mapping[str, Any]) -> Meta:
        """Return a copy with `values` (dotted path: value) changed; None removes a value."""
        if self._prefix:
            raise ValueError("set values on the whole tree, by full dotted path")
        merged = {**self._values, **values}
        return Meta({path: value for path, value in merged.items() if value is not None})

    def items(self):
        """Return the pairs (dotted path, value) below this node."""
        skip = len(self._prefix)
        return [(path[skip:], value) for path, value in self._values.items() if path.startswith(self._prefix)]

    def __contains__(self, path: str) -> bool:
        return self.get(path) is not None

    def __eq__(self, other) -> bool:
        return isinstance(other, Meta) and dict(self.items()) == dict(other.items())

    __hash__ = None

    def __reduce__(self):
        return (Meta, (dict(self._values), self._prefix))

    def _repr_html_(self) -> str:
        values = sorted(self.items())
        rows = [(path, repr(value)) for path, value in values[:200]]
        remarks = [f"and {len(values) - len(rows)} more"] if len(values) > len(rows) else []
        table = markup.table(("meta." + self._prefix + "...", "value"), rows, remarks=remarks)
        shown = " open" if len(values) <= 40 else ""
        return f"<details{shown}><summary style='cursor:pointer'>Meta: {len(values)} values</summary>{table}</details>"

    def __repr__(self) -> str:
        lines = [f"{path}: {value!r}" for path, value in self.items()]
        return f"Meta({len(lines)} values)" + "".join("\n  " + line for line in lines[:40])


# Branches that read as empty nodes rather than None, so that `meta.exposure.nframes` is None in an empty tree.
_BRANCHES = frozenset(
    "aperture background cal_step coordinates dither ephemeris exposure guidestar instrument jwst observation "
    "photometry pointing program ref_file subarray target time velocity_aberration visit wcsinfo".split()
)
