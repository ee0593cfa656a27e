"""Data quality arrays of reference files: from the bits of the file to those of the products."""

from __future__ import annotations

import logging

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL

_reported: set[tuple[str, str]] = set()
_SMALL, _AT_ONCE = 1 << 16, 1 << 17


def translate(dq: np.ndarray, definitions: np.ndarray | None, label: str) -> np.ndarray:
    """Translate a dq array through the DQ_DEF table of its file.

    A reference file numbers its flags as it likes and says in DQ_DEF which value has which name.

    Parameters
    ----------
    dq : uint32 array
        As stored.
    definitions : structured array or None
        Columns VALUE and NAME. Without it the bits are already those of `data.flags.PIXEL`.
    label : str
        Type and name of the file; names that do not exist are reported once for each file.

    Returns
    -------
    uint32 array
        Flags of `data.flags.PIXEL`; bits that the table does not name are dropped.
    """
    if definitions is None or len(definitions) == 0:
        return dq
    columns = {name.upper(): name for name in definitions.dtype.names}
    names = [str(n.decode() if isinstance(n, bytes) else n).strip() for n in definitions[columns["NAME"]]]
    values = [np.uint32(v) for v in definitions[columns["VALUE"]]]
    unknown = [name for name in names if name not in PIXEL and name not in ("GOOD", "")]
    if unknown and (label, ",".join(unknown)) not in _reported:
        _reported.add((label, ",".join(unknown)))
        logging.getLogger("jwgpu.reference").warning(
            "%s: its DQ_DEF names flags that do not exist and are ignored: %s", label, ", ".join(unknown)
        )
    pairs = [(value, PIXEL[name]) for name, value in zip(names, values) if name in PIXEL]
    if all(value == flag for value, flag in pairs):
        return dq & np.uint32(sum({int(flag) for _, flag in pairs}))
    named = np.bitwise_or.reduce([value for value, _ in pairs] or [np.uint32(0)])
    if dq.size > _SMALL and named < _SMALL:  # one look-up for each pixel instead of a pass for each flag
        table = _apply(np.arange(1 << int(named).bit_length(), dtype=np.uint32), pairs)
        result = np.empty(dq.shape, np.uint32)
        flat, target = dq.reshape(-1), result.reshape(-1)
        parts = [slice(at, at + _AT_ONCE) for at in range(0, dq.size, _AT_ONCE)]
        backend.each(lambda part: np.take(table, flat[part] & named, out=target[part], mode="clip"), parts)
        return result
    return _apply(dq, pairs)


def _apply(dq, pairs):
    result = np.zeros_like(dq)
    for value, flag in pairs:
        result[(dq & value) != 0] |= flag
    return result
