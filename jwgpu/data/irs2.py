"""The frames of NIRSpec's IRS2 readout: where science and reference pixels lie, and when each was read.

In the detector frame (fast axis along x) a line has five sections of equal width: the reference output, then the
four amplifiers. Along each section, 8 science pixels, 4 reference pixels and 8 science pixels take turns. The
reference pixels of such a run of four are two, read twice each. Neighbouring outputs are read in opposite directions:
here the reference output, the second and the fourth amplifier run against the index.

In time, a pause of one pixel goes before and after every jump to the reference pixels, and one of eight pixels
ends each line.

References
----------
.. [1] Rauscher, B. J., et al. 2017, PASP 129, 105003, doi:10.1088/1538-3873/aa83fd.
.. [2] Moseley, S. H., et al. 2010, Proc. SPIE 7742, 77421B, doi:10.1117/12.866773.
"""

from __future__ import annotations

from dataclasses import dataclass

from jwgpu.backend import namespace
from jwgpu.data.detector import SIZE, Readout
from jwgpu.data.meta import Meta
from jwgpu.errors import InputError

SCIENCE = 16
"""Science pixels between two jumps to the reference pixels (NRS_NORM)."""
REFERENCE = 4
"""Samples of reference pixels at each jump (NRS_REF)."""
SECTIONS = 5
PERIOD = SCIENCE + REFERENCE
TICKS = PERIOD + 2
"""Time of one period in pixels, the pauses of its two jumps included."""
PAD = 8
"""Pause at the end of a line, in pixels."""
_HALF = SCIENCE // 2


def is_irs2(meta: Meta, shape: tuple[int, ...]) -> bool:
    """Say whether an array of `shape` (..., y, x) still holds the interleaved reference pixels of an IRS2 readout.

    It does where it is larger than the detector of NIRSpec; mosaics of other instruments may be. Of a smaller
    (simulated) detector it does where READPATT says IRS2 and the sides are to each other as 25 to 16.
    """
    ny, nx = shape[-2:]
    named = "IRS2" in str(meta.get("exposure.readpatt", ""))
    nirspec = named or str(meta.get("instrument.name") or "NIRSPEC").upper() == "NIRSPEC"
    return (nirspec and max(ny, nx) > SIZE) or (named and min(ny, nx) * SECTIONS * PERIOD == max(ny, nx) * 4 * SCIENCE)


def science_rows(meta: Meta, shape: tuple[int, ...], xp):
    """Return which rows of an IRS2 array of `shape` (..., y, x) hold science pixels: int (row,), rising.

    Raises
    ------
    ValueError
        As `Interleaved.of`, and where the fast axis runs along x, as it does in no product.
    """
    frame = Interleaved.of(meta, shape)
    if abs(frame.readout.fast) == 1:
        raise InputError(
            f"{meta.get('filename', 'the exposure')}: FASTAXIS is {frame.readout.fast}, along x, but NIRSpec is read "
            "along y; correct FASTAXIS to 2 or -2"
        )
    science = frame.science(xp)
    return xp.flatnonzero(science if frame.readout.fast > 0 else science[::-1])


@dataclass(frozen=True)
class Interleaved:
    """One interleaved frame.

    Attributes
    ----------
    readout : Readout
        Orientation.
    lines, columns : int
        Size in the detector frame; 2048 and 3200 for the full detector.
    """

    readout: Readout
    lines: int
    columns: int

    @classmethod
    def of(cls, meta: Meta, shape: tuple[int, ...]) -> Interleaved:
        """Return the frame of an IRS2 array of `shape` (..., y, x).

        Raises
        ------
        ValueError
            Where the metadata do not say FASTAXIS and SLOWAXIS.
        InputError
            Where the array is not made of whole sections.
        """
        fast = meta.require("subarray.fastaxis", "the detector frame")
        slow = meta.require("subarray.slowaxis", "the detector frame")
        ny, nx = shape[-2:]
        columns, lines = (nx, ny) if abs(fast) == 1 else (ny, nx)
        if columns % (SECTIONS * PERIOD) or lines < 8:
            raise InputError(
                f"{meta.get('filename', 'the exposure')}: an IRS2 frame of {columns} pixels along its fast axis and "
                f"{lines} lines is not made of {SECTIONS} sections of whole periods of {PERIOD} pixels; correct "
                "FASTAXIS or leave the step out"
            )
        return cls(Readout(fast, slow, 0, 0, lines, columns, lines, columns), lines, columns)

    @property
    def section(self) -> int:
        """Width of a section in pixels (640)."""
        return self.columns // SECTIONS

    @property
    def ticks(self) -> int:
        """Time of one line in pixels (712)."""
        return self.section // PERIOD * TICKS + PAD

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of the science pixels alone, as products show them."""
        science = self.section // PERIOD * SCIENCE * (SECTIONS - 1)
        return (self.lines, science) if abs(self.readout.fast) == 1 else (science, self.lines)

    def view(self, array):
        """Return (..., y, x) `array` in the detector frame (..., line, column), sharing its memory."""
        return self.readout.view(array)

    def interleaved(self, xp):
        """Return which columns are reference pixels within a section, those of the reference output like the others."""
        phase = xp.arange(self.columns) % PERIOD
        return (phase >= _HALF) & (phase < _HALF + REFERENCE)

    def science(self, xp):
        """Return which columns are science pixels."""
        return ~self.interleaved(xp) & (xp.arange(self.columns) >= self.section)

    def strip(self, array):
        """Return (..., y, x) `array` without the reference output and the interleaved reference pixels."""
        xp = namespace(array)
        keep = self.science(xp)
        keep = xp.flatnonzero(keep if self.readout.fast > 0 else keep[::-1])
        return xp.take(array, keep, axis=-1 if abs(self.readout.fast) == 1 else -2)

    def pixels(self, frame, section: int):
        """Return the pixels of a section of (line, column) `frame` in the order of reading: (line, period, 20)."""
        part = frame[:, section * self.section : (section + 1) * self.section]
        part = part if section % 2 else part[:, ::-1]
        return part.reshape(self.lines, -1, PERIOD)

    def put(self, frame, section: int, pixels) -> None:
        """Write `pixels` of a section, (line, any) in the order of reading, into (line, column) `frame`.

        A frame that has room for four sections only begins with the first amplifier, which is section 1.
        """
        width = pixels.shape[1]
        start = (section - (SECTIONS - frame.shape[1] // width)) * width
        frame[:, start : start + width] = pixels if section % 2 else pixels[:, ::-1]

    def in_time(self, pixels):
        """Return (line, period, 20) pixels in time: (line, ticks), 0 where nothing is read."""
        xp = namespace(pixels)
        series = xp.zeros((self.lines, pixels.shape[1], TICKS), dtype=xp.float32)
        series[..., :_HALF] = pixels[..., :_HALF]
        series[..., _HALF + 1 : _HALF + 1 + REFERENCE] = pixels[..., _HALF : _HALF + REFERENCE]
        series[..., _HALF + REFERENCE + 2 :] = pixels[..., _HALF + REFERENCE :]
        padded = xp.zeros((self.lines, self.ticks), dtype=xp.float32)
        padded[:, :-PAD] = series.reshape(self.lines, -1)
        return padded

    def from_time(self, series):
        """Return what `in_time` was given."""
        xp = namespace(series)
        series = series[:, :-PAD].reshape(self.lines, -1, TICKS)
        parts = (
            series[..., :_HALF],
            series[..., _HALF + 1 : _HALF + 1 + REFERENCE],
            series[..., _HALF + REFERENCE + 2 :],
        )
        return xp.concatenate(parts, axis=-1)
