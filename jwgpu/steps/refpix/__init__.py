"""Take out the drifts of the readout electronics, as the reference pixels saw them.

Each kind of readout has a file: `near_infrared` (reference pixels on all edges), `sirs` (another use of those at the
sides), `miri` (two sides, amplifiers column by column), `irs2` (NIRSpec, reference pixels among the science pixels).

References
----------
.. [1] Rauscher, B. J., et al. 2007, PASP 119, 768, doi:10.1086/520887 (NIRSpec detectors).
.. [2] Moseley, S. H., et al. 2010, Proc. SPIE 7742, 77421B, doi:10.1117/12.866773 (reference sampling, 1/f noise).
.. [3] Rauscher, B. J., et al. 2017, PASP 129, 105003, doi:10.1088/1538-3873/aa83fd (IRS2).
.. [4] Rauscher, B. J., et al. 2022, Proc. SPIE 12180, 121805P, doi:10.1117/12.2629073 (SIRS).
"""

from __future__ import annotations

from typing import Literal

from jwgpu.cut import Cut
from jwgpu.data import Ramp, Reference
from jwgpu.data.irs2 import is_irs2
from jwgpu.step import ParameterError, step
from jwgpu.steps.refpix import irs2, miri, near_infrared, sirs, superstripes


def _is_irs2(ramp: Ramp, parameters: dict) -> bool:
    return is_irs2(ramp.meta, ramp.shape)


def _uses_sirs(ramp: Ramp, parameters: dict) -> bool:
    return (
        parameters["refpix_algorithm"] == "sirs"
        and "FULL" in str(ramp.meta.get("subarray.name", ""))
        and ramp.meta.get("subarray.multistripe_reads1") is None
        and not _is_miri(ramp)
        and not _is_irs2(ramp, parameters)
    )


def _is_miri(ramp: Ramp) -> bool:
    return str(ramp.meta.get("instrument.name", "")).upper() == "MIRI"


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    # Of IRS2 frames, a reference pixel that is bad in one integration is replaced in all.
    return Cut(None if _is_irs2(ramp, parameters) else "integration", sets=0)


