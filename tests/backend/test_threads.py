"""Work in several threads: everything is done, failures come out, NumPy's error handling goes along."""

from __future__ import annotations

import gc
import os
import threading
import time

import numpy as np
import pytest

from jwgpu import backend
from jwgpu.backend import memory


@pytest.mark.parametrize("n", [1, 3])
def test_everything_is_done(n, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(n))
    assert backend.threads() == n
    done, names, together = [], set(), threading.Barrier(n)

    def work(item):
        if item < n:
            together.wait(60)  # which nobody passes alone
        names.add(threading.current_thread().name)
        done.append(item)

    backend.each(work, iter(range(20)))
    assert sorted(done) == list(range(20))
    assert len(names) == n


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_process_has_threads_of_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    together = threading.Barrier(2)
    backend.each(lambda _: together.wait(60), range(2))
    child = os.fork()
    if child == 0:
        try:
            together = threading.Barrier(2)
            backend.each(lambda _: together.wait(10), range(2))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_failure_comes_out(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    working, together = set(), threading.Barrier(2)

    def work(item):
        working.add(item)
        if item < 2:
            together.wait(60)
        if item == fails:
            raise ValueError("no")
        time.sleep(0.01)
        working.remove(item)

    for fails in range(4):  # in the calling thread or in the other
        working.clear()
        with pytest.raises(ValueError, match="no"):
            backend.each(work, range(6))
        assert working == {fails}  # nothing goes on behind the failure
    fails = None
    backend.each(work, range(6))


def test_error_handling_is_that_of_the_caller(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    results = {}

    def work(item):
        results[item] = np.array([1.0]) / np.zeros(1)

    with np.errstate(divide="ignore"):
        backend.each(work, range(4))
    assert len(results) == 4
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        backend.each(work, range(4))


def test_a_thread_starts_no_others(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    names = {}

    def outer(item):
        names[item] = set()
        backend.each(lambda _: names[item].add(threading.current_thread().name), range(5))

    backend.each(outer, range(4))
    assert all(len(found) == 1 for found in names.values())


@pytest.mark.parametrize("threads", ["1", "2"])
def test_meanwhile(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert backend.meanwhile(lambda a, b: a + b, 1, 2).result() == 3
    failed = backend.meanwhile(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_garbage_of_before_is_left_alone_for_a_while():
    before = gc.get_freeze_count()
    with memory.garbage_of_now_on():
        frozen = gc.get_freeze_count()
        assert frozen > before
        with memory.garbage_of_now_on():  # once is enough
            assert gc.get_freeze_count() == frozen
        assert gc.get_freeze_count() == frozen
    assert gc.get_freeze_count() == before
