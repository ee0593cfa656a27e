"""Comparison of what steps give, bit by bit."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Exposure, Reference, SourceCatalog


def bits(array) -> np.ndarray:
    """Return the bytes of an array, wherever it lives."""
    host = array.get() if hasattr(array, "get") else array
    return np.ascontiguousarray(host).view(np.uint8)


def same_bits(a, b) -> bool:
    """Say whether two arrays have one shape, one type and the same bits."""
    return a.shape == b.shape and a.dtype == b.dtype and bool((bits(a) == bits(b)).all())


def differences(found: Exposure, expected: Exposure) -> list[str]:
    """Return one line for each way in which one noun differs from another."""
    a, b = found.arrays(), expected.arrays()
    lines = [] if a.keys() == b.keys() else [f"arrays {sorted(a)} where {sorted(b)} are expected"]
    for name in a.keys() & b.keys():
        if a[name].dtype != b[name].dtype or a[name].shape != b[name].shape:
            lines.append(f"{name}: {a[name].dtype} {a[name].shape}, expected {b[name].dtype} {b[name].shape}")
        elif not same_bits(a[name], b[name]):
            different = bits(a[name]).reshape(-1, a[name].itemsize) != bits(b[name]).reshape(-1, a[name].itemsize)
            lines.append(f"{name}: {int(different.any(axis=1).sum())} of {a[name].size} differ")
    if isinstance(found, SourceCatalog) and not same_bits(found.table, expected.table):
        lines.append("the tables differ")
    if found.meta != expected.meta:
        lines.append("the metadata differ")
    return lines


def snapshot(noun: Exposure | Reference | None) -> dict[str, np.ndarray]:
    """Return copies of the arrays of a noun."""
    if noun is None:
        return {}
    arrays = noun.arrays() if callable(noun.arrays) else noun.arrays
    return {name: array.copy() for name, array in arrays.items()}
