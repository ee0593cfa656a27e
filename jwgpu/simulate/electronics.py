"""Levels that the read-out electronics add: drifts of the outputs and 1/f noise."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import fft

from jwgpu.simulate.effects import Effects
from jwgpu.simulate.emi import Interference
from jwgpu.simulate.glow import Glow
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing

FALL = 0.5  # share by which the cyclic bias falls from the first to the last row that is reset at a time


@dataclasses.dataclass(frozen=True)
class Levels:
    """Levels of every group; entry `n_groups` is that of the first frame alone.

    Attributes
    ----------
    stripes : (integration, group + 1, slow, fast / run) float32, DN, or None
        1/f noise, constant over `run` pixels along the fast axis.
    columns : (integration, group + 1, fast) float32, DN
        Drifts of the outputs and of odd and even columns, as the electronics know them.
    run : int
    turned : bool
        The fast axis runs along y.
    cycles : (integration, slow) float32, DN, or None
        Bias of rows that were reset just before an integration.
    emi : Interference or None
    glow : Glow or None
    """

    stripes: np.ndarray | None
    columns: np.ndarray
    run: int
    turned: bool = False
    cycles: np.ndarray | None = None
    emi: Interference | None = None
    glow: Glow | None = None

    def rows(self, integration: int, group: int, rows: slice) -> np.ndarray:
        """Return the level of some rows of one group, (y, x), DN."""
        level = self._drifts(integration, group, rows)
        if self.emi is not None:
            level = level + self.emi.rows(integration, group, rows)
        if self.glow is not None:
            level = level + self.glow.rows(integration, group, rows)
        if self.cycles is None:
            return level
        cycle = self.cycles[integration]
        return level + (cycle[None, :] if self.turned else cycle[rows, None])

    def _drifts(self, integration: int, group: int, rows: slice) -> np.ndarray:
        """Return the drifts and 1/f noise of some rows of one group, (y, x) or what spreads to it, DN."""
        columns = self.columns[integration, group]
        if self.turned:
            own = columns[rows, None]
            if self.stripes is None:
                return own
            return self.stripes[integration, group][:, np.arange(rows.start, rows.stop) // self.run].T + own
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


def _axes(det: Detector, window: Window) -> tuple[int, int]:
    """Return the number of pixels of a window along the fast and along the slow axis."""
    return (window.columns, window.rows) if abs(det.fast) == 1 else (window.rows, window.columns)


def _stripes(rng, det: Detector, window: Window, strength: float, run: int) -> np.ndarray:
    """Return the 1/f noise of one frame, (slow, fast / run), both in the direction of the science frame."""
    fast, slow = _axes(det, window)
    samples = fast // window.outputs // run
    noise = pink(rng, window.outputs + 1, max(2, slow * samples))[:, : slow * samples]
    outputs = strength * (noise[:1] + np.float32(0.6) * noise[1:])
    outputs = outputs.reshape(window.outputs, slow, samples)
    outputs[1::2] = outputs[1::2, :, ::-1]  # every second output is read towards the other side
    image = outputs.transpose(1, 0, 2).reshape(slow, -1)
    return image[:: 1 if det.slow > 0 else -1, :: 1 if det.fast > 0 else -1]


def _columns(rng, det: Detector, window: Window, drift: float) -> np.ndarray:
    """Return the drift of one frame, (fast,)."""
    fast, _ = _axes(det, window)
    start = window.x if abs(det.fast) == 1 else window.y
    x = np.arange(fast)
    if det.instrument == "MIRI":  # the outputs are interleaved
        return (drift * rng.standard_normal(4)[x % 4]).astype(np.float32)
    output = x * window.outputs // fast
    oddeven = np.where((x + start) % 2, 1.0, -1.0)
    level = drift * rng.standard_normal(window.outputs)[output] + drift / 3 * rng.standard_normal() * oddeven
    return level.astype(np.float32)


def levels(rng, det: Detector, window: Window, timing: Timing, effects: Effects) -> Levels:
    """Draw the levels of all groups, frame by frame, and average them as the frames are averaged."""
    fast, slow = _axes(det, window)
    run = _run(fast // window.outputs)
    shape = (timing.n_integrations, timing.n_groups + 1)
    columns = np.zeros((*shape, fast), np.float32)
    stripes = np.zeros((*shape, slow, fast // run), np.float32) if effects.one_over_f else None
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
    return Levels(stripes, columns, run, abs(det.fast) == 2, _cycles(det, window, timing, effects))


def _cycles(det: Detector, window: Window, timing: Timing, effects: Effects) -> np.ndarray | None:
    """Return the cyclic bias pattern of every integration, (integration, slow), as the science frame has it.

    Before each integration the next `cyclic_rows` rows of the detector are reset; they read more, the first of them
    the most.
    """
    if not effects.cyclic_bias:
        return None
    _, slow = _axes(det, window)
    size, origin = (det.shape[0], window.y - 1) if abs(det.slow) == 2 else (det.shape[1], window.x - 1)
    row = np.arange(slow) + (origin if det.slow > 0 else size - origin - slow)
    turn, place = row // effects.cyclic_rows, row % effects.cyclic_rows / effects.cyclic_rows
    just_reset = turn == np.arange(timing.n_integrations)[:, None] % -(-size // effects.cyclic_rows)
    pattern = effects.cyclic_bias * (1 - FALL * place) * just_reset
    return pattern[:, :: 1 if det.slow > 0 else -1].astype(np.float32)
