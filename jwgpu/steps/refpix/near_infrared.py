"""Near-infrared detectors: amplifiers by the pixels at top and bottom, rows by those at the sides."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import first_integration
from jwgpu.data import PIXEL, Ramp
from jwgpu.data.detector import BORDER, Readout
from jwgpu.data.multistripe import Stripes
from jwgpu.numerics.blocks import over_planes, row_blocks
from jwgpu.numerics.stripes import clipped_mean, mean_of_known, running_median, single_clipped_mean
from jwgpu.step import Skip, note

# NIRSpec windows that reach no edge of the detector: their outermost rows are read as if they were reference pixels.
_EDGELESS = ("SUB512", "SUB512S", "SUB32")


@dataclasses.dataclass(frozen=True)
class Means:
    """How clipped means of reference pixels are taken: parameters of the step."""

    odd_even_columns: bool
    siglimit: float


def correct(
    ramp: Ramp,
    *,
    odd_even_columns: bool,
    use_side_ref_pixels: bool,
    side_smoothing_length: int,
    side_gain: float,
    siglimit: float,
    side_templates=None,
) -> Ramp:
    """Return the ramp without what its reference pixels saw; parameters as those of the step.

    `side_templates(left, right)`, given the reference pixels at the sides of a group with the offsets of their columns
    taken off, (row, 4) each, gives (amplifier, row) signals that take the place of the running median.
    """
    striped = Stripes.of(ramp.meta, ramp.shape) is not None
    readout = _readout(ramp, striped)
    xp = namespace(ramp.data)
    usable = readout.view((ramp.pixeldq & PIXEL.DO_NOT_USE) == 0)
    sides = []
    if striped:
        flagged = (usable & _flagged(ramp, readout)).reshape(-1, readout.rows, readout.columns)
        turns = [_striped_bands(readout, plane, odd_even_columns) for plane in flagged]
    elif readout.full or ramp.meta.get("exposure.noutputs") == 4:
        turns = [amplifier_bands(readout, usable, odd_even_columns)]
        sides = _sides(readout, usable) if use_side_ref_pixels else []
    else:
        turns = [_single_band(readout, usable & _flagged(ramp, readout), odd_even_columns)]
    edge_pixels = sum(y.size for bands in turns for band in bands for _, samples in band for y, _ in samples)
    side_pixels = sum(int(good.sum()) for _, good in sides)
    if edge_pixels + side_pixels == 0 and not ramp.n_superstripes:
        raise Skip("the exposure holds no usable reference pixel")
    note(edge_pixels=edge_pixels, side_pixels=side_pixels)

    def correct_groups(groups, integration, single: bool = False):
        """Correct (n, y, x) `groups` of an integration in place; the columns of the first in `single` precision."""
        bands = turns[ramp.superstripe(integration) if ramp.n_superstripes else 0]
        seen = readout.view(groups)
        columns = column_offsets(seen, bands, siglimit)
        if single:
            seen[0] -= column_offsets(seen[:1], bands, siglimit, xp.float32)[0]
            columns[0] = 0

        def correct_group(i):
            if sides and side_templates is not None:
                _subtract_templates(seen[i], columns[i], side_templates, readout)
                return
            rows = xp.zeros(readout.rows)
            if side_pixels:
                rows = side_gain * _row_offsets(seen[i], columns[i], sides, readout, side_smoothing_length)
            # The vectors are turned to the array's own axes, for contiguous arithmetic; the sum is float64.
            along_y, along_x = readout.along_axes(rows, columns[i])
            for some in row_blocks(groups[i]):
                groups[i, some] -= along_y[some, None] + along_x

        over_planes(correct_group, groups)

    data = ramp.own("data")
    for number, integration in enumerate(data):
        # The work array of the official package is float32 until the rows of its first group are corrected.
        correct_groups(integration, number, single=number + first_integration() == 0 and bool(sides))
    if ramp.zeroframe is None:
        return ramp.replace(data=data)
    zeroframe = ramp.own("zeroframe")
    unknown = zeroframe == 0
    for number in range(zeroframe.shape[0]):
        correct_groups(zeroframe[number : number + 1], number)
    zeroframe[unknown] = 0
    return ramp.replace(data=data, zeroframe=zeroframe)


def _subtract_templates(group, columns, side_templates, readout: Readout) -> None:
    """Take the offset of its column, and the template of its amplifier and row, from (row, column) `group`."""
    left, right = (group[:, part] - columns[part] for part in (readout.left, readout.right))
    for template, band in zip(side_templates(left, right), readout.amplifiers.values()):
        group[:, band] -= template[:, None] + columns[band]


def _readout(ramp: Ramp, striped: bool) -> Readout:
    """Return the window and orientation of the ramp; skip what this step cannot correct."""
    readout = Readout.of(ramp.meta, ramp.shape)
    if not readout.fits and not striped:  # the rows of stripes do not follow each other
        raise Skip(
            f"the subarray (detector rows {readout.row} to {readout.row + readout.rows - 1}, columns "
            f"{readout.column} to {readout.column + readout.columns - 1}) reaches beyond the detector"
        )
    return readout


def _parts(readout: Readout, columns: slice, odd_even_columns: bool) -> list[slice]:
    """Return the sets of columns that share one offset."""
    if not odd_even_columns:
        return [columns]
    return [readout.parity(columns, odd=False), readout.parity(columns, odd=True)]


def amplifier_bands(readout: Readout, usable, odd_even_columns: bool) -> list:
    """Return, per amplifier, [(columns, samples)]: which pixels (y, x) tell the offset of which columns.

    There are two samples, bottom and top; their means are averaged.
    """
    xp = namespace(usable)

    def sample(rows: slice, columns: slice):
        y, x = xp.nonzero(usable[rows, columns])
        return y + rows.start, x * (columns.step or 1) + columns.start

    return [
        [
            (part, [sample(rows, part) for rows in (readout.bottom, readout.top)])
            for part in _parts(readout, columns, odd_even_columns)
        ]
        for columns in readout.amplifiers.values()
    ]


def _striped_bands(readout: Readout, reference, odd_even_columns: bool) -> list:
    """Return, per amplifier, which pixels tell the offset of which columns: all where `reference` is True."""
    xp = namespace(reference)

    def sample(columns: slice):
        y, x = xp.nonzero(reference[:, columns])
        return y, x * (columns.step or 1) + columns.start

    return [
        [(part, [sample(part)]) for part in _parts(readout, columns, odd_even_columns)]
        for columns in readout.amplifiers.values()
    ]


def _single_band(readout: Readout, reference, odd_even_columns: bool) -> list:
    """Return the one band of a single output: the pixels where `reference` is True tell its offset, in one sample."""
    xp = namespace(reference)
    y, x = xp.nonzero(reference)
    if not odd_even_columns:
        return [[(slice(0, readout.columns), [(y, x)])]]
    odd = (x + readout.column) % 2 == 1
    everything = slice(0, readout.columns)
    return [
        [
            (readout.parity(everything, odd=False), [(y[~odd], x[~odd])]),
            (readout.parity(everything, odd=True), [(y[odd], x[odd])]),
        ]
    ]


def _flagged(ramp: Ramp, readout: Readout):
    """Return, in the detector frame, True for the pixels that serve as reference pixels of a single output."""
    flagged = (ramp.pixeldq & PIXEL.REFERENCE_PIXEL) != 0
    if ramp.meta.get("subarray.name") in _EDGELESS:
        flagged[:, :BORDER] = True
        flagged[:, -BORDER:] = True
    return readout.view(flagged)


def _sides(readout: Readout, usable) -> list:
    """Return [(columns, usable)] for the left and the right reference pixels that the window holds."""
    return [(c, usable[:, c]) for c in (readout.left, readout.right) if c.start < c.stop]


def column_offsets(groups, bands: list, siglimit: float, kind=np.float64):
    """Return the offset of every column of (n, row, column) `groups`: (n, column), DN; 0 where unknown.

    `kind` is the precision of all arithmetic: float64, or float32.
    """
    xp = namespace(groups)
    offsets = xp.zeros((groups.shape[0], groups.shape[2]), dtype=kind)
    for band in bands:
        means = []
        for _, samples in band:
            found = [_sample_mean(groups, y, x, siglimit, kind) for y, x in samples]
            means.append(found[0] if len(found) == 1 else mean_of_known(*found))
        # Even and odd columns are corrected together or not at all, lest their levels part.
        known = xp.isfinite(sum(means))
        for (columns, _), mean in zip(band, means):
            offsets[:, columns] = xp.where(known, mean, 0)[:, None]
    return offsets


def _sample_mean(groups, y, x, siglimit: float, kind):
    """Return the clipped mean of pixels (y, x) in each group: (n,), NaN where there is none."""
    xp = namespace(groups)
    if y.size == 0:
        return xp.full(groups.shape[0], xp.nan, dtype=kind)
    if kind == np.float64:
        return clipped_mean(groups[:, y, x], siglimit)
    return xp.stack([single_clipped_mean(group[y, x], siglimit) for group in groups])


def _row_offsets(group, columns, sides: list, readout: Readout, length: int):
    """Return the offset of every row of (row, column) `group`: (row,) float64, DN; 0 where unknown.

    The side pixels are taken after their columns' offsets `columns` are off.
    """
    xp = namespace(group)
    found = xp.full(readout.rows, xp.nan)
    for part, usable in sides:
        values = xp.where(usable, group[:, part] - columns[part], xp.nan)
        median = running_median(
            values, length, reflect_start=readout.row == 0, reflect_end=readout.row + readout.rows == readout.height
        )
        found = mean_of_known(found, median)
    return xp.where(xp.isnan(found), np.float64(0), found)
