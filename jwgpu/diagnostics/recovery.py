"""How well a rate recovers a known truth, by flux."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL, Image

EDGES = (0.0, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0, np.inf)
"""Limits of the flux levels, DN / s."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One flux level: its limits (DN / s), the number of good pixels, and the residuals rate - truth.

    `residual` is the median residual (DN / s), `pull` the median of (rate - truth) / error, and `width` half the range
    that holds the central 68% of the pulls: 1 for honest errors.
    """

    low: float
    high: float
    pixels: int
    residual: float
    pull: float
    width: float


def pulls(rate: Image, truth_rate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mask (y, x) of good pixels and their pulls, (rate - truth) / error."""
    data, err, dq = (backend.to_host(a) for a in (rate.data, rate.err, rate.dq))
    good = (dq & (PIXEL.DO_NOT_USE | PIXEL.REFERENCE_PIXEL | PIXEL.SATURATED) == 0) & np.isfinite(data) & (err > 0)
    return good, (data[good] - truth_rate[good]) / err[good]


def recovery(rate: Image, truth_rate: np.ndarray, least: int = 50) -> list[Level]:
    """Return the residuals of each flux level that holds at least `least` good pixels.

    Parameters
    ----------
    rate : Image
        (y, x), DN / s.
    truth_rate : (y, x), DN / s
    """
    good, pull = pulls(rate, truth_rate)
    truth, residual = truth_rate[good], backend.to_host(rate.data)[good] - truth_rate[good]
    levels = []
    for low, high in itertools.pairwise(EDGES):
        here = (truth >= low) & (truth < high)
        if here.sum() >= least:
            left, middle, right = np.percentile(pull[here], [15.865, 50, 84.135])
            levels.append(
                Level(low, high, int(here.sum()), float(np.median(residual[here])), float(middle), (right - left) / 2)
            )
    return levels


def text(levels: list[Level]) -> str:
    """Return the levels as a table."""
    lines = [f"{'true rate (DN/s)':>18} {'pixels':>9} {'median residual':>16} {'median pull':>12} {'width':>7}"]
    for level in levels:
        limits = f"{level.low:g} to {level.high:g}" if np.isfinite(level.high) else f"above {level.low:g}"
        lines.append(
            f"{limits:>18} {level.pixels:>9} {level.residual:>+16.4f} {level.pull:>+12.3f} {level.width:>7.3f}"
        )
    return "\n".join(lines)
