"""Interference of MIRI's electronics: waves locked to the clock of the pixels, and the reference that tells of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.data import Meta, Reference
from jwgpu.simulate.header import START
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing

TICK = 10.0e-6  # seconds
FREQUENCIES = {"Hz218a": (218.52055, 1.0), "Hz10": (10.039216, 0.6)}  # Hz, strength relative to `Effects.emi`
SAMPLES = 500  # of the waves in the reference

# Ticks from row to row, and of the reset between integrations, by subarray.
_CLOCKS = {
    "FULL_FAST": (271, 277504), "FULL_SLOW": (2333, 2388992), "BRIGHTSKY": (162, 86528), "SUB256": (96, 29952),
    "SUB128": (44, 11904), "SUB64": (28, 8512),
}  # fmt: skip


def wave(phase: np.ndarray) -> np.ndarray:
    """Return the wave of unit strength at phases from 0 to 1."""
    angle = 2 * np.pi * phase
    return np.sin(angle) + 0.25 * np.sin(2 * angle + 0.7)


@dataclasses.dataclass(frozen=True)
class Interference:
    """The waves in an exposure.

    Attributes
    ----------
    row, frame, reset : int
        Ticks from row to row, from frame to frame, of the reset between integrations.
    sample : int
        Ticks from pixel to pixel of an output; four outputs are read at a time.
    columns : int
    timing : Timing
    strength : float, DN
    start : float
        Phase of all waves at the first pixel of the exposure.
    """

    row: int
    frame: int
    reset: int
    sample: int
    columns: int
    timing: Timing
    strength: float
    start: float

    @classmethod
    def of(cls, window: Window, timing: Timing, read_pattern: str, strength: float, start: float) -> Interference:
        """Return the waves of an exposure in a window."""
        slow = read_pattern.startswith("SLOW")
        row, reset = _CLOCKS[f"FULL_{'SLOW' if slow else 'FAST'}" if window.name == "FULL" else window.name]
        return cls(
            row=row,
            frame=window.rows * row + (1024 - window.rows) * 7,
            reset=reset if read_pattern.endswith("R1") else 0,
            sample=9 if slow else 1,
            columns=window.columns,
            timing=timing,
            strength=strength,
            start=start,
        )

    def rows(self, integration: int, group: int, rows: slice) -> np.ndarray:
        """Return the waves in some rows of one group, (y, x) float32, DN."""
        timing = self.timing
        begin = integration * (timing.total_frames * self.frame + self.reset)
        begin += group * (timing.n_frames + timing.gap) * self.frame
        pixel = np.arange(rows.start, rows.stop)[:, None] * self.row + np.arange(self.columns) // 4 * self.sample
        total = np.zeros(pixel.shape)
        for frame in range(timing.n_frames):
            seconds = (begin + frame * self.frame + pixel) * TICK
            for frequency, share in FREQUENCIES.values():
                total += share * wave((seconds * frequency + self.start) % 1)
        return (self.strength / timing.n_frames * total).astype(np.float32)


def reference(det: Detector) -> Reference:
    """Return the emicorr reference of a detector, for all its readouts."""
    name = f"simulated_{det.name.lower()}_emicorr.asdf"
    values = {
        "filename": name, "date": START.isoformat(), "model_type": "EmiModel", "reftype": "emicorr",
        "telescope": "JWST", "pedigree": "DUMMY", "useafter": "2020-01-01T00:00:00", "author": "jwgpu.simulate",
        "description": "Simulated emicorr", "instrument.name": det.instrument, "instrument.detector": det.name,
    }  # fmt: skip
    waves = {}
    for label, (frequency, _) in FREQUENCIES.items():
        values[f"frequencies.{label}.frequency"] = frequency
        waves[f"frequencies.{label}.phase_amplitudes"] = wave((np.arange(SAMPLES) + 0.5) / SAMPLES)
    for case, (row, reset) in _CLOCKS.items():
        key = f"subarray_cases.{case}."
        values |= {f"{key}rowclocks": row, f"{key}frameclocks": reset}
        values |= {f"{key}freqs.FAST": tuple(FREQUENCIES), f"{key}freqs.SLOW.{det.name}": tuple(FREQUENCIES)}
    return Reference("emicorr", name, waves, Meta(values))
