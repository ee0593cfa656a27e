"""Files written from front to end, arrays by other threads."""

from __future__ import annotations

import errno
import threading

import numpy as np
import pytest

import jwgpu as jw
from jwgpu.io.stream import Stream


@pytest.mark.parametrize("threads", ["1", "3"])
def test_everything_is_in_its_place(tmp_path, monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    arrays = [np.full(1000, k, np.uint8) for k in range(9)]
    with Stream(tmp_path / "file") as stream:
        for k, array in enumerate(arrays):
            stream.write(b"head%d" % k)
            stream.later(array.nbytes, lambda array=array: (array[:300], array[300:]))
        stream.write(b"end")
    expected = b"".join(b"head%d" % k + array.tobytes() for k, array in enumerate(arrays)) + b"end"
    assert (tmp_path / "file").read_bytes() == expected


def test_what_goes_wrong_on_the_way_is_raised(tmp_path):
    def pieces():
        yield b"first"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"), Stream(tmp_path / "file") as stream:
        stream.later(10, pieces)


def test_nothing_is_on_its_way_once_the_file_is_closed(tmp_path):
    closing, done = threading.Event(), []

    def pieces():
        closing.wait(10)
        yield b"last"
        done.append(True)

    with pytest.raises(ZeroDivisionError), Stream(tmp_path / "file") as stream:
        stream.later(4, pieces)
        closing.set()
        1 / 0  # noqa: B018
    assert done


def test_a_full_disk_while_arrays_are_on_their_way_leaves_nothing(tmp_path, ramp, monkeypatch):
    def full(stream, data, at):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Stream, "_pour", lambda stream, pieces, at: full(stream, pieces, at))
    with pytest.raises(jw.errors.InputError, match="the disk is full"):
        jw.save(ramp, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
