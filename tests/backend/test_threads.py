"""Work in several threads: everything is done, failures come out, NumPy's error handling goes along."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from jwgpu import backend


@pytest.mark.parametrize("n", ["1", "3"])
def test_everything_is_done(n, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", n)
    assert backend.threads() == int(n)
    done, names = [], set()

    def work(item):
        names.add(threading.current_thread().name)
        done.append(item)

    backend.each(work, iter(range(20)))
    assert sorted(done) == list(range(20))
    assert ("MainThread" in names) == (n == "1")


def test_a_failure_comes_out(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    done = []

    def work(item):
        if item == 3:
            raise ValueError("three")
        done.append(item)

    with pytest.raises(ValueError, match="three"):
        backend.each(work, range(6))
    assert sorted(done) == [0, 1, 2, 4, 5]


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
