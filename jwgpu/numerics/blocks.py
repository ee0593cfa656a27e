"""Rows of a detector a few at a time, where a processor's cache rewards it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jwgpu import backend

HOST_ROWS = 64


def row_blocks(array, rows: int = HOST_ROWS, device_rows: int | None = None) -> Iterator[slice]:
    """Yield slices that cover the rows (last axis but one) of `array` once, from the bottom up.

    On the host, a block of rows and the few planes it is combined with stay in cache while every group is worked on.
    A GPU prefers one launch for all rows, unless temporaries would grow too large.

    Parameters
    ----------
    array : array (..., y, x)
    rows : int
        Rows of a block on the host.
    device_rows : int, optional
        Rows of a block on a GPU; all of them where it is not given.
    """
    n_rows = array.shape[-2]
    size = (device_rows or n_rows) if backend.is_device_array(array) else rows
    for first in range(0, n_rows, max(size, 1)):
        yield slice(first, min(first + size, n_rows))


def over_rows(work: Callable, array, rows: int = HOST_ROWS, device_rows: int | None = None) -> None:
    """Call `work` with each of the slices of `row_blocks`; on the host in several threads, in no order.

    What `work` writes for one block must be read or written for no other.
    """
    _over(work, array, row_blocks(array, rows, device_rows))


def over_planes(work: Callable, array) -> None:
    """Call `work` with each index of the first axis of `array`; as `over_rows` does."""
    _over(work, array, range(array.shape[0]))


def _over(work: Callable, array, parts) -> None:
    if backend.is_device_array(array):
        for part in parts:
            work(part)
    else:
        backend.each(work, parts)
