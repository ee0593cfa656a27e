"""Take out the drifts of the readout electronics, as the reference pixels at the detector's edge saw them.

For every group, in the detector frame (fast axis along x):

1. each amplifier, and in it the even and the odd columns separately, loses the mean of its reference pixels, which is
   the average of the clipped means of the four rows at the bottom and the four at the top;
2. each row loses the running median, over a box of rows, of the reference pixels at its two ends.

References
----------
.. [1] Rauscher, B. J., et al. 2007, PASP 119, 768, doi:10.1086/520887 (NIRSpec detectors).
.. [2] Moseley, S. H., et al. 2010, Proc. SPIE 7742, 77421B, doi:10.1117/12.866773 (reference sampling, 1/f noise).
"""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Ramp
from jwgpu.data.detector import BORDER, SIZE, Readout
from jwgpu.numerics.blocks import row_blocks
from jwgpu.numerics.stripes import clipped_mean, mean_of_known, running_median
from jwgpu.step import ParameterError, Skip, note, step

# NIRSpec windows that reach no edge of the detector: their outermost rows are read as if they were reference pixels.
_EDGELESS = ("SUB512", "SUB512S", "SUB32")


@step(unit="DN", streams="integration")
def refpix(
    ramp: Ramp,
    *,
    odd_even_columns: bool = True,
    use_side_ref_pixels: bool = True,
    side_smoothing_length: int = 11,
    side_gain: float = 1.0,
    siglimit: float = 3.0,
) -> Ramp:
    """Subtract from every group, and from the zero frame, the signal of the reference pixels.

    A full frame, or a subarray read through four outputs (NOUTPUTS = 4), is corrected amplifier by amplifier from the
    reference pixels at the top and bottom, then row by row from those at the sides; an amplifier that has none at top
    and bottom keeps its level. A subarray read through one output loses the clipped mean of all its pixels that are
    flagged REFERENCE_PIXEL (edges and sides alike); the outermost four rows of the NIRSpec windows SUB512, SUB512S
    and SUB32, which reach no edge, serve in their stead. Reference pixels flagged DO_NOT_USE take no part.

    Parameters
    ----------
    ramp : Ramp
        `data` and `zeroframe` in DN; `pixeldq` with the flags of the mask reference (dq_init).
    odd_even_columns : bool
        Treat even and odd columns separately.
    use_side_ref_pixels : bool
        Correct rows by the reference pixels at their ends (four outputs only).
    side_smoothing_length : int
        Height in rows of the box of the running median. An even box reaches one row further back than ahead.
    side_gain : float
        Factor on the signal of the side reference pixels.
    siglimit : float
        Limit of the clipped means in standard deviations.

    Returns
    -------
    Ramp
        `data`, and `zeroframe` where there is one, corrected in DN; pixels that are 0 in the zero frame stay 0.

    Raises
    ------
    ParameterError
        `side_smoothing_length` < 1 or `siglimit` not above 0.
    ValueError
        The metadata do not say FASTAXIS, SLOWAXIS or the start of the subarray.

    Skips when
    ----------
    The exposure is MIRI's, an IRS2 readout or made of stripes; the subarray reaches beyond the detector; or no usable
    reference pixel is in it.

    Differs from jwst
    -----------------
    * Reference pixels that are NaN or infinite are left out; there, one of them turns its whole amplifier to NaN.
    * All sums are in float64. There, the first group goes through float32 and the others through float64 (because
      the work array changes its type), which moves that group by a rounding of float32.
    * A subarray without usable reference pixels is SKIPPED with a reason; there it is COMPLETE and unchanged.
    * An array whose SUBARRAY is FULL is the whole detector, whatever its size (simulated detectors may be small);
      there, only one of 2048 x 2048 pixels is.
    * Where the reference pixels of a single-output subarray are all in even (or all in odd) columns, nothing is
      subtracted; there it is an IndexError.
    """
    if side_smoothing_length < 1:
        raise ParameterError(f"refpix.side_smoothing_length = {side_smoothing_length}: expected 1 row or more")
    if not siglimit > 0:
        raise ParameterError(f"refpix.siglimit = {siglimit}: expected a number of standard deviations above 0")
    readout = _readout(ramp)
    xp = namespace(ramp.data)
    usable = readout.view((ramp.pixeldq & PIXEL.DO_NOT_USE) == 0)
    if readout.full or ramp.meta.get("exposure.noutputs") == 4:
        bands = _amplifier_bands(readout, usable, odd_even_columns)
        sides = _sides(readout, usable) if use_side_ref_pixels else []
    else:
        bands = _single_band(readout, usable & _flagged(ramp, readout), odd_even_columns)
        sides = []
    edge_pixels = sum(y.size for band in bands for _, samples in band for y, _ in samples)
    side_pixels = sum(int(good.sum()) for _, good in sides)
    if edge_pixels + side_pixels == 0:
        raise Skip("the exposure holds no usable reference pixel")
    note(edge_pixels=edge_pixels, side_pixels=side_pixels)

    def correct(groups):
        """Correct (n, y, x) `groups` in place."""
        seen = readout.view(groups)
        columns = _column_offsets(seen, bands, siglimit)
        rows = xp.zeros(readout.rows)
        for i in range(groups.shape[0]):
            if side_pixels:
                rows = side_gain * _row_offsets(seen[i], columns[i], sides, readout, side_smoothing_length)
            # The vectors are turned to the array's own axes, for contiguous arithmetic; the sum is float64.
            along_y, along_x = readout.along_axes(rows, columns[i])
            for some in row_blocks(groups[i]):
                groups[i, some] -= along_y[some, None] + along_x

    data = ramp.own("data")
    for integration in data:
        correct(integration)
    if ramp.zeroframe is None:
        return ramp.replace(data=data)
    zeroframe = ramp.own("zeroframe")
    unknown = zeroframe == 0
    correct(zeroframe)
    zeroframe[unknown] = 0
    return ramp.replace(data=data, zeroframe=zeroframe)


