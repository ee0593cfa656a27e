"""Exposures read in stripes: which rows of the detector their rows were read from, and when.

In the detector frame (see `detector`) a stripe subarray is a list of rows that need not be neighbours on the detector.
It begins with MSTR_RD1 rows from where the subarray starts, usually reference pixels; MSTR_SK1 rows are skipped, and
MSTR_RD2 rows are read. Until the subarray is full, the next stripe of MSTR_RD2 rows follows either MSTR_SK2 rows
further on, or, with MSTR_RPT, after a return to the start: MSTR_RD1 rows again, and then the same stripe once more, or
with MSTR_ILV the next one. These are *substripes* (NIRCam DHS).

*Superstripes* take turns in the integrations: each begins SSTR_STP rows further on, and after SSTR_NST integrations the
detector has been covered once (NIRISS SOSS, NIRCam imaging). Until they are put together (`Stripes.collated`), their
pixel flags and references have one plane for each.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from jwgpu.data.detector import BORDER, SIZE
from jwgpu.data.meta import Meta
from jwgpu.errors import InputError

KEYWORDS = {
    "multistripe_reads1": "MSTR_RD1", "multistripe_skips1": "MSTR_SK1", "multistripe_reads2": "MSTR_RD2",
    "multistripe_skips2": "MSTR_SK2", "repeat_stripe": "MSTR_RPT", "interleave_reads1": "MSTR_ILV",
    "superstripe_step": "SSTR_STP", "num_superstripe": "SSTR_NST",
}  # fmt: skip
"""Metadata below `subarray` that describe stripes, and their keywords."""

# Superstripes whose frame, when put together, is the whole slow axis, what was not read included.
_WHOLE = ("SUB17STRIPE_SOSS", "SUB60STRIPE_SOSS", "SUB204STRIPE_SOSS", "SUB680STRIPE_SOSS")

_PAUSE = 12  # pixels' time at the end of a row
_TICK = 10.0e-6  # seconds a pixel


@dataclasses.dataclass(frozen=True)
class Stripes:
    """Where the rows of a stripe subarray lie.

    Attributes
    ----------
    fast, slow : int
        FASTAXIS and SLOWAXIS.
    superstripes : int
        Number of superstripes; 0 for substripes alone.
    lines : tuple of tuple of int
        For each superstripe (or once), the detector row (0-based) of each row of the subarray, in order of reading.
    blocks : tuple of (int, int)
        First row in the subarray, and one past the last, of every run of MSTR_RD2 rows; the rows between them are
        those of MSTR_RD1.
    fast_range : (int, int)
        First place (0-based) along the fast axis, as products show it, and number of places.
    whole : bool
        The frame that superstripes are put together to has all rows of the detector.
    """

    fast: int
    slow: int
    superstripes: int
    lines: tuple[tuple[int, ...], ...]
    blocks: tuple[tuple[int, int], ...]
    fast_range: tuple[int, int]
    whole: bool = False

    @classmethod
    def of(cls, meta: Meta, shape: tuple[int, ...]) -> Stripes | None:
        """Return the stripes of an exposure of `shape` (..., y, x); None where it was not read in stripes.

        Raises
        ------
        InputError
            The keywords contradict each other or the shape, or lead beyond the detector.
        """
        if meta.get("subarray.multistripe_reads1") is None:
            return None
        ny, nx = shape[-2:]
        fast, slow = (int(meta.require(f"subarray.{name}axis", "stripes")) for name in ("fast", "slow"))
        if {abs(fast), abs(slow)} != {1, 2}:
            raise _contradiction(meta, f"FASTAXIS {fast} and SLOWAXIS {slow} are not one each of +-1 (x) and +-2 (y)")
        (axis, rows), (other, columns) = (("x", nx), ("y", ny)) if abs(slow) == 1 else (("y", ny), ("x", nx))
        start, across = (int(meta.require(f"subarray.{a}start", "the place of the stripes")) for a in (axis, other))
        # Early data give 1 for detectors read from the far end, and any start for DHS, which begins at the edge.
        at_edge = "DHS" in str(meta.get("subarray.name", "")).upper() or (slow < 0 and start == 1)
        start = 0 if at_edge else SIZE - start if slow < 0 else start - 1
        values = {name: int(meta.require(f"subarray.{name}", "stripes")) for name in tuple(KEYWORDS)[:6]}
        values |= {name: int(meta.get(f"subarray.{name}", 0)) for name in tuple(KEYWORDS)[6:]}
        low = [f"{KEYWORDS[name]} = {value}" for name, value in values.items() if value < 0]
        if low:
            raise _contradiction(meta, f"{low[0]} is below 0")
        number = values["num_superstripe"]
        if number > 1 and not values["superstripe_step"]:
            raise _contradiction(meta, f"SSTR_NST = {number} superstripes, but SSTR_STP = 0 rows between them")
        lines, blocks = zip(*(_lines(meta, values, start, rows, stripe) for stripe in range(max(number, 1))))
        last = max(map(max, lines))
        if start < 0 or last >= SIZE:
            raise _contradiction(meta, f"rows from {start} to {last} (from 0) are read, of a detector of {SIZE}")
        whole = str(meta.get("subarray.name", "")).upper() in _WHOLE
        return cls(fast, slow, number, lines, blocks[0], (across - 1, columns), whole)

    @property
    def repeats(self) -> int:
        """Runs of rows, in one frame, that become groups of their own when superstripes are put together."""
        return len(self.blocks)

    @property
    def axis(self) -> int:
        """Axis of (..., y, x) arrays that the rows of the detector lie along: -2 or -1."""
        return -2 if abs(self.slow) == 2 else -1

    @functools.cached_property
    def index(self) -> np.ndarray:
        """Which places along `axis` of a full frame the subarray holds, as products show both: (superstripe, row)."""
        rows = np.array(self.lines)
        return rows if self.slow > 0 else SIZE - 1 - rows[:, ::-1]

    def cut(self, array):
        """Return what the exposure holds of (..., y, x) `array`, whose `axis` is the whole of the detector's.

        Superstripes make one plane each of a (y, x) array.
        """
        if not self.superstripes:
            return array[..., self.index[0], :] if self.axis == -2 else array[..., self.index[0]]
        return array[self.index] if self.axis == -2 else array[:, self.index].swapaxes(0, 1)

    @functools.cached_property
    def frame(self) -> tuple[int, int]:
        """First detector row (0-based), and number of rows, of the frame that superstripes are put together to."""
        if self.whole:
            return 0, SIZE
        science = [rows[first:last] for rows in self.lines for first, last in self.blocks]
        start = min(map(min, science))
        return start, max(map(max, science)) + 1 - start

    def place(self, stripe: int, block: int) -> tuple[tuple, tuple]:
        """Return what cuts a block out of (..., y, x) arrays of the subarray, and of the frame."""
        first, last = self.blocks[block]
        begin = self.lines[stripe][first] - self.frame[0]
        own = self._turned(first, last, len(self.lines[0]))
        there = self._turned(begin, begin + last - first, self.frame[1])
        return tuple((..., part, slice(None)) if self.axis == -2 else (..., part) for part in (own, there))

    def light_sensitive(self, stripe: int) -> list[tuple[slice, slice]]:
        """Return y and x of the runs of rows of a superstripe that are neighbours and no reference pixels."""
        start, columns = self.fast_range
        across = slice(max(BORDER - start, 0), max(min(columns, SIZE - BORDER - start), 0))
        runs = []
        for first, last in self.blocks:
            begin = self.lines[stripe][first]
            inside = max(first, first + BORDER - begin), min(last, first + SIZE - BORDER - begin)
            if inside[0] < inside[1]:
                rows = self._turned(*inside, len(self.lines[0]))
                runs.append((rows, across) if self.axis == -2 else (across, rows))
        return runs

    def _turned(self, first: int, last: int, size: int) -> slice:
        return slice(first, last) if self.slow > 0 else slice(size - last, size - first)

    def window(self, shape: tuple[int, ...]) -> tuple[int, tuple[int, int]]:
        """Return start along `axis` (1-based, as in headers) and (y, x) of the frame, of an exposure of `shape`."""
        start, rows = self.frame
        ny, nx = shape[-2:]
        first = start + 1 if self.slow > 0 else SIZE - start - rows + 1
        return first, ((rows, nx) if self.axis == -2 else (ny, rows))

    def collated(self, meta: Meta, n_groups: int, shape: tuple[int, ...]) -> Meta:
        """Return the metadata of the ramp, of `n_groups` and `shape`, that superstripes have been put together to."""
        first, (ny, nx) = self.window(shape)
        n = max(self.superstripes, 1)
        nints = meta.require("exposure.nints", "putting superstripes together")
        counts = {
            "nints": nints, "integration_start": meta.get("exposure.integration_start", 1),
            "integration_end": meta.get("exposure.integration_end", nints),
        }  # fmt: skip
        values = {f"exposure.{name}": -(-int(value) // n) for name, value in counts.items()}
        values |= {f"subarray.{name}": None for name in KEYWORDS}
        values |= {
            "exposure.ngroups": n_groups, "subarray.ysize": ny, "subarray.xsize": nx,
            "subarray.xstart" if self.axis == -1 else "subarray.ystart": first,
        }  # fmt: skip
        if self.repeats > 1:
            values["exposure.read_times"] = read_times(meta, shape)
        return meta.set(values)


def _lines(meta: Meta, values: dict, start: int, rows: int, stripe: int):
    """Return the detector rows of a superstripe, and where its blocks of MSTR_RD2 rows begin and end."""
    reads1, skips1, reads2, skips2, repeat, interleave, step, number = values.values()
    if not reads2 and number:
        reads2 = step
    if not reads2:
        raise _contradiction(meta, "MSTR_RD2 = 0 rows in a stripe")
    opening = list(range(start, start + reads1))
    skip = skips1 + step * stripe
    here = start + reads1 + skip
    lines, blocks = opening + list(range(here, here + reads2)), [(reads1, reads1 + reads2)]
    run = skips1
    while len(lines) < rows:
        if repeat:
            lines += opening
            run += skips2 + reads2
            here = start + reads1 + (run if interleave else skip)
        else:
            here += reads2 + skips2
        blocks.append((len(lines), len(lines) + reads2))
        lines += range(here, here + reads2)
    if len(lines) != rows:
        name = "SUBSIZE1" if abs(meta.get("subarray.slowaxis")) == 1 else "SUBSIZE2"
        raise _contradiction(
            meta, f"stripes of MSTR_RD1 = {reads1} and MSTR_RD2 = {reads2} rows do not fill {rows} rows ({name})"
        )
    return tuple(lines), tuple(blocks)


def _contradiction(meta: Meta, what: str) -> InputError:
    return InputError(
        f"{meta.get('filename', 'the exposure')}, subarray {meta.get('subarray.name', 'unnamed')}: the keywords of its "
        f"stripes contradict themselves: {what}. Correct the header, or fetch the file again"
    )


def frame_time(columns: int, rows: int, outputs: int) -> float:
    """Return the time it takes to read `rows` of `columns`, what comes between frames included, in seconds."""
    extra = 1 if outputs == 4 else 2 if outputs == 1 and columns >= 9 else 3
    return _time(columns, rows + extra, outputs, 1 if outputs == 4 else 0)


def _time(columns: int, rows: int, outputs: int, clocks: int = 0) -> float:
    return ((columns / outputs + _PAUSE) * rows + clocks) * _TICK


def read_times(meta: Meta, shape: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    """Return when each repeat of a stripe in each group of an exposure of `shape` was read, frame by frame.

    Seconds since the reset, one tuple for each repeat in each group, one number for each frame averaged.
    """
    frames, gap, groups, outputs = (
        int(meta.require(f"exposure.{name}", "the times of stripes"))
        for name in ("nframes", "groupgap", "ngroups", "noutputs")
    )
    along_y, along_x = shape[-2:]
    rows, columns = (along_x, along_y) if abs(meta.get("subarray.slowaxis")) == 1 else (along_y, along_x)
    frame = frame_time(columns, rows, outputs)
    own = int(meta.get("subarray.multistripe_reads1") or 0) + int(meta.get("subarray.multistripe_reads2") or 0)
    intervals = [frame]
    if own:
        # Only the rows of one stripe are reset; then they are read again and again without a pause.
        intervals = [frame_time(columns, own, outputs)] + [_time(columns, own, outputs)] * (rows // own - 1)
    times, elapsed = [], 0.0
    for _ in range(groups):
        for interval in intervals:
            times.append(tuple(elapsed + interval + n * frame for n in range(frames)))
            elapsed += interval
        elapsed += frame * (frames - 1 + gap)
    return tuple(times)
