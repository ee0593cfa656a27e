"""The segments of one pixel's ramp and the lines fitted to them, as `ramp_fit` sees them."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.data import Ramp, Reference
from jwgpu.numerics.segments import runs
from jwgpu.numerics.slope_pixels import Sampling, blocks


@dataclasses.dataclass(frozen=True)
class Segment:
    """A run of good groups, with the jump it begins with, and the line through it.

    Attributes
    ----------
    start, stop : int
        First group, and one behind the last, counted from 0.
    slope : float
        DN / s.
    intercept : float
        DN, of the line at group 0.
    var_poisson, var_rnoise : float
        Variances of the slope, as `ramp_fit` has them by default; NaN without gain and read noise.
    weight : float
        With which the slope enters that of the integration, relative to those of its other segments.
    """

    start: int
    stop: int
    slope: float
    intercept: float
    var_poisson: float
    var_rnoise: float
    weight: float

    def line(self, groups, group_time: float) -> np.ndarray:
        """Return the counts on the line, DN, at groups counted from 0."""
        return self.intercept + self.slope * group_time * np.asarray(groups, np.float64)


def segments(
    ramp: Ramp, x: int, y: int, integration: int = 0, *, gain: Reference | None = None,
    readnoise: Reference | None = None, unbiased: bool = False,
) -> list[Segment]:  # fmt: skip
    """Return the segments of one integration of the pixel (y, x).

    Parameters
    ----------
    ramp : Ramp
        In DN, with the flags of `jump`. Needs `meta.exposure.group_time`, `frame_time` and `nframes`.
    x, y, integration : int
        Counted from 0.
    gain, readnoise : Reference, optional
        As for `ramp_fit`. Without them, all groups of a segment count alike.
    unbiased : bool
        As in `ramp_fit`; the variances stay those of its default.

    Returns
    -------
    list of Segment
        In order; none where the first group is saturated. Single groups are there only where nothing is longer.
    """
    times = [ramp.meta.require(f"exposure.{name}", "segments") for name in ("group_time", "frame_time", "nframes")]
    sampling = Sampling(float(times[0]), float(times[1]), int(times[2]), 0, ramp.n_groups, False, unbiased)
    weighted = gain is not None and readnoise is not None

    if weighted:
        planes = [_pixel(reference.data, x, y).astype(np.float32) for reference in (gain, readnoise)]
    else:  # read noise without end lets all groups weigh the same
        planes = [np.full((1, 1), value, np.float32) for value in (1.0, np.inf)]
    arrays = (_pixel(ramp.data, x, y), _pixel(ramp.groupdq, x, y), _pixel(ramp.pixeldq, x, y))
    dark = None if ramp.average_dark_current is None else _pixel(ramp.average_dark_current, x, y)
    with np.errstate(all="ignore"):
        _, pixels, *ramps = next(blocks(*arrays, *planes, dark, None, sampling))
        integrations, shared = pixels.prepare(*ramps)
        survey = integrations[integration]
        if bool(survey.dead[0]):
            return []
        found = []
        for at, start, stop in runs(np, survey.flags):
            slope, poisson, read, row = shared.measure(survey.values, at, start, stop, pixels.lone_time(survey))
            _, intercept, _ = shared.intercept(survey.values, at, start, stop, row)
            length = stop - int(start[0])
            if length == 1:
                intercept = survey.values[start[0]] - slope * sampling.group_time * start
            numbers = (slope, intercept, poisson, read)
            found.append((int(start[0]), stop, *(float(a[0]) for a in numbers), max(length**3 - length, 6)))
    total = sum(weight for *_, weight in found)
    unknown = {} if weighted else {"var_poisson": np.nan, "var_rnoise": np.nan}
    return [dataclasses.replace(Segment(*values, weight / total), **unknown) for *values, weight in found]


def _pixel(array, x: int, y: int) -> np.ndarray:
    return backend.to_host(array[..., y : y + 1, x : x + 1]).copy()
