"""Where the near-infrared detectors keep their reference pixels, which way they are read, and which part was read.

Products show the sky in a common orientation; the electronics know columns (along the fast axis) and rows. In the
*detector frame* used here the fast axis runs along x and the slow axis along y, both from 0 in the order of reading.
The four amplifiers are vertical bands of a quarter of the columns, and the outermost four pixels on every side are
reference pixels: they see no light but drift with the electronics.
"""

from __future__ import annotations

from dataclasses import dataclass

from jwgpu.data.meta import Meta

SIZE = 2048
BORDER = 4
AMPLIFIERS = "ABCD"


@dataclass(frozen=True)
class Readout:
    """The window of a detector that an array holds, and how to see the array in the detector frame.

    Attributes
    ----------
    fast, slow : int
        FASTAXIS and SLOWAXIS: 1 is x and 2 is y of the product, negative where the reading runs against the index.
    row, column : int
        Detector row and column of the window's first pixel (0-based).
    rows, columns : int
        Size of the window in the detector frame.
    height, width : int
        Rows and columns of the whole detector: 2048 each, or those of the array where SUBARRAY says FULL (simulated
        detectors can be smaller).
    """

    fast: int
    slow: int
    row: int
    column: int
    rows: int
    columns: int
    height: int = SIZE
    width: int = SIZE

    @classmethod
    def of(cls, meta: Meta, shape: tuple[int, ...]) -> Readout:
        """Return the readout of an array of `shape` (..., y, x).

        Raises
        ------
        ValueError
            Where the metadata give no usable FASTAXIS and SLOWAXIS, or no start of a subarray.
        """
        fast = meta.require("subarray.fastaxis", "the detector frame")
        slow = meta.require("subarray.slowaxis", "the detector frame")
        if {abs(fast), abs(slow)} != {1, 2}:
            raise ValueError(
                f"{meta.get('filename', 'the exposure')}: FASTAXIS {fast} and SLOWAXIS {slow} are not one each of "
                "+-1 (x) and +-2 (y); correct the header"
            )
        ny, nx = shape[-2:]
        whole = (ny, nx) == (SIZE, SIZE) or meta.get("subarray.name") == "FULL"
        if whole:
            x, y = 0, 0
        else:
            x = meta.require("subarray.xstart", "the place of the subarray") - 1
            y = meta.require("subarray.ystart", "the place of the subarray") - 1
        along = {1: (x, nx), 2: (y, ny)}
        column, columns = along[abs(fast)]
        row, rows = along[abs(slow)]
        height, width = (rows, columns) if whole else (SIZE, SIZE)
        if fast < 0:
            column = width - column - columns
        if slow < 0:
            row = height - row - rows
        return cls(fast, slow, row, column, rows, columns, height, width)

    @property
    def full(self) -> bool:
        """True where the window is the whole detector."""
        return (self.rows, self.columns) == (self.height, self.width)

    @property
    def fits(self) -> bool:
        """True where the window lies on the detector."""
        inside = self.row + self.rows <= self.height and self.column + self.columns <= self.width
        return inside and min(self.row, self.column) >= 0

    def view(self, array):
        """Return (..., y, x) `array` in the detector frame: (..., row, column), sharing its memory."""
        along_y, along_x = (self.slow, self.fast) if abs(self.fast) == 1 else (self.fast, self.slow)
        flipped = array[..., :: 1 if along_y > 0 else -1, :: 1 if along_x > 0 else -1]
        return flipped if abs(self.fast) == 1 else flipped.swapaxes(-2, -1)

    def along_axes(self, per_row, per_column):
        """Return one vector along y and one along x of the product, from one per detector row and one per column."""
        per_row = per_row if self.slow > 0 else per_row[::-1]
        per_column = per_column if self.fast > 0 else per_column[::-1]
        return (per_row, per_column) if abs(self.fast) == 1 else (per_column, per_row)

    @property
    def bottom(self) -> slice:
        """Rows of the window among the first four of the detector."""
        return _overlap(0, BORDER, self.row, self.rows)

    @property
    def top(self) -> slice:
        """Rows of the window among the last four of the detector."""
        return _overlap(self.height - BORDER, self.height, self.row, self.rows)

    @property
    def left(self) -> slice:
        """Columns of the window among the first four of the detector."""
        return _overlap(0, BORDER, self.column, self.columns)

    @property
    def right(self) -> slice:
        """Columns of the window among the last four of the detector."""
        return _overlap(self.width - BORDER, self.width, self.column, self.columns)

    @property
    def amplifiers(self) -> dict[str, slice]:
        """Columns of the window that each amplifier reads; amplifiers outside the window are left out."""
        edges = [i * self.width // len(AMPLIFIERS) for i in range(len(AMPLIFIERS) + 1)]
        bands = {
            name: _overlap(start, stop, self.column, self.columns)
            for name, start, stop in zip(AMPLIFIERS, edges, edges[1:])
        }
        return {name: band for name, band in bands.items() if band.start < band.stop}

    def parity(self, columns: slice, odd: bool) -> slice:
        """Return every second of `columns`: those whose detector column (0-based) is odd, or even."""
        return slice(columns.start + (self.column + columns.start + odd) % 2, columns.stop, 2)


def _overlap(start: int, stop: int, origin: int, size: int) -> slice:
    """Return the part of detector positions [start, stop) inside a window, counted from the window's origin."""
    first = min(max(start - origin, 0), size)
    return slice(first, max(min(stop - origin, size), first))
