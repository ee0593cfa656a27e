"""The picture frame of NIRSpec: a thermal glow along the edges of a detector, and the reference that corrects it."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.timing import Timing

REACH = 40.0  # pixels in which the glow falls to 1/e
SLANT = 0.2  # how much stronger it is in one corner than in the middle
UNSTEADY = 0.1  # scatter of its strength from group to group, in units of its mean growth
REFERENCE_NOISE = 0.002  # of the reference, in units of the glow at the border; what averaging many darks leaves


def shows(det: Detector, window: Window) -> bool:
    """Say whether a window shows a picture frame."""
    return det.instrument == "NIRSPEC" and window.name == "FULL"


def pattern(reference: np.ndarray) -> np.ndarray:
    """Return the glow, (y, x) float32: 1 at the middle of the border, nothing in `reference` pixels."""
    rows, columns = reference.shape
    y, x = np.ogrid[:rows, :columns]
    distance = np.minimum(np.minimum(y, rows - 1 - y), np.minimum(x, columns - 1 - x))
    uneven = 1 + SLANT * (y / (rows - 1) + x / (columns - 1) - 1)
    return np.where(reference, 0, uneven * np.exp(-distance / REACH)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Glow:
    """The glow of every group; entry `n_groups` is that of the first frame alone.

    Attributes
    ----------
    pattern : (y, x) float32
    strength : (integration, group + 1) float32, DN
    """

    pattern: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, rng, reference: np.ndarray, timing: Timing, rate: float) -> Glow:
        """Draw a glow that grows by `rate` (DN / s) on the whole, not evenly."""
        middle = (timing.n_frames + 1) / 2 * timing.frame_time
        times = np.append(middle + np.arange(timing.n_groups) * timing.group_time, timing.frame_time)
        uneven = UNSTEADY * timing.group_time * rng.standard_normal((timing.n_integrations, times.size))
        return cls(pattern(reference), (rate * (times + uneven)).astype(np.float32))

    def rows(self, integration: int, group: int, rows: slice) -> np.ndarray:
        """Return the glow in some rows of one group, (y, x), DN."""
        return self.pattern[rows] * self.strength[integration, group]


def reference(rng, detector: np.ndarray) -> dict:
    """Return the arrays of the pictureframe reference, for the `detector`'s map of reference pixels."""
    noise = np.float32(REFERENCE_NOISE) * rng.standard_normal(detector.shape, dtype=np.float32)
    return {"data": pattern(detector) + noise * ~detector}
