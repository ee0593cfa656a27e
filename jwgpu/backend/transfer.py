"""Crossings between host and device: the one place where they happen, each counted."""

from __future__ import annotations

import contextlib
import time
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from jwgpu.backend.namespace import is_device_array


@dataclass
class Traffic:
    """What crossed the bus: bytes up (to the device), bytes down, and the seconds it took."""

    bytes_up: int = 0
    bytes_down: int = 0
    seconds: float = 0.0


_open_counts: ContextVar[tuple[Traffic, ...]] = ContextVar("open_counts", default=())


@contextlib.contextmanager
def counting():
    """Count every crossing made inside the block; nested blocks all count."""
    traffic = Traffic()
    token = _open_counts.set((*_open_counts.get(), traffic))
    try:
        yield traffic
    finally:
        _open_counts.reset(token)


def _count(up: int, down: int, seconds: float) -> None:
    for traffic in _open_counts.get():
        traffic.bytes_up += up
        traffic.bytes_down += down
        traffic.seconds += seconds


def native(array: np.ndarray) -> np.ndarray:
    """Return `array` in the byte order of this machine, C-contiguous; the same array where it already is."""
    if array.dtype.isnative and array.flags.c_contiguous:
        return array
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def to(array, kind: str):
    """Bring an array to `"cpu"` or `"gpu"`; the same array where it is there already."""
    if kind == "cpu":
        return to_host(array)
    if kind != "gpu":
        raise ValueError(f"device {kind!r} is not 'cpu' or 'gpu'")
    if is_device_array(array):
        return array
    import cupy

    start = time.perf_counter()
    moved = cupy.asarray(native(array))
    _count(array.nbytes, 0, time.perf_counter() - start)
    return moved


def to_host(array) -> np.ndarray:
    """Bring an array to the host; the same array where it is there already."""
    if not is_device_array(array):
        return array
    start = time.perf_counter()
    moved = array.get()
    _count(0, moved.nbytes, time.perf_counter() - start)
    return moved
