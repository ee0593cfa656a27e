"""The ASDF extension: what the official software wants to find in every product, and metadata that have no keyword.

Only its YAML text is read and written here; gwcs and arrays do not occur in the products of the detector stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from jwgpu._version import __version__
from jwgpu.data import Meta
from jwgpu.io.keywords import products

EXTENSION = "ASDF"
COLUMN = "ASDF_METADATA"
_OWN = ("jwgpu.", "extra_fits.")  # kept elsewhere in the file
_HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads plain values; objects with a tag of their own (arrays, times, coordinates) read as None."""


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)
_Loader.add_constructor("tag:stsci.edu:asdf/core/asdf-1.1.0", _Loader.construct_yaml_map)


def read_tree(hdu) -> dict[str, Any]:
    """Return the metadata of an ASDF extension that have no header keyword, by dotted path.

    An extension that cannot be read is left out: the header says all that calibration needs.
    """
    try:
        raw = np.asarray(hdu.data[COLUMN]).tobytes()
        text, end, _ = raw.partition(b"\n...")
        tree = yaml.load((text + end).decode("utf-8"), Loader=_Loader) or {}
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, TypeError, UnicodeDecodeError):
        return {}
    meta = tree.get("meta")
    known = products().by_path
    return {path: value for path, value in _flat(meta, "") if path not in known and not path.startswith(_OWN)}


def _flat(node, prefix: str):
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _flat(child, f"{prefix}{name}.")
    elif isinstance(node, (str, int, float, bool)):
        yield prefix[:-1], node


def tree_table(meta: Meta) -> np.ndarray:
    """Return the table of an ASDF extension that holds the metadata for which there is no keyword."""
    known = products().by_path
    tree: dict[str, Any] = {"model_type": meta.get("model_type"), "filename": meta.get("filename")}
    for path, value in sorted(meta.items()):
        if path not in known and not path.startswith(_OWN) and isinstance(value, (str, int, float, bool)):
            branch = tree
            *parents, leaf = path.split(".")
            for parent in parents:
                branch = branch.setdefault(parent, {})
                if not isinstance(branch, dict):
                    break
            else:
                branch[leaf] = value
    content = {"meta": tree, "jwgpu": {"version": __version__}}
    text = (_HEAD + yaml.safe_dump(content, sort_keys=False) + "...\n").encode("ascii")
    table = np.zeros(1, [(COLUMN, "u1", (len(text),))])
    table[COLUMN] = np.frombuffer(text, np.uint8)
    return table
