"""The level of the sky in an image: statistics of what sigma clipping leaves, as IRAF and stsci.imagestats take them.

With mean m and standard deviation s of the values within l .. u, the next l .. u is m - k s .. m + k s, a number of
times. The mode is the top of a parabola through the three bins around the fullest of a histogram, bins b s wide.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np

from jwgpu.backend import each, namespace, to_host

Kind = Literal["median", "midpt", "mean", "mode"]

_BULK = 4.5
"""Median deviations, about three standard deviations of noise, within which values are the bulk."""

_TWENTIETH = 20

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
    parts : sequence of float32 arrays (..., x)
        The values, in the order of the pixels, in parts that fit into the cache of a processor. Infinity stands for
        pixels that take no part; no value is NaN.
    statistic : Statistic
    """
    values = Values(list(parts))
    if not values.total.n:
        return Level(None, 0)
    lower = values.total.least if statistic.lower is None else statistic.lower
    upper = values.total.most if statistic.upper is None else statistic.upper
    low, high = lower, upper
    for _ in range(statistic.nclip + 1):
        # Limits and moments have the precision that the official numbers rest on.
        limits = float(np.float32(low)), float(np.float32(high))
        found = values.within(*limits)
        if not found.n:
            return Level(None, 0)
        mean, deviation = values.mean_and_deviation(found)
        low, high = max(lower, mean - statistic.lsigma * deviation), min(upper, mean + statistic.usigma * deviation)
    if statistic.skystat == "mean":
        return _finite(mean, found.n)
    if statistic.skystat == "median":
        return _finite(values.median(*limits) if statistic.nclip else values.median(), found.n)
    return _finite(_from_histogram(values, values.reaching(found, *limits), statistic, deviation), found.n)


def _finite(value: float, n: int) -> Level:
    return Level(float(value), n) if np.isfinite(value) else Level(None, 0)


