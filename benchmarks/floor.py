"""How near the floor the kernels are: the bytes they must move, and how fast this machine moves bytes."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jwgpu import backend, kernels
from jwgpu.backend import is_device_array
from jwgpu.kernels.build import SOURCE

IN_PLACE = ("data", "groupdq", "pixeldq")
"""Arrays that a kernel reads where it writes into them; others that it writes, it only writes."""


@dataclass
class Launch:
    """One launch: the kernel, the least number of bytes it can move, and its seconds (or the events around it)."""

    kernel: str
    bytes: int
    seconds: float = 0.0
    events: tuple = ()


def parameters() -> dict[str, tuple[tuple[str, bool], ...]]:
    """Return name and whether it is only read, for every parameter of every kernel in the source."""
    text = re.sub(r"//[^\n]*", "", "".join(path.read_text() for path in sorted(SOURCE.glob("*.h"))))
    found = re.findall(r"JW_KERNEL\s+(?:JW_THREADS\([^)]*\)\s+)?void\s+JW_NAME\((\w+)\)\s*\(([^)]*)\)", text)
    return {
        name: tuple((p.split("*")[-1].split()[-1], p.strip().startswith("const")) for p in words.split(","))
        for name, words in found
    }


def moved(known: tuple[tuple[str, bool], ...], arguments: tuple) -> int:
    """Return the bytes that one launch has to move: every array once, those read and written twice."""
    total = 0
    for (name, only_read), value in zip(known, arguments):
        if hasattr(value, "nbytes") and not isinstance(value, np.generic):
            total += value.nbytes * (2 if name in IN_PLACE and not only_read else 1)
    return total


@contextlib.contextmanager
def watching() -> Iterator[list[Launch]]:
    """Time every launch made inside the block; on a GPU with events, which are read afterwards."""
    launches: list[Launch] = []
    original, known = kernels.launch, parameters()

    def watched(name, size, n, *arguments):
        launch = Launch(name, moved(known[name], arguments))
        launches.append(launch)
        if any(is_device_array(a) for a in arguments):
            import cupy

            begin, end = cupy.cuda.Event(), cupy.cuda.Event()
            begin.record()
            original(name, size, n, *arguments)
            end.record()
            launch.events = (begin, end)
            return
        start = time.perf_counter()
        original(name, size, n, *arguments)
        launch.seconds = time.perf_counter() - start

    kernels.launch = watched
    try:
        yield launches
    finally:
        kernels.launch = original
        for launch in launches:
            if launch.events:
                import cupy

                launch.events[1].synchronize()
                launch.seconds = cupy.cuda.get_elapsed_time(*launch.events) / 1000


def table(launches: list[Launch]) -> list[dict]:
    """Return launches, bytes and seconds of each kernel, in the order in which they were first launched."""
    rows: dict[str, dict] = {}
    for launch in launches:
        row = rows.setdefault(launch.kernel, {"kernel": launch.kernel, "launches": 0, "bytes": 0, "seconds": 0.0})
        row["launches"] += 1
        row["bytes"] += launch.bytes
        row["seconds"] += launch.seconds
    return list(rows.values())


def settle() -> None:
    """Wait until a GPU has done what it was told to; on a CPU everything is done when it returns."""
    if backend.current().kind == "gpu":
        import cupy

        cupy.cuda.Device().synchronize()


def bandwidth(nbytes: int = 1 << 28, repeat: int = 7) -> float:
    """Return the bytes that the machine reads and writes in a second when it copies, with all threads; the best time.

    Parameters
    ----------
    nbytes : int
        Size of what is copied; well above all caches.
    repeat : int
    """
    if backend.current().kind == "gpu":
        return _gpu_bandwidth(nbytes, repeat)
    source, target = np.ones(nbytes, np.uint8), np.zeros(nbytes, np.uint8)
    parts = [slice(k, k + (1 << 24)) for k in range(0, nbytes, 1 << 24)]

    def copy(part):
        np.copyto(target[part], source[part])

    best = np.inf
    for _ in range(repeat):
        start = time.perf_counter()
        backend.each(copy, parts)
        best = min(best, time.perf_counter() - start)
    return 2 * nbytes / best


def _gpu_bandwidth(nbytes: int, repeat: int) -> float:
    import cupy

    source, target = cupy.ones(nbytes, cupy.uint8), cupy.zeros(nbytes, cupy.uint8)
    best = np.inf
    for _ in range(repeat):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        cupy.copyto(target, source)
        end.record()
        end.synchronize()
        best = min(best, cupy.cuda.get_elapsed_time(begin, end) / 1000)
    return 2 * nbytes / best
