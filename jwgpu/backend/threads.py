"""Work on the host in several threads: NumPy lets go of the interpreter while it works on an array."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

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
    """Call `function` with every item, in no order and in several threads.

    A failure is raised once no call runs any more; items that no thread has taken by then are left. What the calls
    write must not overlap. NumPy's error handling is that of the caller. Calls made from such a thread run in it.
    """
    items = list(items)
    n = min(threads(), len(items))
    if n < 2 or getattr(_inside, "working", False):
        for item in items:
            function(item)
        return
    handling, left, taking = np.geterr(), iter(items), threading.Lock()

    def work():
        _inside.working = True
        try:
            with np.errstate(**handling):
                while True:
                    with taking:
                        item = next(left, left)
                    if item is left:
                        return
                    function(item)
        finally:
            _inside.working = False

    # The calling thread works too, so that nothing waits for a thread that is busy elsewhere.
    others = [_pool().submit(work) for _ in range(n - 1)]
    try:
        work()
    finally:
        started = [other for other in others if not other.cancel()]
        wait(started)
    for other in started:
        other.result()


def meanwhile(function: Callable, *arguments) -> Future:
    """Let another thread call a function; where only one is to be used, call it now."""
    if threads() > 1 and not getattr(_inside, "working", False):
        return _pool().submit(function, *arguments)
    done: Future = Future()
    try:
        done.set_result(function(*arguments))
    except Exception as error:
        done.set_exception(error)
    return done


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST - 1, "jwgpu")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a child process has none of its parent's threads