def _readout(ramp: Ramp) -> Readout:
    """Return the window and orientation of the ramp; skip what this step cannot correct."""
    if str(ramp.meta.get("instrument.name", "")).upper() == "MIRI":
        raise Skip("MIRI's reference pixels are interleaved; their correction is not part of this version")
    if max(ramp.shape[-2:]) > SIZE:
        raise Skip("the interleaved reference pixels of IRS2 readouts are not part of this version")
    if ramp.meta.get("subarray.multistripe_reads1") is not None:
        raise Skip("readouts in several stripes are not part of this version")
    readout = Readout.of(ramp.meta, ramp.shape)
    if not readout.fits:
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


def _amplifier_bands(readout: Readout, usable, odd_even_columns: bool) -> list:
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


def _column_offsets(groups, bands: list, siglimit: float):
    """Return the offset of every column of (n, row, column) `groups`: (n, column) float64, DN; 0 where unknown."""
    xp = namespace(groups)
    offsets = xp.zeros((groups.shape[0], groups.shape[2]), dtype=xp.float64)
    for band in bands:
        means = []
        for _, samples in band:
            found = [_sample_mean(groups, y, x, siglimit) for y, x in samples]
            means.append(found[0] if len(found) == 1 else mean_of_known(*found))
        # Even and odd columns are corrected together or not at all, lest their levels part.
        known = xp.isfinite(sum(means))
        for (columns, _), mean in zip(band, means):
            offsets[:, columns] = xp.where(known, mean, 0)[:, None]
    return offsets


def _sample_mean(groups, y, x, siglimit: float):
    """Return the clipped mean of pixels (y, x) in each group: (n,) float64, NaN where there is none."""
    xp = namespace(groups)
    if y.size == 0:
        return xp.full(groups.shape[0], xp.nan)
    return clipped_mean(groups[:, y, x], siglimit)


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
