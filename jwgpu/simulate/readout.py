"""Collect charge and read it out: the ramp of every pixel.

The detector is worked off in blocks of rows, each with its own random stream, so that the result depends neither on
the number of threads nor on their order, and the working arrays stay in the processor's cache.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from jwgpu import backend
from jwgpu.simulate.effects import Effects
from jwgpu.simulate.electronics import Levels
from jwgpu.simulate.rays import Deposits
from jwgpu.simulate.sensor import CEILING, KERNEL, Sensor, linearized, measured
from jwgpu.simulate.timing import Timing
from jwgpu.simulate.transients import Transients

BLOCK_PIXELS = 65536
FAINT = 40.0  # electrons in one interval up to which counts are drawn from the Poisson distribution itself
ADC_MAXIMUM = 65535.0


class Arrivals:
    """Numbers of electrons that arrive in one interval.

    Exact Poisson deviates up to a mean of 40; above, a normal deviate z with the second-order Cornish-Fisher term,
    mean + sqrt(mean - 1/18) z + (z^2 - 1) / 6, which has the Poisson mean, variance and skewness (to 1/mean).
    """

    def __init__(self, mean: np.ndarray, noisy: bool):
        self.shape = mean.shape
        self.mean = mean
        self.noisy = noisy
        flat = mean.ravel()
        self.bright = np.flatnonzero(flat > FAINT)
        self.bright_mean = flat[self.bright]
        self.width = np.sqrt(np.maximum(self.bright_mean - np.float32(1 / 18), 0))
        # float64 is what the generator takes
        self.faint = flat.astype(np.float64) if self.bright.size < flat.size else None
        if self.faint is not None:
            self.faint[self.bright] = 0

    def draw(self, rng) -> np.ndarray:
        """Return the electrons of one interval, float32."""
        if not self.noisy:
            return self.mean
        if self.faint is None:
            count = np.empty(self.mean.size, np.float32)
        else:
            count = rng.poisson(self.faint).astype(np.float32)
        if self.bright.size:
            z = rng.standard_normal(self.bright.size, dtype=np.float32)
            count[self.bright] = self.bright_mean + self.width * z + (z * z - 1) / np.float32(6)
        return count.reshape(self.shape)


class Block:
    """Some rows of the detector through the whole exposure."""

    def __init__(self, sensor: Sensor, rate: np.ndarray, rows: slice, timing: Timing, effects: Effects):
        self.rows, self.timing, self.effects = rows, timing, effects
        after_reset = effects.reset_anomaly or effects.rscd or effects.first_frame or effects.last_frame
        self.transients = Transients(sensor, rows, timing, effects) if after_reset else None
        self.last_signal = None
        self.bias, self.gain, self.curvature = sensor.bias[rows], sensor.gain[rows], sensor.curvature[rows]
        self.read_noise = sensor.read_noise[rows] * effects.read_noise
        self.reference = sensor.reference[rows]
        self.nonlinear = sensor.nonlinear
        self.ceiling = None
        if effects.saturate:
            self.ceiling = np.minimum(sensor.saturation[rows] * CEILING, ADC_MAXIMUM) - self.bias
        self.origin = self.bias if sensor.raw_curve else None
        self.origin_linear = linearized(self.bias, self.curvature) if sensor.raw_curve else None
        mean = (rate[rows] + sensor.dark[rows]) * np.float32(timing.frame_time)
        self.one_frame = Arrivals(mean, effects.poisson)
        self.after_gap = self.one_frame
        if timing.gap:
            self.after_gap = Arrivals(mean * np.float32(timing.gap + 1), effects.poisson)

    def signal(self, charge: np.ndarray) -> np.ndarray:
        """Return what one frame shows of `charge` (electron) above the bias, DN."""
        if self.effects.ipc:
            charge = ndimage.convolve(charge, KERNEL, mode="nearest")
        level = charge / self.gain
        if self.nonlinear and self.origin is not None:
            level = measured(level + self.origin_linear, self.curvature) - self.origin
        elif self.nonlinear:
            level = measured(level, self.curvature)
        if self.ceiling is not None:
            np.minimum(level, self.ceiling, out=level)
        level[self.reference] = 0
        return level

    def noise(self, rng, frames: int) -> np.ndarray:
        """Return the summed read noise of some frames, DN."""
        if not self.effects.read_noise:
            return np.float32(0)
        return self.read_noise * rng.standard_normal(self.bias.shape, dtype=np.float32) * np.float32(frames**0.5)

    def integrate(self, rng, deposits, integration: int, levels: Levels, out: np.ndarray, zero) -> None:
        """Fill `out` (group, y, x) and `zero` (y, x) with one integration."""
        timing, rows = self.timing, self.rows
        charge = np.zeros(self.bias.shape, np.float32)
        start = self.bias
        if self.effects.reset_noise:
            kick = np.float32(self.effects.reset_noise) * rng.standard_normal(self.bias.shape, dtype=np.float32)
            kick[self.reference] = 0
            start = start + kick
        for group in range(timing.n_groups):
            total = np.zeros(self.bias.shape, np.float32)
            for frame in range(timing.n_frames):
                interval = self.after_gap if group and not frame else self.one_frame
                charge += interval.draw(rng)
                flat, extra = deposits(integration, group * timing.n_frames + frame)
                np.add.at(charge.reshape(-1), flat, extra)
                level = self.signal(charge)
                total += level
                if self.transients is not None:
                    read = group * timing.n_frames + frame
                    total += self.transients.at(integration, read, self.last_signal)
                if zero is not None and group == frame == 0:
                    total += self.noise(rng, 1)
                    zero[:] = start + total + levels.rows(integration, timing.n_groups, rows)
            noisy = timing.n_frames - (zero is not None and group == 0)
            if noisy:
                total += self.noise(rng, noisy)
            out[group] = start + total / np.float32(timing.n_frames) + levels.rows(integration, group, rows)
        self.last_signal = level
        for array in (out, zero):
            if array is not None and self.effects.quantize:
                np.rint(array, out=array)
                np.clip(array, 0, ADC_MAXIMUM, out=array)


def _finder(deposits: Deposits, rows: slice, columns: int, reads: int):
    """Return a function (integration, read) -> flat indices into the block and their charge."""
    mine = (deposits.y >= rows.start) & (deposits.y < rows.stop)
    key = deposits.integration[mine].astype(np.int64) * reads + deposits.read[mine]
    order = np.argsort(key, kind="stable")
    key = key[order]
    flat = ((deposits.y[mine] - rows.start).astype(np.int64) * columns + deposits.x[mine])[order]
    charge = deposits.charge[mine][order]

    def find(integration: int, read: int):
        first, last = np.searchsorted(key, [integration * reads + read, integration * reads + read + 1])
        return flat[first:last], charge[first:last]

    return find


def read_out(
    sensor: Sensor, rate, timing: Timing, effects: Effects, deposits: Deposits, levels: Levels, seed, zero_frame: bool
):
    """Return data (integration, group, y, x) and zero frames (integration, y, x) or None, float32, DN.

    Parameters
    ----------
    rate : (y, x) float32
        Detected light, electron / s.
    seed : numpy.random.SeedSequence
    """
    ny, nx = sensor.shape
    per_block = ny if effects.ipc else max(1, BLOCK_PIXELS // nx)  # neighbours across a border would be missed
    blocks = [slice(y, min(y + per_block, ny)) for y in range(0, ny, per_block)]
    data = np.empty((timing.n_integrations, timing.n_groups, ny, nx), np.float32)
    zero = np.empty((timing.n_integrations, ny, nx), np.float32) if zero_frame else None

    def run(job):
        rows, child = job
        rng = np.random.Generator(np.random.SFC64(child))
        block = Block(sensor, rate, rows, timing, effects)
        find = _finder(deposits, rows, nx, timing.n_groups * timing.n_frames)
        for i in range(timing.n_integrations):
            block.integrate(rng, find, i, levels, data[i, :, rows], None if zero is None else zero[i, rows])

    backend.each(run, zip(blocks, seed.spawn(len(blocks))))
    return data, zero
