"""Why the groups of a pixel are flagged, in words, from the ramp and the records of its steps."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.data import GROUP, Ramp, Reference

_BAD = GROUP.DO_NOT_USE | GROUP.SATURATED
_THRESHOLD = 4.0
_WORDS = {
    "CHARGELOSS": "charge_migration: signal so high that charge flows to the neighbours",
    "AD_FLOOR": "at the lowest number that the converter gives",
    "DROPOUT": "data were lost",
}


@dataclasses.dataclass(frozen=True)
class Differences:
    """The differences of neighbouring groups of one pixel, as `jump` compares them.

    Attributes
    ----------
    values : (group - 1,) float64, electron
    usable : (group - 1,) bool
        Both groups are good; a jump does not spoil a difference.
    median, sigma : float, electron
        Of the usable differences of all integrations; NaN without a read noise.
    threshold : float
        Sigma at which a difference counts as a jump.
    """

    values: np.ndarray
    usable: np.ndarray
    median: float
    sigma: float
    threshold: float

    @property
    def strength(self) -> np.ndarray:
        """Distance of each difference from the median, in sigma."""
        return (self.values - self.median) / self.sigma


def differences(
    ramp: Ramp, x: int, y: int, integration: int, gain: Reference | None, readnoise: Reference | None
) -> Differences:
    """Return the differences of one pixel; in DN, without sigma, where there is no gain or no read noise."""
    known = gain is not None and readnoise is not None
    scale = _value(gain, x, y) if known else 1.0
    data = backend.to_host(ramp.data[:, :, y, x]).astype(np.float64) * scale
    groupdq = backend.to_host(ramp.groupdq[:, :, y, x])
    good = (groupdq & _BAD) == 0
    steps, usable = np.diff(data, axis=1), good[:, 1:] & good[:, :-1]
    # As `jump` does with one integration to look at; with jumps left out the median is not pulled by them.
    calm = usable & ((groupdq[:, 1:] & GROUP.JUMP_DET) == 0)
    of = steps[calm] if calm.any() else steps[usable]
    median = float(np.median(of)) if of.size else np.nan
    noise = _value(readnoise, x, y) * scale if known else np.nan
    sigma = float(np.sqrt(abs(median) + noise**2 / float(ramp.meta.get("exposure.nframes", 1))))
    return Differences(steps[integration], usable[integration], median, sigma, _threshold(ramp))


def reasons(
    ramp: Ramp, x: int, y: int, integration: int, found: Differences, first_row: int = 0
) -> list[tuple[int, str, str]]:
    """Return (group counted from 1, flags, why) for each flagged group of a pixel."""
    groupdq = backend.to_host(ramp.groupdq[integration, :, y, x])
    flags = [GROUP.names(value) for value in groupdq]
    return [
        (
            g + 1,
            " ".join(names),
            "; ".join(filter(None, (_why(n, g, ramp, x, y, integration, found, first_row) for n in names))),
        )
        for g, names in enumerate(flags)
        if names
    ]


def _why(
    name: str, group: int, ramp: Ramp, x: int, y: int, integration: int, found: Differences, first_row: int
) -> str:
    if name == "JUMP_DET":
        return _of_jump(group, ramp, x, y, integration, found, first_row)
    if name == "SATURATED":
        done = _done(ramp, "saturation")
        return "at the full well, or after a group that was, or beside one" if done else "set before"
    if name == "DO_NOT_USE":
        culprit = next((s for s in ("firstframe", "lastframe", "rscd", "reset") if _done(ramp, s)), None)
        last = group == ramp.n_groups - 1
        if last and _done(ramp, "lastframe"):
            return "the last group, which lastframe leaves out"
        if culprit and group == 0:
            return f"the first group, which {culprit} leaves out"
        return "not usable in this pixel"
    return _WORDS.get(name, "")


def _of_jump(group: int, ramp: Ramp, x: int, y: int, integration: int, found: Differences, first_row: int) -> str:
    if group == 0:
        return "flagged together with the groups after it"
    strength = found.strength[group - 1]
    if np.isfinite(strength) and abs(strength) > found.threshold:
        return f"its step up is {strength:+.1f} sigma from the median; the threshold is {found.threshold:g}"
    rows, columns = ramp.shape[-2:]
    around = [(y + dy, x + dx) for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    for row, column in around:
        if 0 <= row < rows and 0 <= column < columns:
            value = int(backend.to_host(ramp.groupdq[integration, group : group + 1, row, column])[0])
            if value & int(GROUP.JUMP_DET):
                words = f" ({strength:+.1f} sigma itself)" if np.isfinite(strength) else ""
                return f"its neighbour x={column}, y={row + first_row} is flagged in the same group{words}"
    return "flagged after an earlier jump, or by a snowball or a shower"


def _threshold(ramp: Ramp) -> float:
    for record in ramp.history:
        if record.step == "jump" and record.status == "COMPLETE":
            return float(record.parameters.get("rejection_threshold", _THRESHOLD))
    return _THRESHOLD


def _done(ramp: Ramp, step: str) -> bool:
    return any(record.step == step and record.status == "COMPLETE" for record in ramp.history)


def _value(reference: Reference, x: int, y: int) -> float:
    return float(backend.to_host(reference.data[y : y + 1, x : x + 1])[0, 0])
