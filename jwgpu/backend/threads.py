"""Work on the host in several threads: NumPy lets go of the interpreter while it works on an array."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

_MOST = 8
_inside = threading.local()


def threads() -> int:
    """Return how many threads to use: OMP_NUM_THREADS, else the processors this process may run on, at most 8."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return min(int(wanted), _MOST)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, _MOST)


def each(function: Callable, items: Iterable) -> None:
    """Call `function` with every item, in no order and in several threads; one failure is raised after the others end.

    What the calls write must not overlap. NumPy's error handling is that of the caller. Calls made from such a
    thread run in it.
    """
    items = list(items)
    n = min(threads(), len(items))
    if n < 2 or getattr(_inside, "working", False):
        for item in items:
            function(item)
        return
    handling = np.geterr()

    def work(item):
        _inside.working = True
        with np.errstate(**handling):
            function(item)

    with ThreadPoolExecutor(n) as pool:
        for done in [pool.submit(work, item) for item in items]:
            done.result()
