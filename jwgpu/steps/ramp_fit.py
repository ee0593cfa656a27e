"""Fit the slope of every ramp: from groups in DN to rates in DN/s, with errors and flags."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from jwgpu import backend
from jwgpu.backend import namespace
from jwgpu.cut import Cut, whole
from jwgpu.data import GROUP, Image, Ramp, Reference, Tensors
from jwgpu.errors import InputError
from jwgpu.numerics.fitopt import chi_square, fit_optional
from jwgpu.numerics.likelihood import Likelihood, Times, even_reads, fit_likelihood
from jwgpu.numerics.slopes import Sampling, Slopes, fit_slopes
from jwgpu.step import Skip, byproduct, note, step

LIKELY_GROUPS = 4
"""Fewest groups that the likelihood can tell a jump in."""


class RampFit(NamedTuple):
    """Rates of the whole exposure (y, x), and of each integration (integration, y, x)."""

    rate: Image
    rateints: Image


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    if parameters["algorithm"] == "LIKELY" and ramp.n_groups >= LIKELY_GROUPS:
        return Cut("rows", sets=0)
    return Cut("rows", sets=0, asks=255 if _is_miri(ramp) else int(GROUP.SATURATED))


def _everywhere(ramp: Ramp, parameters: dict) -> np.ndarray:
    """Say of each group, (2, group), whether no pixel may use it, and whether it is saturated in every one.

    Near-infrared ramps are fitted from the first group on, whatever the flags: there, only that one is looked at.
    """
    groupdq = _select(ramp, parameters["firstgroup"], parameters["lastgroup"])
    xp, n_groups = namespace(groupdq), groupdq.shape[1]
    found = [xp.zeros(n_groups, dtype=bool) for _ in range(2)]
    some = range(n_groups if _is_miri(ramp) and n_groups > 1 else 1)
    if len(some) > 1:
        suppressed = _one_good(groupdq) if parameters["suppress_one_group"] else xp.zeros((), dtype=bool)
        for group in some:
            found[0][group] = (((groupdq[:, group] & GROUP.DO_NOT_USE) != 0) | suppressed).all()
    for group in some:
        found[1][group] = ((groupdq[:, group] & GROUP.SATURATED) != 0).all()
    return backend.to_host(xp.stack(found))


def _is_miri(ramp: Ramp) -> bool:
    return ramp.meta.get("instrument.name") == "MIRI"


@step(unit="DN", streams=_cut, asks=_everywhere)
def ramp_fit(
    ramp: Ramp,
    gain: Reference,
    readnoise: Reference,
    *,
    algorithm: Literal["OLS_C", "LIKELY"] = "OLS_C",
    suppress_one_group: bool = True,
    firstgroup: int | None = None,
    lastgroup: int | None = None,
    save_opt: bool = False,
    opt_name: str = "",
    save_chisq: bool = False,
    unbiased: bool = False,
) -> RampFit:
    """Fit a slope to each ramp, by least squares over the segments between jumps or by maximum likelihood.

    OLS_C: groups with a flag end a segment; a jump begins one. In a segment the groups are weighted by Fixsen's optimal
    weights, which depend on the signal to noise of its rise. Segments are averaged, over an integration and over the
    exposure, with the inverse of their read-noise variances as weights. The formulas are in `numerics.slopes`.
    The variances are those of the average rate, so that `err` is that of the slope: for an integration the square
    root of 1 / sum(1 / (poisson + read)) over its segments, for the exposure that of var_poisson + var_rnoise.

    LIKELY: the differences of neighbouring unflagged groups are fitted with their full covariance, photon noise, read
    noise and frames averaged into groups. Differences, or pairs of them, whose omission improves chi square by more
    than 20.25 (23.8) are left out as jumps, one after another, and flagged. Integrations are averaged with the
    inverse of their variances, as they would be at the average rate. The formulas are in `numerics.likelihood`. An
    exposure of fewer than four groups is fitted by OLS_C; one with unevenly spaced groups (`meta.exposure.read_times`:
    stripes that were repeated within a frame) by LIKELY, whatever is asked for.

    Parameters
    ----------
    ramp : Ramp
        (integration, group, y, x), DN, after jump detection. A NaN without a flag counts as 0 DN. A zero frame, where
        there is one, measures integrations without a good group (only with `suppress_one_group=False`); for LIKELY,
        it is a group of its own before the first, where groups average several frames.
        `average_dark_current` adds to the rate in the Poisson variance. Needs `meta.exposure.group_time`,
        `frame_time` (s) and `nframes`; LIKELY needs `groupgap`, or `read_times` (s), one list per group, instead of
        `group_time`.
    gain : Reference
        `data` (y, x), electron / DN. NaN, zero and negative gains give NO_GAIN_VALUE and DO_NOT_USE (with LIKELY, as
        officially, no flag; NaN and negative ones give NaN, unless there are no photons). The factor in its
        header, which `gain_scale` needs, is noted in the metadata.
    readnoise : Reference
        `data` (y, x), DN: noise of the difference of two single frames.
    algorithm : {"OLS_C", "LIKELY"}
        Optimally weighted least squares, under the official name of its compiled version; or maximum likelihood.
    suppress_one_group : bool
        OLS_C: give no slope to an integration with only one good group. Exposures of one group are fitted all the same.
    firstgroup, lastgroup : int, optional
        First and last group to be used, counted from 0; the others are treated as DO_NOT_USE.
    save_opt : bool
        Leave beside the result: OLS_C, as `fitopt`, slopes, variances and intercepts of every segment, pedestals and
        sizes of the jumps (`numerics.fitopt` says which); LIKELY, as `likely_chisq`, the chi square of each pixel,
        summed over the integrations.
    opt_name : str
        Name of the file for it.
    save_chisq : bool
        Leave beside the result, as `chisq` and `chisq_dof`, chi square of each integration and its degrees of freedom
        (integration, y, x): of the differences of neighbouring groups in use about the fitted slope, with their
        covariance from photon and read noise. With OLS_C the expected value is a little (a few per cent) above the
        degrees of freedom, where its weights are not the best ones. (No option of jwst.)
    unbiased : bool
        OLS_C: choose the weights of a segment by its slope in place of its rise, and give the variances that the slope
        really has, of each integration and of the exposure, at its own rate (`numerics.slopes`). (No option of jwst.)

    Returns
    -------
    RampFit
        `rate` and `rateints`: `data`, `err` (DN / s), `var_poisson`, `var_rnoise` (their square) and `dq`. Pixels with
        DO_NOT_USE, or with nothing but saturated groups, have NaN in `data` and zeros in `err` and the variances.
        SATURATED, JUMP_DET and PERSISTENCE are set where any group has them, DO_NOT_USE where no group is usable; in
        `rate`, where no integration is. LIKELY gives NaN, in the variances too, only where no two neighbouring groups
        are good or a count is not finite, and does not pass on PERSISTENCE. The table of integration times goes with
        `rateints`.

    Raises
    ------
    InputError
        Where `firstgroup` is not before `lastgroup`, where fewer than four groups are unevenly spaced in time, and
        where a time is missing or not positive.

    Skips when
    ----------
    OLS_C: the first group of every ramp is saturated, or the exposure is one of MIRI with fewer than two groups left
    after leading groups and the last one that are DO_NOT_USE in all pixels.

    Differs from jwst
    -----------------
    * `firstgroup >= lastgroup` is an error; there it is a warning, and both are ignored.
    * Fewer than four groups that are unevenly spaced (`meta.exposure.read_times`) are an error; there, OLS_C takes them
      for evenly spaced.
    * LIKELY, where a jump leaves a choice between differences that fit equally well (two, or one pair out of three):
      one is left out. There rounding decides which, or that both or none are. Four differences, of read noise alone,
      make a division by zero there, and no jump is found.
    * Differences of groups are kept in float32 for their median, so that `var_poisson` differs by 1e-7 of the rates of
      the integrations, which shows where these are opposite and all but cancel.
    * `save_opt`: there are no planes beyond the last segment of any pixel; there, several groups that stand alone make
      empty ones. Segments of pixels without a gain or without noise are NaN, infinite or 0 in other places.
    * The read-noise variance of a CHARGELOSS integration of a pixel with a negative gain, which has no slope, is 0.

    References
    ----------
    .. [1] Fixsen et al. 2000, PASP 112, 1350, doi:10.1086/316626
    .. [2] Brandt 2024, PASP 136, 045004 and 045005, doi:10.1088/1538-3873/ad38d9 and ad38da
    """
    if (algorithm == "LIKELY" or _uneven(ramp)) and ramp.n_groups >= LIKELY_GROUPS:
        fit = _likelihood(ramp, gain, readnoise, _select(ramp, firstgroup, lastgroup))
        if save_opt:
            byproduct(likely_chisq=_map(ramp, fit.chisq, opt_name))
        if save_chisq:
            byproduct(chisq=_map(ramp, fit.chisq_integrations), chisq_dof=_map(ramp, fit.freedom))
        return _results((fit.exposure, fit.integrations), ramp, gain)
    if algorithm == "LIKELY":
        note(algorithm="OLS_C")
    group_time, frame_time, n_frames = _times(ramp)
    groupdq = _select(ramp, firstgroup, lastgroup)
    suppress = suppress_one_group and ramp.n_groups > 1
    asked = {"firstgroup": firstgroup, "lastgroup": lastgroup, "suppress_one_group": suppress_one_group}
    dropped, saturated = whole(_everywhere, ramp, asked)
    first, n_groups = 0, ramp.n_groups
    if _is_miri(ramp) and n_groups > 1:
        first, n_groups = _usable_groups(dropped)
    if saturated[first]:
        raise Skip("the first group of every ramp is saturated")
    plane = ramp.shape[-2:]
    sampling = Sampling(group_time, frame_time, n_frames, first, n_groups, suppress, unbiased)
    ramps = (
        ramp.data, groupdq, ramp.pixeldq, _plane(gain, plane), _plane(readnoise, plane), ramp.average_dark_current,
        ramp.zeroframe, sampling,
    )  # fmt: skip
    fits = fit_slopes(*ramps)
    note(groups_fitted=n_groups, first_group=first)
    if save_opt:
        content = fit_optional(*ramps, fits[1].slope, _lead(ramp, n_frames))
        meta = _named(ramp, opt_name)
        byproduct(fitopt=Tensors(schema="rampfitoutput", content=content, meta=meta, history=ramp.history))
    if save_chisq:
        chisq, freedom = chi_square(*ramps, fits[1].slope)
        byproduct(chisq=_map(ramp, chisq), chisq_dof=_map(ramp, freedom))
    return _results(fits, ramp, gain)


def _map(ramp: Ramp, data, name: str = "") -> Image:
    return Image(data=data, unit="", meta=_named(ramp, name), history=ramp.history)


def _named(ramp: Ramp, name: str):
    return ramp.meta.set({"jwgpu.output": name}) if name else ramp.meta


def _lead(ramp: Ramp, n_frames: int) -> float:
    """Return the time of the first group since the reset, in intervals between groups."""
    dropped, gap = (int(ramp.meta.get(f"exposure.{name}") or 0) for name in ("drop_frames1", "groupgap"))
    return ((n_frames + 1) / 2 + dropped) / (n_frames + gap)


def _results(fits: tuple[Slopes, Slopes], ramp: Ramp, gain: Reference) -> RampFit:
    meta = ramp.meta
    if "exposure.gain_factor" in gain.meta:
        meta = meta.set({"exposure.gain_factor": gain.meta.get("exposure.gain_factor")})
    tables = ({}, {name: table for name, table in ramp.tables.items() if name in ("int_times", "int_times_stripe")})
    return RampFit(
        *(
            Image(
                data=fit.slope, err=fit.error, dq=fit.dq, var_poisson=fit.var_poisson, var_rnoise=fit.var_rnoise,
                unit="DN/s", meta=meta, history=ramp.history, tables=kept,
            )
            for fit, kept in zip(fits, tables)
        )
    )  # fmt: skip


def _likelihood(ramp: Ramp, gain: Reference, readnoise: Reference, groupdq) -> Likelihood:
    plane = ramp.shape[-2:]
    times = _read_times(ramp)
    fit = fit_likelihood(
        ramp.data, groupdq, ramp.pixeldq, _plane(gain, plane), _plane(readnoise, plane), ramp.average_dark_current,
        ramp.zeroframe, times,
    )  # fmt: skip
    note(differences_fitted=times.table.shape[1])
    return fit


def _read_times(ramp: Ramp) -> Times:
    """Return when each frame of each group was read, for the likelihood."""
    reads = ramp.meta.get("exposure.read_times")
    if reads is None or len(reads) == 0:
        values = _positive(ramp, "frame_time", "nframes")
        gap = int(ramp.meta.require("exposure.groupgap", "ramp_fit"))
        frame_time, n_frames = float(np.float32(values["frame_time"])), int(values["nframes"])
        reads = even_reads(ramp.n_groups, n_frames, gap, frame_time)
    elif len(reads) != ramp.n_groups:
        raise InputError(
            f"{ramp.name}: meta.exposure.read_times has the times of {len(reads)} groups, but the ramp has "
            f"{ramp.n_groups}; give one list of read times (s) for each group"
        )
    return Times.of(list(reads), ramp.zeroframe is not None and np.size(reads[0]) > 1)


def _positive(ramp: Ramp, *names: str) -> dict:
    """Return metadata of the exposure that have to be positive."""
    values = {name: ramp.meta.require(f"exposure.{name}", "ramp_fit") for name in names}
    wrong = [name for name, value in values.items() if not value > 0]
    if wrong:
        raise InputError(
            f"{ramp.name}: meta.exposure.{wrong[0]} is {values[wrong[0]]}, but ramp_fit needs a positive number; "
            f"set it with exposure.replace(meta=exposure.meta.set({{'exposure.{wrong[0]}': ...}}))"
        )
    return values


def _times(ramp: Ramp) -> tuple[float, float, int]:
    """Return group time, frame time (s) and frames per group, the times rounded to float32 as officially."""
    values = _positive(ramp, "group_time", "frame_time", "nframes")
    if _uneven(ramp):
        raise InputError(
            f"{ramp.name}: its {ramp.n_groups} groups are unevenly spaced in time (meta.exposure.read_times), which "
            f"least squares cannot fit, and LIKELY needs at least {LIKELY_GROUPS}; give more groups"
        )
    return float(np.float32(values["group_time"])), float(np.float32(values["frame_time"])), int(values["nframes"])


def _uneven(ramp: Ramp) -> bool:
    """Say whether the groups have times of their own."""
    reads = ramp.meta.get("exposure.read_times")
    return reads is not None and len(reads) > 0


def _select(ramp: Ramp, firstgroup: int | None, lastgroup: int | None):
    """Return groupdq with DO_NOT_USE outside firstgroup..lastgroup; the ramp's own array where nothing changes."""
    last = ramp.n_groups - 1
    first, final = max(firstgroup or 0, 0), last if lastgroup is None else min(lastgroup, last)
    if (firstgroup is not None or lastgroup is not None) and first >= final:
        raise InputError(
            f"{ramp.name}: ramp_fit.firstgroup = {firstgroup} and lastgroup = {lastgroup} leave no two of its "
            f"{ramp.n_groups} groups; choose firstgroup < lastgroup, counted from 0"
        )
    if (first, final) == (0, last):
        return ramp.groupdq
    groupdq = ramp.own("groupdq")
    groupdq[:, :first] |= GROUP.DO_NOT_USE
    groupdq[:, final + 1 :] |= GROUP.DO_NOT_USE
    return groupdq


def _one_good(groupdq):
    """Return where an integration has a single good group, (integration, y, x)."""
    n_good = namespace(groupdq).zeros(groupdq[:, 0].shape, dtype=np.uint16)
    for group in range(groupdq.shape[1]):
        n_good += (groupdq[:, group] & ~GROUP.PERSISTENCE) == 0
    return n_good == 1


def _usable_groups(dropped: np.ndarray) -> tuple[int, int]:
    """Return the first group and the number of groups without those at either end that no pixel may use."""
    n_groups = len(dropped)
    first = n_groups if dropped.all() else int(dropped.argmin())
    last = n_groups - 1 if first < n_groups and dropped[-1] else n_groups
    if last - first < 2:
        raise Skip("fewer than two groups are left after those that no pixel may use")
    return first, last - first


def _plane(reference: Reference, shape: tuple[int, int]):
    data = reference.check_shape("data", shape)
    return data.astype(namespace(data).float32, copy=False)