@step(unit="DN", streams=_cut, wanted={"refpix": _is_irs2, "sirskernel": _uses_sirs}, superstripes=True)
def refpix(
    ramp: Ramp,
    refpix: Reference | None = None,
    sirskernel: Reference | None = None,
    *,
    odd_even_columns: bool = True,
    use_side_ref_pixels: bool = True,
    side_smoothing_length: int = 11,
    side_gain: float = 1.0,
    odd_even_rows: bool = True,
    ovr_corr_mitigation_ftr: float = 3.0,
    preserve_irs2_refpix: bool = False,
    irs2_mean_subtraction: bool = False,
    refpix_algorithm: Literal["median", "sirs"] = "median",
    sigreject: float = 4.0,
    gaussmooth: float = 1.0,
    halfwidth: int = 30,
    siglimit: float = 3.0,
) -> Ramp:
    """Subtract from every group, and from the zero frame, the signal of the reference pixels.

    A near-infrared full frame, or a subarray read through four outputs (NOUTPUTS = 4), is corrected amplifier by
    amplifier from the reference pixels at the top and bottom, then row by row from those at the sides; an amplifier
    that has none at top and bottom keeps its level. With the mean m of the amplifier's reference pixels in odd or even
    columns, and the running median s along the rows' ends at the sides::

        S' = S - m[amplifier, odd or even] - side_gain s[row]

    A subarray read through one output loses the clipped mean of all
    its pixels that are flagged REFERENCE_PIXEL (edges and sides alike); the outermost four rows of the NIRSpec windows
    SUB512, SUB512S and SUB32, which reach no edge, serve in their stead. Reference pixels flagged DO_NOT_USE take no
    part.

    Of a readout in stripes, whatever its outputs, each amplifier loses the clipped mean of all its pixels that are
    flagged REFERENCE_PIXEL. Superstripes are then put together: each integration holds the whole frame, stripes that
    were repeated within a frame become groups with times of their own (`meta.exposure.read_times`), and the times of
    the stripes go into the table `int_times_stripe`.

    A MIRI full frame is corrected amplifier by amplifier (every fourth column is one), odd and even rows apart, from
    the columns at the two sides, by how far they have moved since the first group.

    An IRS2 frame of NIRSpec loses, group by group, what the reference output and the interleaved reference pixels
    predict: their series in time are weighted frequency by frequency as the `refpix` reference says. Reference pixels
    that stand out are flagged and replaced by their neighbours first. Of the frame the science pixels are left.

    Parameters
    ----------
    ramp : Ramp
        `data` and `zeroframe` in DN; `pixeldq` with the flags of the mask reference (dq_init).
    refpix : Reference, optional
        For IRS2: `irs2_table`, the complex weights by frequency of the reference output (`alpha_0` ... `alpha_3`) and
        of the reference pixels (`beta_0` ... `beta_3`) for each amplifier; and a `dq_table` of bad reference pixels.
    sirskernel : Reference, optional
        For `refpix_algorithm="sirs"`: coefficients `<detector>.gamma` (left) and `.zeta` (right), (amplifier,
        frequency).
    odd_even_columns : bool
        Treat even and odd columns separately (near-infrared).
    use_side_ref_pixels : bool
        Correct rows by the reference pixels at their ends (near-infrared, four outputs only).
    side_smoothing_length : int
        Height in rows of the box of the running median. An even box reaches one row further back than ahead.
    side_gain : float
        Factor on the running median of the side reference pixels.
    odd_even_rows : bool
        Treat even and odd rows separately (MIRI).
    ovr_corr_mitigation_ftr : float
        IRS2: a pair of reference pixels is bad where its mean, its scatter or the difference within the pair is above
        the mean of its output by more than this many standard deviations.
    preserve_irs2_refpix : bool
        IRS2: leave the interleaved reference pixels and the reference output in the frame.
    irs2_mean_subtraction : bool
        IRS2: first take from each output the clipped mean of its first and last four lines.
    refpix_algorithm : {'median', 'sirs'}
        How the side reference pixels of a near-infrared full frame are used: running median, or convolution with the
        kernels of `sirskernel`. Without such a reference for the detector, the median.
    sigreject : float
        sirs: side reference pixels further than this many standard deviations from the median take no part.
    gaussmooth : float
        sirs: width in rows of the Gaussian that smooths the kernels.
    halfwidth : int
        sirs: rows the kernels reach to either side.
    siglimit : float
        Limit of the clipped means in standard deviations.

    Returns
    -------
    Ramp
        `data`, and `zeroframe` where there is one, corrected in DN; pixels that are 0 in the zero frame stay 0. Of an
        IRS2 ramp all arrays hold the science pixels alone, unless they are asked to be preserved; of superstripes, the
        whole frame, NaN where none was read.

    Raises
    ------
    ParameterError
        A length below 1, or a limit or width not above 0.
    ValueError
        The metadata do not say FASTAXIS, SLOWAXIS or the start of the subarray.
    InputError
        The table of the `refpix` reference does not have the length of the frame; the keywords of stripes contradict
        each other; the superstripes of a turn are not all there.

    Skips when
    ----------
    The exposure is a MIRI subarray; the subarray reaches beyond the detector; no usable reference pixel is in it (MIRI:
    in one of the sets of rows of an amplifier) and no superstripes are to be put together; or there is no `refpix`
    reference for an IRS2 frame, or one of other than 16 science and 4 reference pixels in turn.

    Differs from jwst
    -----------------
    * Reference pixels that are NaN or infinite are left out; there, one of them turns its whole amplifier (IRS2, sirs:
      the whole group) to NaN.
    * A subarray without usable reference pixels is SKIPPED with a reason; there it is COMPLETE and unchanged. The same
      holds of a MIRI frame one of whose amplifiers has none.
    * An array whose SUBARRAY is FULL is the whole detector, whatever its size (simulated detectors may be small);
      there, only one of 2048 x 2048 pixels (MIRI: 1024 x 1032) is.
    * Where the reference pixels of a single-output subarray are all in even (or all in odd) columns, nothing is
      subtracted; there it is an IndexError.
    * Each superstripe is corrected from the reference pixels that its own flags leave; there, from those that the flags
      of the first one leave. The amplifier of a column is that of the detector also where FASTAXIS is negative and the
      subarray narrower than the detector.
    * IRS2: BAD_REF_PIXEL on a pixel of the border marks nothing but itself; there, the 2048 pixels that are read in
      its column are flagged DO_NOT_USE with it, science pixels too, and take the mean of those 20 columns on either
      side: the search for bad interleaved pixels asks only whether any pixel of a column has the flag. The flag says
      nothing of science pixels, whose rates here are as near to the truth with it as without.
    * IRS2 after `irs2_mean_subtraction`: a value that equals the mean of its ramp to the last bit counts as missing in
      both; as the means subtracted before differ by a rounding of float32, that befalls other pixels, and
      moves about one value in 10 000, next to such reference pixels, by more than 0.01 DN.
    * IRS2: weights for other than 16 science and 4 reference pixels in turn, which no exposure has, are not known.
    * IRS2: without a `refpix` reference nothing at all is changed; there, flags and means have been changed by then.
    """
    if side_smoothing_length < 1:
        raise ParameterError(f"refpix.side_smoothing_length = {side_smoothing_length}: expected 1 row or more")
    if halfwidth < 1:
        raise ParameterError(f"refpix.halfwidth = {halfwidth}: expected 1 row or more")
    positive = {
        "siglimit": siglimit, "sigreject": sigreject, "gaussmooth": gaussmooth,
        "ovr_corr_mitigation_ftr": ovr_corr_mitigation_ftr,
    }  # fmt: skip
    for name, value in positive.items():
        if not value > 0:
            raise ParameterError(f"refpix.{name} = {value}: expected a number above 0")
    if _is_miri(ramp):
        return miri.correct(ramp, odd_even_rows, siglimit)
    if is_irs2(ramp.meta, ramp.shape):
        means = near_infrared.Means(odd_even_columns, siglimit) if irs2_mean_subtraction else None
        return irs2.correct(ramp, refpix, ovr_corr_mitigation_ftr, means, preserve_irs2_refpix)
    templates = None
    if _uses_sirs(ramp, {"refpix_algorithm": refpix_algorithm}):
        templates = sirs.templates(ramp, sirskernel, sigreject, gaussmooth, halfwidth)
    corrected = near_infrared.correct(
        ramp,
        odd_even_columns=odd_even_columns,
        use_side_ref_pixels=use_side_ref_pixels,
        side_smoothing_length=side_smoothing_length,
        side_gain=side_gain,
        siglimit=siglimit,
        side_templates=templates,
    )
    return superstripes.collate(corrected) if ramp.n_superstripes else corrected
