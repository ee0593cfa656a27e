"""Levels that the read-out electronics add: drifts of the outputs and 1/f noise."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import fft

from jwgpu.simulate.effects import Effects
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing


@dataclasses.dataclass(frozen=True)
class Levels:
    """Levels of every group; entry `n_groups` is that of the first frame alone.

    Attributes
    ----------
    stripes : (integration, group + 1, y, x / run) float32, DN, or None
        1/f noise, constant over `run` pixels along a row.
    columns : (integration, group + 1, x) float32, DN
        Drifts of the outputs and of odd and even columns.
    run : int
    """

    stripes: np.ndarray | None
    columns: np.ndarray
    run: int

    def rows(self, integration: int, group: int, rows: slice) -> np.ndarray:
        """Return the level of some rows of one group, (y, x), DN."""
        columns = self.columns[integration, group]
        if self.stripes is None:
            return columns[None, :]
        return np.repeat(self.stripes[integration, group, rows], self.run, axis=1) + columns


def pink(rng, streams: int, length: int) -> np.ndarray:
    """Return (streams, length) of 1/f noise with unit variance and zero mean, float32."""
    amplitude = np.arange(length // 2 + 1, dtype=np.float32)
    amplitude[0] = np.inf
    amplitude = amplitude**-0.5
    weight = np.full(amplitude.shape, 2.0)  # every frequency but the last of an even length appears twice
    weight[-1] = 1.0 if length % 2 == 0 else 2.0
    parts = rng.standard_normal((streams, amplitude.size, 2), dtype=np.float32)
    spectrum = (parts[..., 0] + 1j * parts[..., 1]) * amplitude
    variance = np.sum(weight * 2 * amplitude.astype(np.float64) ** 2) / length**2
    variance -= (length % 2 == 0) * float(amplitude[-1]) ** 2 / length**2  # the last has a real part only
    return fft.irfft(spectrum, length, axis=1) / np.float32(max(variance, 1e-30) ** 0.5)


def _run(width: int) -> int:
    """The longest run of pixels up to 32 that divides the width of an output."""
    return max(n for n in range(1, min(32, width) + 1) if width % n == 0)


def _stripes(rng, det: Detector, window: Window, strength: float, run: int) -> np.ndarray:
    """Return the 1/f noise of one frame, (y, x / run), in the science frame."""
    samples = window.columns // window.outputs // run
    noise = pink(rng, window.outputs + 1, max(2, window.rows * samples))[:, : window.rows * samples]
    outputs = strength * (noise[:1] + np.float32(0.6) * noise[1:])
    outputs = outputs.reshape(window.outputs, window.rows, samples)
    outputs[1::2] = outputs[1::2, :, ::-1]  # every second output is read towards the other side
    image = outputs.transpose(1, 0, 2).reshape(window.rows, -1)
    return image[:: 1 if det.slow > 0 else -1, :: 1 if det.fast > 0 else -1]


def _columns(rng, det: Detector, window: Window, drift: float) -> np.ndarray:
    """Return the drift of one frame, (x,)."""
    x = np.arange(window.columns)
    if det.instrument == "MIRI":  # the outputs are interleaved
        return (drift * rng.standard_normal(4)[x % 4]).astype(np.float32)
    output = x * window.outputs // window.columns
    oddeven = np.where((x + window.x) % 2, 1.0, -1.0)
    level = drift * rng.standard_normal(window.outputs)[output] + drift / 3 * rng.standard_normal() * oddeven
    return level.astype(np.float32)


def levels(rng, det: Detector, window: Window, timing: Timing, effects: Effects) -> Levels:
    """Draw the levels of all groups, frame by frame, and average them as the frames are averaged."""
    run = _run(window.columns // window.outputs)
    shape = (timing.n_integrations, timing.n_groups + 1)
    columns = np.zeros((*shape, window.columns), np.float32)
    stripes = np.zeros((*shape, window.rows, window.columns // run), np.float32) if effects.one_over_f else None
    for integration in range(timing.n_integrations):
        for read in range(timing.n_groups * timing.n_frames):
            where = [(integration, read // timing.n_frames, 1 / timing.n_frames)]
            if read == 0:
                where.append((integration, timing.n_groups, 1.0))
            column = _columns(rng, det, window, effects.drift)
            stripe = _stripes(rng, det, window, effects.one_over_f, run) if effects.one_over_f else None
            for i, g, weight in where:
                columns[i, g] += np.float32(weight) * column
                if stripe is not None:
                    stripes[i, g] += np.float32(weight) * stripe
    return Levels(stripes, columns, run)
