"""What MIRI's resets do to the reads around them: reset anomaly, RSCD, first and last frame; and what corrects it."""

from __future__ import annotations

import numpy as np

from jwgpu.simulate.effects import Effects
from jwgpu.simulate.instruments import READ_PATTERNS, SUBARRAYS, Detector, Window
from jwgpu.simulate.sensor import Sensor
from jwgpu.simulate.timing import Timing

ANOMALY_SHARES = (1.0, 0.7, 0.6)  # of the first integration, the second, all later ones
ANOMALY_READS = 15  # reads after which it is gone
ANOMALY_DECAY, RSCD_DECAY = 3.0, 1.0  # reads in which anomaly and RSCD fall to 1/e
GROUP_SKIP = (1, 4)  # groups that the rscd reference has flagged in the first integration, and in later ones
REFERENCE_NOISE = 0.3  # DN; what averaging many darks leaves

_TABLE = np.dtype([("subarray", "U17"), ("readpatt", "U12"), ("group_skip1", "i4"), ("group_skip", "i4")])


def anomaly_shape(read: int, integration: int) -> np.float32:
    """Return the reset anomaly at a read of an integration, both counted from 0, in units of its strength."""
    share = ANOMALY_SHARES[min(integration, len(ANOMALY_SHARES) - 1)]
    return np.float32(share * np.exp(-read / ANOMALY_DECAY)) if read < ANOMALY_READS else np.float32(0)


class Transients:
    """The effects in some rows of a detector."""

    def __init__(self, sensor: Sensor, rows: slice, timing: Timing, effects: Effects):
        self.anomaly, self.active = sensor.anomaly[rows], ~sensor.reference[rows]
        self.lifted = rows.start % 2  # the first row that the last frame spares
        self.last_read = timing.n_groups * timing.n_frames - 1
        self.effects = effects

    def at(self, integration: int, read: int, before: np.ndarray | None) -> np.ndarray:
        """Return what a read has too much, (y, x) float32, DN.

        `before` (y, x) is the signal at the end of the integration before, DN.
        """
        extra = self.anomaly * -anomaly_shape(read, integration)
        if before is not None:
            extra += before * np.float32(self.effects.rscd * np.exp(-(read + 1) / RSCD_DECAY))
        if read == 0:
            extra -= np.float32(self.effects.first_frame)
        if read == self.last_read:
            extra[self.lifted :: 2] -= np.float32(self.effects.last_frame)
        return extra * self.active


def reference_output(seed, det: Detector, window: Window, timing: Timing, effects: Effects) -> np.ndarray:
    """Return the fifth output, which sees no pixels, (integration, group, y, x / 4) float32, DN."""
    rng = np.random.default_rng(seed)
    shape = timing.n_integrations, timing.n_groups, window.rows, window.columns // 4
    noise = np.float32(effects.read_noise * det.read_noise / det.gain / timing.n_frames**0.5)
    values = noise * rng.standard_normal(shape, dtype=np.float32)
    values += np.float32(det.bias) + np.float32(effects.drift) * rng.standard_normal((*shape[:2], 1, 1), np.float32)
    return np.clip(np.rint(values), 0, 65535) if effects.quantize else values


def references(rng, sensor: Sensor, timing: Timing) -> dict[str, tuple[dict, dict]]:
    """Return reference type: (arrays, metadata of its own) of what corrects the effects."""
    n_frames = timing.n_frames
    shape = len(ANOMALY_SHARES), -(-ANOMALY_READS // n_frames), *sensor.shape
    data = np.float32(REFERENCE_NOISE) * rng.standard_normal(shape, dtype=np.float32) * ~sensor.reference
    for integration, groups in enumerate(data):
        for group, plane in enumerate(groups):
            reads = range(group * n_frames, (group + 1) * n_frames)
            plane -= sensor.anomaly * np.mean([anomaly_shape(r, integration) for r in reads], dtype=np.float32)
    reset = {"data": data, "dq": np.zeros(sensor.shape, np.uint32)}
    known = {"exposure.nints": shape[0], "exposure.ngroups": shape[1]}
    return {"reset": (reset, known), "rscd": ({"rscd_group_skip_table": _group_skip()}, {})}


def _group_skip() -> np.ndarray:
    lines = [
        (subarray, pattern, *GROUP_SKIP)
        for subarray in ("FULL", *SUBARRAYS["MIRI"])
        for pattern in READ_PATTERNS["MIRI"]
    ]
    return np.array(lines, _TABLE)
