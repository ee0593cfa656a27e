"""How much memory there is for arrays, on the host and on a GPU."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from jwgpu.errors import InputError

_SHARE = 0.8  # of what is free that a run may take: other programs, and what is not counted, need some

_UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}

# Limits and use of the group of processes that this one is in (containers, batch systems).
_GROUP = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def parse_bytes(words: str | float) -> int:
    """Return a number of bytes, given as such or in words: `"2G"`, `"700 MB"`, `"1.5e9"`.

    Raises
    ------
    InputError
        It is no positive amount of memory.
    """
    text = str(words).strip().upper().removesuffix("B").strip()
    number, unit = (text[:-1], text[-1]) if text[-1:] in "KMGT" and text else (text, "")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"{words!r} is no amount of memory; write it as 2G, 700M or a number of bytes")
    return int(value)


def budget(kind: str) -> int:
    """Return the bytes that arrays may take on `"cpu"` or `"gpu"`: most of what is free now."""
    return int(_SHARE * (_free_on_gpu() if kind == "gpu" else _free_on_host()))


_for_tiles: ContextVar[int] = ContextVar("for_tiles", default=256 << 20)


def tile() -> int:
    """Return the bytes that a step on many exposures may take for a tile: some rows of all that lies there."""
    return _for_tiles.get()


@contextlib.contextmanager
def tiles_of(n_bytes: int | None) -> Iterator[None]:
    """Let tiles take `n_bytes` inside the block; what they take anyway for None."""
    token = _for_tiles.set(n_bytes or tile())
    try:
        yield
    finally:
        _for_tiles.reset(token)


def _free_on_gpu() -> int:
    import cupy

    return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())


def _free_on_host() -> int:
    known = [_available(), *(_left(limit, used) for limit, used in _GROUP)]
    return min([n for n in known if n is not None], default=4 << 30)


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        pass
    try:  # elsewhere, half of what is built in
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _left(limit: str, used: str) -> int | None:
    try:
        return max(int(Path(limit).read_text()) - int(Path(used).read_text()), 0)
    except (OSError, ValueError):
        return None


def used() -> int:
    """Return the bytes of memory that this process has now."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


@contextlib.contextmanager
def garbage_of_now_on() -> Iterator[None]:
    """Let Python look for garbage only among what is made inside the block.

    Modules and schemas are a million objects by then, through which the collector would go again and again.
    """
    if gc.get_freeze_count():  # somebody has done so already
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
