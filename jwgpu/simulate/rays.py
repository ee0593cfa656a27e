"""Cosmic rays and snowballs: charge that arrives at once."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.simulate.timing import Timing

SNOWBALL = np.dtype([("integration", "i4"), ("group", "i4"), ("y", "f4"), ("x", "f4"), ("radius", "f4")])
_STEP = 0.25  # pixels between the points at which a track leaves charge


@dataclasses.dataclass(frozen=True)
class Deposits:
    """Charge left in single pixels.

    Attributes
    ----------
    integration, read, y, x : (n,) int32
        Where, and the first frame read out after the arrival (counted over the frames that are read).
    charge : (n,) float32, electron
    snowballs : structured array
        integration, first group affected, centre (pixels), radius of the saturated core (pixels).
    """

    integration: np.ndarray
    read: np.ndarray
    y: np.ndarray
    x: np.ndarray
    charge: np.ndarray
    snowballs: np.ndarray

    def hits(self, timing: Timing, least: float) -> tuple[np.ndarray, np.ndarray]:
        """Return (n, 4) rows (integration, group, y, x) and the charge of the hits above `least` electrons."""
        rows = np.stack([self.integration, self.read // timing.n_frames, self.y, self.x], axis=1)
        unique, which = np.unique(rows, axis=0, return_inverse=True)
        charge = np.bincount(which.ravel(), self.charge, len(unique)).astype(np.float32)
        keep = charge > least
        return unique[keep].astype(np.int32), charge[keep]


def tracks(rng, n: int, shape: tuple[int, int]):
    """Return event number, y, x, charge of the points along `n` straight tracks."""
    ny, nx = shape
    length = 1 + rng.exponential(1.6, n)
    angle = rng.uniform(0, np.pi, n)
    x0, y0 = rng.uniform(0, nx, n), rng.uniform(0, ny, n)
    per_pixel = np.exp(rng.normal(6.6, 1.0, n))
    steps = np.arange(0, 12, _STEP)
    event, point = np.nonzero(steps < length[:, None])
    x = np.floor(x0[event] + np.cos(angle[event]) * steps[point]).astype(np.int32)
    y = np.floor(y0[event] + np.sin(angle[event]) * steps[point]).astype(np.int32)
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    return event[inside], y[inside], x[inside], (_STEP * per_pixel[event])[inside]


def _snowball(rng, shape: tuple[int, int]):
    """Return y, x, charge of the pixels of one snowball, and its centre and core radius.

    A saturated core, a bright rim and a faint halo, both exponential.
    """
    ny, nx = shape
    cx, cy = rng.uniform(0.1 * nx, 0.9 * nx), rng.uniform(0.1 * ny, 0.9 * ny)
    core = rng.uniform(3, 11) * min(1.0, min(shape) / 256 + 0.2)
    squash = rng.uniform(0.9, 1.1)
    reach = int(core * 5) + 6
    y, x = np.mgrid[max(int(cy) - reach, 0):min(int(cy) + reach, ny),
                    max(int(cx) - reach, 0):min(int(cx) + reach, nx)]  # fmt: skip
    outside = np.hypot(x - cx, (y - cy) * squash) - core
    rim = 2.2e4 * np.exp(-np.maximum(outside, 0) / (0.35 * core + 0.6))
    halo = 260 * np.exp(-np.maximum(outside, 0) / (1.1 * core))
    charge = np.where(outside < 0, 3e5, rim + halo)
    seen = charge > 5
    return y[seen], x[seen], charge[seen], (cy, cx, core)


def deposits(rng, timing: Timing, active: np.ndarray, pitch: float, cosmic_rays: float, snowballs: float) -> Deposits:
    """Draw everything that hits the detector during an exposure.

    Parameters
    ----------
    active : (y, x) bool
        Pixels that collect charge.
    pitch : float
        Pixel pitch, cm.
    cosmic_rays : float
        Events / cm^2 / s.
    snowballs : float
        Mean number per integration.
    """
    shape = active.shape
    area = active.size * pitch**2
    parts, balls = [], []
    for integration in range(timing.n_integrations):
        n = rng.poisson(cosmic_rays * area * timing.frame_time * timing.total_frames)
        event, y, x, charge = tracks(rng, n, shape)
        read = timing.read_after(rng.integers(0, timing.total_frames, n))[event]
        parts.append((np.full(len(y), integration), read, y, x, charge))
        for _ in range(rng.poisson(snowballs)):
            read = timing.read_after(rng.integers(min(1, timing.total_frames - 1), timing.total_frames, 1))
            y, x, charge, (cy, cx, core) = _snowball(rng, shape)
            parts.append((np.full(len(y), integration), np.full(len(y), read[0]), y, x, charge))
            balls.append((integration, read[0] // timing.n_frames, cy, cx, core))
    integration, read, y, x, charge = (np.concatenate(column) for column in zip(*parts))
    on = active[y, x]
    return Deposits(
        *(a[on].astype(np.int32) for a in (integration, read, y, x)),
        charge[on].astype(np.float32),
        np.array(balls, dtype=SNOWBALL),
    )
