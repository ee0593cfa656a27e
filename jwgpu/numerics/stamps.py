"""Pixels around many positions at once: rectangles of any size, laid end to end in one list."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jwgpu import backend

_PIXELS = 1 << 19
"""Pixels that are worked on together."""


def around(x, y, reach_x, reach_y, shape: tuple[int, int]) -> np.ndarray:
    """Return the windows of pixels within a reach of positions: first x, last x, first y, last y, (4, n) int.

    The last pixel is excluded. What has no pixel on an image of `shape`, or no finite position, is empty.
    """
    finite = np.isfinite(x + y + reach_x + reach_y)
    limits = [np.where(finite, v, -9.0) for v in (x - reach_x, x + reach_x, y - reach_y, y + reach_y)]
    ny, nx = shape
    x0, x1, y0, y1 = (np.floor(np.clip(v, -9, 2.0**30) + 0.5).astype(np.int64) for v in limits)
    found = np.clip(x0, 0, nx), np.clip(x1 + 1, 0, nx), np.clip(y0, 0, ny), np.clip(y1 + 1, 0, ny)
    empty = ~finite | (found[0] >= found[1]) | (found[2] >= found[3])
    return np.where(empty, 0, np.stack(found))


def pixels(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each pixel of the windows which one it belongs to, its x and its y, window after window."""
    x0, x1, y0, y1 = windows
    width = x1 - x0
    count = width * (y1 - y0)
    owner = np.repeat(np.arange(count.size), count)
    place = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(place, width[owner])
    return owner, x0[owner] + column, y0[owner] + row


def over(work, windows: np.ndarray) -> None:
    """Call `work(part)` with slices of windows that hold not too many pixels, in several threads."""
    backend.each(work, parts(windows))


def parts(windows: np.ndarray) -> Iterator[slice]:
    """Yield slices of windows that hold not too many pixels together; one at least."""
    x0, x1, y0, y1 = windows
    total = np.cumsum((x1 - x0) * (y1 - y0))
    start = 0
    while start < total.size:
        done = total[start - 1] if start else 0
        stop = max(int(np.searchsorted(total, done + _PIXELS, side="right")), start + 1)
        yield slice(start, stop)
        start = stop
