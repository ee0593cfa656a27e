"""What is to be corrected: the clock of a readout, and the frequencies that disturb it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.cut import here
from jwgpu.data import Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.step import ParameterError, Skip

SAMPLE = 10.0e-6
"""Seconds of one tick of the pixel clock."""

OUTPUTS = 4
"""Pixels read at the same time: neighbours along a row."""

_FULL_ROWS = 1024
_SKIPPED_ROW = 7.0  # ticks for each row of the detector outside a subarray
_LAST_COLUMN = 258  # of an output, in a full row; the reference pixel there is read later than its neighbours

# Subarray: ticks from row to row, ticks from frame to frame. For frequencies given by the user, without a reference.
_CLOCKS = {
    "SLITLESSPRISM": (28, 15904), "MASKLYOT": (90, 32400), "SUB64": (28, 8512), "SUB128": (44, 11904),
    "MASK1140": (82, 23968), "MASK1550": (82, 23968), "MASK1065": (82, 23968), "FULL_FAST": (271, 277504),
    "FULL_SLOW": (2333, 2388992), "BRIGHTSKY": (162, 86528), "SUB256": (96, 29952),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Clock:
    """When pixels are read, in ticks of the pixel clock since the first pixel of the exposure.

    Attributes
    ----------
    shape : (integrations, groups, rows, columns of an output)
    samples : int
        Ticks from pixel to pixel: 1 in fast, 9 in slow readouts.
    rowclocks, frameclocks : int
        Ticks from row to row; of a frame, as the reference says.
    resets : int
        Ticks of the additional reset between integrations.
    late : bool
        Rows end with the detector's last reference pixels.
    """

    shape: tuple[int, int, int, int]
    samples: int
    rowclocks: int
    frameclocks: int
    resets: int
    late: bool

    @property
    def frame(self) -> float:
        """Ticks from group to group."""
        rows = self.shape[2]
        return rows * self.rowclocks + (_FULL_ROWS - rows) * _SKIPPED_ROW

    def start(self, integration: int, group: int) -> float:
        """Return the tick of the first pixel of a group."""
        return (integration * self.shape[1] + group) * self.frame + integration * self.resets

    def ticks(self, xp):
        """Return the tick of every pixel of an output within its group: (row, column) float64."""
        rows, columns = self.shape[2:]
        return xp.arange(rows)[:, None] * float(self.rowclocks) + xp.arange(columns) * float(self.samples)


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """One frequency to be removed.

    Attributes
    ----------
    name : str
    period : float
        Ticks of the pixel clock.
    wave : (n,) array or None
        One period of the reference wave; None where it is to be found in the data.
    """

    name: str
    period: float
    wave: Any = None


def line(name: str, frequency: float, wave=None) -> Line:
    """Return the line of a frequency in Hz."""
    return Line(name, (1.0 / frequency) / SAMPLE, wave)


def read_case(ramp: Ramp, reference: Reference | None, frequencies: list[float] | None) -> tuple[Clock, list[Line]]:
    """Return the clock and the lines of an exposure: those of the user, else those of the reference.

    Raises
    ------
    Skip
        Neither knows the readout.
    """
    meta = ramp.meta
    pattern, subarray = str(meta.exposure.readpatt).upper(), str(meta.subarray.name).upper()
    speed = "SLOW" if "SLOW" in pattern else "FAST"
    if frequencies is not None:
        name = f"FULL_{speed}" if subarray == "FULL" else subarray
        if name not in _CLOCKS:
            raise Skip(f"no row clocks are known for subarray {subarray}")
        row, frame = _CLOCKS[name]
        lines = [line(repr(f), f) for f in _checked(frequencies)]
    else:
        name = f"{subarray}_{speed}" if "FULL" in subarray else subarray
        case = f"subarray_cases.{name}."
        detector = "" if speed == "FAST" else f".{str(meta.instrument.detector).upper()}"
        row, frame = (reference.meta.get(case + key) for key in ("rowclocks", "frameclocks"))
        names = reference.meta.get(f"{case}freqs.{speed}{detector}", ())
        names = (names,) if isinstance(names, str) else names
        if row is None or frame is None or not names:
            raise Skip(f"emicorr reference {reference.name} has no frequencies for {name}, {pattern}, {detector[1:]}")
        lines = [_reference_line(ramp, reference, n) for n in names]
    integrations, groups, rows, columns = ramp.shape
    width, first = meta.get("subarray.xsize", columns), meta.get("subarray.xstart", 1)
    clock = Clock(
        shape=(integrations, groups, rows, columns // OUTPUTS),
        samples=int(meta.require("exposure.nsamples", "emicorr")),
        rowclocks=int(row),
        frameclocks=int(frame),
        resets=int(frame) if pattern in ("FASTR1", "SLOWR1") else 0,
        late=int(width / OUTPUTS + first - 1) == _LAST_COLUMN,
    )
    return clock, lines


def _checked(frequencies: list[float]) -> list[float]:
    highest = 0.5 / SAMPLE
    for f in frequencies:
        if isinstance(f, bool) or not isinstance(f, (int, float)) or not 0 < f < highest:
            raise ParameterError(f"emicorr.onthefly_corr_freq = {frequencies}: expected frequencies in Hz, between 0 "
                                 f"and {highest:.0f}, half that of the pixel clock")  # fmt: skip
    if not frequencies:
        raise Skip("onthefly_corr_freq holds no frequency")
    return [float(f) for f in frequencies]


def _reference_line(ramp: Ramp, reference: Reference, name: str) -> Line:
    """Return a line of the reference, its wave where the step runs."""
    label = f"emicorr reference {reference.name}: frequency {name}"
    key = f"frequencies.{name}."
    frequency = reference.meta.get(key + "frequency")
    wave = reference.arrays.get(key + "phase_amplitudes")
    if wave is None and isinstance(reference.meta.get(key + "phase_amplitudes"), tuple):
        wave = backend.to(np.array(reference.meta.get(key + "phase_amplitudes"), np.float64), ramp.device)
    wave = None if wave is None else here(wave)
    if frequency is None or wave is None:
        raise InputError(
            f"{label} is named for this readout, but the file does not say its frequency and phase_amplitudes; fetch "
            f"the file again or give another one"
        )
    if (
        wave.ndim != 1
        or wave.size < 2
        or not 0 < frequency < 0.5 / SAMPLE
        or not bool(namespace(wave).isfinite(wave).all())
    ):
        raise InputError(
            f"{label} = {frequency} Hz with phase_amplitudes of shape {tuple(wave.shape)}: a frequency between 0 and "
            f"{0.5 / SAMPLE:.0f} Hz and a row of two or more finite numbers are needed; fetch the file again or give "
            f"another one"
        )
    return line(name, float(frequency), wave.astype(np.float64))