class Values:
    """Values in parts, of which moments within limits are asked for again and again.

    What lies within the limits nearly always, the bulk, is summed up once; what lies outside of it is kept.
    """

    def __init__(self, parts: list):
        self.parts = [p for p in parts if p.size]
        self.xp = namespace(*self.parts) if self.parts else np
        self.pivot, self._low, self._high, self._near = self._bulk()
        found = self._each(self._look)
        self._core = sum((moments for moments, _ in found), _NONE)
        self._rest = self.xp.concatenate([rest for _, rest in found]) if found else np.empty(0, np.float32)
        self.total = self._core + self._moments(self._rest)

    def _each(self, work: Callable) -> list:
        """Return what `work` gives for each part; on the host in several threads."""
        found: list = [None] * len(self.parts)

        def do(k):
            found[k] = work(self.parts[k])

        if self.xp is np:
            each(do, range(len(self.parts)))
        else:
            for k in range(len(self.parts)):
                do(k)
        return found

    def _bulk(self):
        """Return the median of some of the values, limits between which most of them lie, and some lie around it."""
        xp = self.xp
        step = sum(p.size for p in self.parts) // _SAMPLE + 1
        some = [p[..., k % min(step, p.shape[-1]) :: step].ravel() for k, p in enumerate(self.parts)]
        some = xp.sort(xp.concatenate(some)) if some else np.empty(0, np.float32)
        n = int(xp.searchsorted(some, np.float32(np.inf)))
        if not n:
            return (np.float32(0),) * 3 + ((np.float32(0),) * 2,)
        some = some[:n]
        middle = some[n // 2]
        reach = xp.sort(xp.abs(some - middle))[n // 2] * np.float32(_BULK)
        first, last = (int(xp.searchsorted(some, edge)) for edge in (middle - reach, middle + reach))
        near = (n // 2 - n // _TWENTIETH, min(n // 2 + n // _TWENTIETH, n - 1))
        ranks = (min(first, n // 2), max(last - 1, n // 2), *near)
        middle, low, high, *near = to_host(xp.stack([middle, *(some[k] for k in ranks)]))
        return middle, low, high, near

    def _look(self, part) -> tuple[Moments, np.ndarray]:
        """Return the moments of the bulk of a part, and the other values.

        Values beyond the limits of the bulk are moved to them, and what they add there is taken off. Within a part,
        sums of float32 are exact enough: they are taken pairwise, of differences to the pivot.
        """
        xp = self.xp
        below, above = part < self._low, part > self._high
        offset = xp.maximum(part, self._low)
        xp.minimum(offset, self._high, out=offset)
        offset -= self.pivot
        first = offset.sum()
        offset *= offset
        n_below, n_above, first, second = self._numbers(
            xp.count_nonzero(below), xp.count_nonzero(above), first, offset.sum()
        )
        n = int(part.size - n_below - n_above)
        low, high = float(self._low), float(self._high)
        for count, limit in ((n_below, low - float(self.pivot)), (n_above, high - float(self.pivot))):
            first -= count * limit
            second -= count * limit * limit
        below |= above
        rest = part.ravel()[xp.flatnonzero(below)]
        return Moments(n, first, second, low, high) if n else _NONE, rest[rest < np.float32(np.inf)]

    def _moments(self, values) -> Moments:
        """Return the moments of some finite values (n,)."""
        if not values.size:
            return _NONE
        # float64: these may be any distance from the sky
        offset = self.xp.subtract(values, self.pivot, dtype=np.float64)
        return Moments(values.size, *self._numbers(offset.sum(), (offset * offset).sum(), values.min(), values.max()))

    def _numbers(self, *scalars) -> list[float]:
        if self.xp is np:
            return [float(v) for v in scalars]
        return to_host(self.xp.stack([self.xp.asarray(v, np.float64) for v in scalars])).tolist()

    def reaching(self, found: Moments, low: float, high: float) -> Moments:
        """Return what was found within limits, reaching as far as its histogram does.

        As in stsci.imagestats, the first of all values, moved to the limits, counts for the smallest and the largest.
        """
        for part in self.parts:
            finite = part.ravel() < np.float32(np.inf)
            k = int(finite.argmax())
            if bool(finite[k]):
                first = min(max(self._numbers(part.ravel()[k])[0], low), high)
                return found._replace(least=min(found.least, first), most=max(found.most, first))
        return found

    def within(self, low: float, high: float) -> Moments:
        """Return the moments of the values within limits, both included."""
        if low <= self._low and high >= self._high:
            rest = self._rest
            return self._core + self._moments(rest[(rest >= low) & (rest <= high)])
        high = min(high, float(np.finfo(np.float32).max))
        return sum(self._each(lambda part: self._moments(part[(part >= low) & (part <= high)])), _NONE)

    def mean_and_deviation(self, found: Moments) -> tuple[float, float]:
        """Return mean and standard deviation (of n - 1) as float32 holds them; NaN of a single value."""
        pivot = float(self.pivot)
        mean = np.float32(found.first / found.n + pivot)
        off = float(mean) - pivot
        square = found.second - 2 * off * found.first + found.n * off * off
        return float(mean), float(np.float32(np.sqrt(max(square, 0) / (found.n - 1)))) if found.n > 1 else np.nan

    def spread(self, found: Moments) -> float:
        """Return the standard deviation (of n)."""
        mean = found.first / found.n
        return float(np.sqrt(max(found.second / found.n - mean * mean, 0.0)))

    def middle(self, low: float = -np.inf, high: float = np.inf):
        """Return the middle value within limits, or the middle two, as a host array."""
        xp = self.xp
        if low <= self._low and high >= self._high:
            rest = self._rest
            n = self._core.n + int(xp.count_nonzero((rest >= low) & (rest <= high)))
            below = self._around[0] - int(xp.count_nonzero(rest < low))
            first, last = (n - 1) // 2 - below, n // 2 - below
            if first >= 0 and last < self._around[1].size:
                return to_host(xp.partition(self._around[1], [first, last])[first : last + 1])
        kept = xp.concatenate([p[(p >= low) & (p <= high) & (p < np.float32(np.inf))] for p in self.parts])
        half = [(kept.size - 1) // 2, kept.size // 2]
        return to_host(xp.partition(kept, half)[half[0] : half[1] + 1])

    def median(self, low: float = -np.inf, high: float = np.inf) -> float:
        """Return the median of the values within limits; of two it is the mean as float32 holds it."""
        return float(np.mean(self.middle(low, high)))

    @functools.cached_property
    def _around(self):
        """How many values are smaller than those around the median, and those."""
        xp = self.xp
        low, high = self._near

        def look(part):
            return xp.count_nonzero(part < low), part[(part >= low) & (part <= high)]

        found = self._each(look)
        return sum(int(below) for below, _ in found), xp.concatenate([near for _, near in found])

    def histogram(self, found: Moments, width: np.float32, n: int) -> np.ndarray:
        """Return how many of the values within limits lie in each of `n` bins; those that are `found` there."""
        xp = self.xp
        least, inverse = np.float32(found.least), np.float32(1) / width

        def look(part):
            bins = part - least
            bins *= inverse
            xp.maximum(bins, 0, out=bins)
            xp.minimum(bins, n, out=bins)
            return xp.bincount(bins.astype(np.int32).ravel(), minlength=n + 1)

        counts = to_host(sum(self._each(look)))[:n].astype(np.int64)
        counts[0] -= self._below(found.least)
        return counts

    def _below(self, limit: float) -> int:
        """Return how many values are smaller than a limit."""
        if limit <= self._low:
            return int(self.xp.count_nonzero(self._rest < limit))
        return sum(int(self.xp.count_nonzero(part < limit)) for part in self.parts)


def _from_histogram(values: Values, found: Moments, statistic: Statistic, deviation: float) -> float:
    """Return the mode, or the middle of the histogram."""
    wide, span = statistic.binwidth * deviation, found.most - found.least
    single = not (wide >= _NARROWEST and abs(span) >= _NARROWEST and wide <= span) or span / wide > _MOST_BINS
    if single:
        return found.least + wide / 2 if statistic.skystat == "mode" else values.median(found.least, found.most)
    n = int(span / wide) + 1
    counts = values.histogram(found, np.float32(span / (n - 1)), n)
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
