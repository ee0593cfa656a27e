"""Reference pixels of IRS2 frames that stand out: found, flagged, replaced by their neighbours."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.data import PIXEL
from jwgpu.data.irs2 import PERIOD, SCIENCE, SECTIONS, Interleaved
from jwgpu.numerics.stripes import clipped_about_median
from jwgpu.steps.refpix.near_infrared import column_offsets

_END_LINES = 4


def find(seen, pixeldq, layout: Interleaved, n_sigma: float):
    """Return which columns hold bad reference pixels: flagged already, or standing out in an integration.

    Parameters
    ----------
    seen : (integration, group, line, column), DN
    pixeldq : (line, column) uint32

    Returns
    -------
    (column,) bool
    """
    xp = namespace(seen)
    among = layout.interleaved(xp)
    reference = among | (xp.arange(layout.columns) < layout.section)
    bad = ((pixeldq & PIXEL.BAD_REF_PIXEL) != 0).any(axis=0) & reference
    columns = xp.nonzero(among)[0]
    known = bad[columns].reshape(SECTIONS, -1, 2).any(axis=-1)
    high = xp.zeros(known.shape, dtype=bool)
    for groups in seen:
        with np.errstate(invalid="ignore"):
            statistics = _statistics(groups, columns)
        for values in statistics:
            values = xp.where(known, xp.nan, values.reshape(SECTIONS, -1))
            mean, deviation = clipped_about_median(values, n_sigma)
            high |= values - mean > n_sigma * deviation
    found = xp.zeros(layout.columns, dtype=bool)
    found[columns] = xp.repeat(high.ravel(), 2)
    return bad | found


def _statistics(groups, columns):
    """Return mean difference within, mean and scatter of each pair of (group, line, column) `columns`, float64."""
    xp = namespace(groups)
    difference = total = square = 0.0
    # Values near their first keep the sum of squares exact.
    zero = groups[0, 0, columns]
    zero = xp.where(xp.isfinite(zero), zero, 0)
    for group in groups:
        values = (group[:, columns] - zero).astype(xp.float64)
        within = values[:, 1::2] - values[:, 0::2] + (zero[1::2] - zero[0::2])
        difference = difference + xp.abs(within).sum(axis=0)
        total = total + values.sum(axis=0)
        square = square + (values * values).sum(axis=0)
    n = groups.shape[0] * groups.shape[1]
    means = total / n + zero
    pair = means.reshape(-1, 2).mean(axis=1)
    spread = square / n - (means - zero) ** 2 + (means - xp.repeat(pair, 2)) ** 2
    return difference / n, pair, xp.sqrt(xp.maximum(spread.reshape(-1, 2).mean(axis=1), 0))


def replace(seen, which, bad, layout: Interleaved) -> None:
    """Write into columns `which` of (..., line, column) `seen` what good reference pixels near them say.

    That is the mean of the same pixel one jump before and after, or the one of them that is not `bad`, or the other
    pixel of the same jump, or 0, which counts as missing later.
    """
    xp = namespace(seen)
    at = xp.nonzero(which)[0]
    if not at.size:
        return
    start = at // layout.section * layout.section
    among = layout.interleaved(xp)

    def near(step: int):
        place = at + step
        inside = (place >= start) & (place < start + layout.section)
        place = xp.where(inside, place, at)
        return place, inside & ~bad[place]

    (before, good_before), (after, good_after) = near(-PERIOD), near(PERIOD)
    (left, good_left), (right, good_right) = near(-2), near(2)
    good_left &= among[left]
    good_right &= among[right]
    for integration in seen:
        for group in integration:
            a, b = group[:, before], group[:, after]
            other = xp.where(good_left, group[:, left], xp.where(good_right, group[:, right], 0))
            one = xp.where(good_before, a, xp.where(good_after, b, other))
            group[:, at] = xp.where(good_before & good_after, np.float32(0.5) * (a + b), one)


def replace_listed(seen, bad, table: np.ndarray, layout: Interleaved):
    """Replace the reference pixels that the table of the reference file lists, row by row; return all bad columns.

    A row names an output, one of its two reference pixels, and in a mask of 32 bits the jumps at which it is bad.
    """
    xp = namespace(seen)
    fields = {name.lower(): name for name in table.dtype.names}
    for row in table:
        output, parity, mask = (int(row[fields[name]]) for name in ("output", "odd_even", "mask"))
        listed = np.zeros(layout.columns, bool)
        pair = 3 - parity if output % 2 == 0 else parity
        for jump in range(layout.section // PERIOD):
            if mask >> jump & 1:
                first = output * layout.section + SCIENCE // 2 + jump * PERIOD + 2 * (pair - 1)
                listed[first : first + 2] = True
        if listed.any():
            new = backend.to(listed, "gpu" if backend.is_device_array(seen) else "cpu") & ~bad
            bad = bad | new
            replace(seen, new, bad, layout)
    return xp.asarray(bad)


def subtract_means(seen, pixeldq, layout: Interleaved, means) -> None:
    """Take from each output, odd and even columns apart, the clipped mean of its first and last lines."""
    xp = namespace(seen)
    usable = (pixeldq & PIXEL.DO_NOT_USE) == 0
    column = xp.arange(layout.columns)
    # Of the two reference pixels read at a jump, the first is odd; science pixels take turns, an odd one first.
    odd = xp.where(layout.interleaved(xp), column % 4 < 2, column % 2 == 0)
    section = column // layout.section

    def samples(wanted):
        for lines in (slice(0, _END_LINES), slice(layout.lines - _END_LINES, layout.lines)):
            y, x = xp.nonzero(usable[lines] & wanted)
            yield y + lines.start, x

    parts = (odd, ~odd) if means.odd_even_columns else (odd | True,)
    bands = [[(part & (section == k), list(samples(part & (section == k)))) for part in parts] for k in range(SECTIONS)]
    for integration in seen:
        for group in integration:
            group -= column_offsets(group[None], bands, means.siglimit)
