"""The ASDF extension: metadata that have no keyword, and the transform between pixels and sky.

Of an extension without a transform only the YAML text is read and written; the ASDF library is loaded for one alone,
and a transform that was read is made when it is first asked for.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from jwgpu._version import __version__
from jwgpu.data import Meta
from jwgpu.io.keywords import products
from jwgpu.wcs import WCS, stored

EXTENSION = "ASDF"
COLUMN = "ASDF_METADATA"
_OWN = ("jwgpu.", "extra_fits.")  # kept elsewhere in the file
_LISTS = ("exposure.read_times",)  # the only ones that calibration needs
_HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


Placed = tuple[str, str, tuple[int, ...]]
"""Name of an extension, type and shape of its array."""
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads plain values; objects with a tag of their own (arrays, times, coordinates) read as None."""


_Loader.add_multi_constructor("", lambda loader, suffix, node: None)
_Loader.add_constructor("tag:stsci.edu:asdf/core/asdf-1.1.0", _Loader.construct_yaml_map)


def read_tree(hdu, name: str) -> tuple[dict[str, Any], WCS | None]:
    """Return the metadata of an ASDF extension that have no header keyword, by dotted path, and its transform.

    An extension that cannot be read is left out: the header says all that calibration needs.

    Parameters
    ----------
    hdu
        The extension.
    name : str
        Name of the file, for messages.
    """
    try:
        raw = np.asarray(hdu.data[COLUMN]).tobytes()
        text, end, _ = raw.partition(b"\n...")
        tree = yaml.load((text + end).decode("utf-8"), Loader=_Loader) or {}
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, TypeError, UnicodeDecodeError):
        return {}, None
    meta = tree.get("meta")
    known = products().by_path
    found = {path: value for path, value in _flat(meta, "") if path not in known and not path.startswith(_OWN)}
    has_wcs = isinstance(meta, dict) and "wcs" in meta
    return found, WCS(functools.partial(stored.gwcs, raw, name)) if has_wcs else None


def _flat(node, prefix: str):
    if isinstance(node, dict):
        for name, child in node.items():
            yield from _flat(child, f"{prefix}{name}.")
    elif isinstance(node, (str, int, float, bool)):
        yield prefix[:-1], node
    elif isinstance(node, list) and node and prefix[:-1] in _LISTS:
        yield prefix[:-1], tuple(tuple(each) for each in node)


def tree_table(meta: Meta, wcs: WCS | None = None, arrays: Mapping[str, Placed] | None = None) -> np.ndarray:
    """Return the table of an ASDF extension: all metadata, the transform, and where the arrays of the file are.

    Calibration needs no more of it than what has no keyword; Jdaviz reads units, the area of pixels and the arrays from
    here alone.

    Parameters
    ----------
    meta : Meta
    wcs : WCS, optional
    arrays : mapping, optional
        Of each array, by its official name: extension, type, shape.
    """
    tree: dict[str, Any] = {}
    for path, value in sorted(meta.items()):
        if path in _LISTS:
            value = [[float(number) for number in each] for each in value]
        elif path.startswith(_OWN) or not isinstance(value, (str, int, float, bool)):
            value = None
        elif isinstance(value, float) and not math.isfinite(value):
            value = None  # as in headers
        if value is not None:
            branch = tree
            *parents, leaf = path.split(".")
            for parent in parents:
                branch = branch.setdefault(parent, {})
                if not isinstance(branch, dict):
                    break
            else:
                branch[leaf] = value
    content = {"meta": tree, "jwgpu": {"version": __version__}}
    if wcs is None:
        text = (_HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False) + "...\n").encode("ascii")
    else:
        text = _with_gwcs(content, wcs)
    text, end, blocks = text.partition(b"\n...")
    text += "".join(_node(name, *placed) for name, placed in (arrays or {}).items()).encode("ascii") + end + blocks
    table = np.zeros(1, [(COLUMN, "u1", (len(text),))])
    table[COLUMN] = np.frombuffer(text, np.uint8)
    return table


def _node(name: str, extension: str, dtype: str, shape: tuple[int, ...]) -> str:
    """Return the words that say where in the FITS file an array is."""
    where = f"source: 'fits:{extension},1', datatype: {dtype}, byteorder: big, shape: {list(shape)}"
    return f"\n{name}: !core/ndarray-1.1.0 {{{where}}}"


def _with_gwcs(content: dict[str, Any], wcs: WCS) -> bytes:
    import asdf

    stream = io.BytesIO()
    file = asdf.AsdfFile({**content, "meta": {**content["meta"], "wcs": wcs.gwcs}})
    file.write_to(stream, include_block_index=False)  # it counts bytes from the start, where more words will stand
    return stream.getvalue()
