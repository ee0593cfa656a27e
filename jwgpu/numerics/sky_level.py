"""The level of the sky in an image: statistics of what sigma clipping leaves, as IRAF and stsci.imagestats take them.

With mean m and standard deviation s of the values within l .. u, the next l .. u is m - k s .. m + k s, a number of
times. The mode is the top of a parabola through the three bins around the fullest of a histogram, bins b s wide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np

from jwgpu.backend import each, namespace, to_host

Kind = Literal["median", "midpt", "mean", "mode"]

_TENTH = 10
_SAMPLE = 1 << 14
"""Values that are looked at to find out where the bulk of all lies."""

_NARROWEST = 10 * float(np.finfo(np.float32).eps)
_MOST_BINS = 1 << 24


@dataclasses.dataclass(frozen=True)
class Statistic:
    """Which statistic, of which values: `skystat`, `lower`, `upper`, `nclip`, `lsigma`, `usigma`, `binwidth`."""

    skystat: Kind = "mode"
    lower: float | None = None
    upper: float | None = None
    nclip: int = 5
    lsigma: float = 4.0
    usigma: float = 4.0
    binwidth: float = 0.1


class Level(NamedTuple):
    """A level, and how many pixels it was taken from; None of none."""

    value: float | None
    n: int


class Moments(NamedTuple):
    """Number, sum and sum of squares of values less a pivot, smallest and largest."""

    n: int
    first: float
    second: float
    least: float
    most: float

    def __add__(self, other: Moments) -> Moments:
        n, first, second = (a + b for a, b in zip(self[:3], other[:3]))
        return Moments(n, first, second, min(self.least, other.least), max(self.most, other.most))


_NONE = Moments(0, 0.0, 0.0, np.inf, -np.inf)


def level(parts: Iterable, statistic: Statistic) -> Level:
    """Return the level of the sky.

    Parameters
    ----------
    parts : sequence of float32 arrays of any shape
        The values, in parts that fit into the cache of a processor; NaN take no part.
    statistic : Statistic
    """
    values = Values(list(parts))
    if not values.total.n:
        return Level(None, 0)
    lower = values.total.least if statistic.lower is None else statistic.lower
    upper = values.total.most if statistic.upper is None else statistic.upper
    low, high = lower, upper
    for turn in range(statistic.nclip + 1):
        if turn:
            # Limits and moments have the precision that the official numbers rest on.
            low = max(lower, mean - statistic.lsigma * deviation)
            high = min(upper, mean + statistic.usigma * deviation)
        low, high = float(np.float32(low)), float(np.float32(high))
        found = values.within(low, high)
        if not found.n:
            return Level(None, 0)
        mean, deviation = values.mean_and_deviation(found)
    if statistic.skystat == "mean":
        return _finite(mean, found.n)
    if statistic.skystat == "median":
        return _finite(values.median(*((low, high) if statistic.nclip else (-np.inf, np.inf))), found.n)
    return _finite(_from_histogram(values, found, statistic, deviation), found.n)


def _finite(value: float, n: int) -> Level:
    return Level(float(value), n) if np.isfinite(value) else Level(None, 0)


class Values:
    """Values in parts, of which moments within limits are asked for again and again.

    What lies within the limits nearly always, the bulk, is summed up once; what lies outside of it is kept.
    """

    def __init__(self, parts: list):
        self.parts = [p for p in parts if p.size]
        self.xp = namespace(*self.parts) if self.parts else np
        self.pivot, self._low, self._high = self._bulk()
        rest, sums = [None] * len(self.parts), [_NONE] * len(self.parts)

        def look(k):
            part = self.parts[k]
            inside = (part >= self._low) & (part <= self._high)
            sums[k] = self._bulk_moments(part, inside)
            rest[k] = part[~(inside | self.xp.isnan(part))]

        self._each(look)
        self._core = sum(sums, _NONE)
        self._rest = self.xp.concatenate(rest) if rest else np.empty(0, np.float32)
        self.total = self._core + self._moments(self._rest)

    def _each(self, work: Callable) -> None:
        if self.xp is np:
            each(work, range(len(self.parts)))
        else:
            for k in range(len(self.parts)):
                work(k)

    def _bulk(self) -> tuple[float, np.float32, np.float32]:
        """Return the median of some of the values, and the limits between which most of them lie."""
        xp = self.xp
        n = sum(p.size for p in self.parts)
        step = max(n // _SAMPLE, 1)
        some = xp.concatenate([p.ravel()[k % step :: step] for k, p in enumerate(self.parts)]) if n else np.empty(0)
        some = xp.sort(some[~xp.isnan(some)])
        if not some.size:
            return 0.0, np.float32(0), np.float32(0)
        at = [some.size // _TENTH, some.size // 2, some.size - 1 - some.size // _TENTH]
        low, middle, high = to_host(some[xp.asarray(at)])
        return float(middle), low, high

    def _bulk_moments(self, part, inside) -> Moments:
        """Return the moments of the bulk of a part; its limits are values."""
        xp = self.xp
        offset = xp.where(inside, self._offset(part), 0).ravel()
        n, first, second = self._numbers(xp.count_nonzero(inside), offset.sum(), offset @ offset)
        return Moments(int(n), first, second, float(self._low), float(self._high)) if n else _NONE

    def _moments(self, values) -> Moments:
        """Return the moments of all of some values (n,)."""
        if not values.size:
            return _NONE
        offset = self._offset(values)
        return Moments(
            values.size, *self._numbers(offset.sum(), offset @ offset, values.min(), values.max())
        )

    def _offset(self, values):
        # float64: a level is wanted to a millionth of the noise
        return self.xp.subtract(values, self.pivot, dtype=np.float64)

    def _numbers(self, *scalars) -> list[float]:
        if self.xp is np:
            return [float(v) for v in scalars]
        return to_host(self.xp.stack([self.xp.asarray(v, np.float64) for v in scalars])).tolist()

    def within(self, low: float, high: float) -> Moments:
        """Return the moments of the values within limits, both included."""
        if low <= self._low and high >= self._high:
            rest = self._rest
            return self._core + self._moments(rest[(rest >= low) & (rest <= high)])
        sums = [_NONE] * len(self.parts)

        def look(k):
            part = self.parts[k]
            sums[k] = self._moments(part[(part >= low) & (part <= high)])

        self._each(look)
        return sum(sums, _NONE)

    def mean_and_deviation(self, found: Moments) -> tuple[float, float]:
        """Return mean and standard deviation (of n - 1) as float32 holds them; NaN of a single value."""
        mean = np.float32(found.first / found.n + self.pivot)
        off = float(mean) - self.pivot
        square = found.second - 2 * off * found.first + found.n * off * off
        return float(mean), float(np.float32(np.sqrt(max(square, 0) / (found.n - 1)))) if found.n > 1 else np.nan

    def median(self, low: float, high: float) -> float:
        """Return the median of the values within limits."""
        xp = self.xp
        kept = xp.concatenate([p[(p >= low) & (p <= high)] for p in self.parts])
        half = [(kept.size - 1) // 2, kept.size // 2]
        # The middle of two is taken as float32, as NumPy does.
        return float(np.mean(to_host(xp.partition(kept, half)[half[0] : half[1] + 1])))

    def histogram(self, least: float, width: np.float32, n: int) -> np.ndarray:
        """Return how many values lie in each of `n` bins from `least` on."""
        xp = self.xp
        most = np.float32(least) + width * np.float32(n)
        counts = [None] * len(self.parts)

        def look(k):
            part = self.parts[k]
            bins = xp.subtract(part, np.float32(least)).astype(np.float64) / float(width)
            seen = (part >= least) & (part < most)
            bins = xp.where(seen, xp.minimum(bins, n - 1), n).astype(np.int32)
            counts[k] = xp.bincount(bins.ravel(), minlength=n + 1)[:n]

        self._each(look)
        return to_host(sum(counts[1:], counts[0]))


def _from_histogram(values: Values, found: Moments, statistic: Statistic, deviation: float) -> float:
    """Return the mode, or the middle of the histogram."""
    wide, span = statistic.binwidth * deviation, found.most - found.least
    single = not (wide >= _NARROWEST and abs(span) >= _NARROWEST and wide <= span) or span / wide > _MOST_BINS
    if single:
        return found.least + wide / 2 if statistic.skystat == "mode" else values.median(found.least, found.most)
    n = int(span / wide) + 1
    counts = values.histogram(found.least, np.float32(span / (n - 1)), n)
    if statistic.skystat == "mode":
        return found.least + wide * _peak(counts)
    total = np.cumsum(counts)
    half = total[-1] / 2
    k = int(np.searchsorted(total, half))
    return found.least + wide * (k + (half - total[k] + counts[k]) / counts[k])


def _peak(counts: np.ndarray) -> float:
    """Return where the top of a histogram lies, in bins from its beginning."""
    if counts.size == 2:
        return 0.5 + (np.sign(int(counts[1]) - int(counts[0])) + 1) / 2
    k = int(counts.argmax())
    if k in (0, counts.size - 1):
        return k + 0.5
    before, after = (int(counts[k]) - int(counts[j]) for j in (k - 1, k + 1))
    return k + 0.5 + (0.5 * (before - after) / (before + after) if before + after else 0.0)
