"""Take out the electromagnetic interference that MIRI's electronics put on its ramps.

A disturbance of known frequency shows in the pixels at the phase at which each was read. Its waveform comes from a
reference file or from the data, its amplitude and phase from the data; then it is subtracted, one frequency after the
other, in the order of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jwgpu.backend import namespace
from jwgpu.cut import Cut, here
from jwgpu.data import Ramp, Reference
from jwgpu.step import ParameterError, Skip, note, step
from jwgpu.steps.emicorr import joint, sequential
from jwgpu.steps.emicorr.cases import OUTPUTS, read_case

_PATTERNS = ("FAST", "FASTR1", "SLOW", "SLOWR1")


def _pattern(ramp: Ramp) -> str:
    return str(ramp.meta.get("exposure.readpatt", "")).upper()


def _needs_reference(ramp: Ramp, parameters: Mapping[str, Any]) -> bool:
    return parameters["onthefly_corr_freq"] is None and _pattern(ramp) in _PATTERNS


@step(unit="DN", streams=Cut("frames", sets=0), wanted={"emicorr": _needs_reference})
def emicorr(
    ramp: Ramp,
    emicorr: Reference | None = None,
    *,
    algorithm: Literal["sequential", "joint"] = "joint",
    nints_to_phase: int | None = None,
    nbins: int | None = None,
    scale_reference: bool = True,
    onthefly_corr_freq: list[float] | None = None,
    use_n_cycles: int | None = 3,
    fit_ints_separately: bool = False,
) -> Ramp:
    """Subtract the periodic disturbances (EMI) of MIRI readouts.

    `"joint"` fits straight ramps and the wave of the reference together, with the quiet half of the pixels, and works
    from 3 groups on: with p, q the line, z the wave, f its frequency, and t the time at which the pixel is read::

        S = p + q t + c z(phase + f t)

    `"sequential"` takes a line and a fixed pattern off every pixel and folds what is left with the
    period; it needs 4 groups, better 10, and no reference wave. A wave locked to the frames (390.625 Hz in full
    frames) is the same in every group, cannot be told from a bias by the joint fit, and stays.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), raw DN; `pixeldq` with the flags of the mask reference (dq_init).
    emicorr : Reference, optional
        `subarray_cases`: clocks and frequencies of each readout; `frequencies`: value in Hz and one period of the
        wave, `phase_amplitudes`. Not needed with `onthefly_corr_freq`.
    algorithm : {"sequential", "joint"}
        Fold what a line leaves, or fit lines and wave together, as said above.
    nints_to_phase : int, optional
        Sequential: how many integrations are folded.
    nbins : int, optional
        Sequential: bins of a period; half its ticks of 10 microseconds unless given; more than 501 mean 500.
    scale_reference : bool
        Sequential: give the reference wave the amplitude that the data show. Otherwise its own is taken.
    onthefly_corr_freq : list of float, optional
        Frequencies in Hz that are corrected with the wave found in the data, whatever the reference says; the
        algorithm is the sequential one.
    use_n_cycles : int, optional
        Sequential: fold as many integrations as hold this many periods of the first frequency; all where it is None.
        Without effect where `nints_to_phase` is given.
    fit_ints_separately : bool
        Joint: let every integration have its own phase and amplitude.

    Returns
    -------
    Ramp
        `data` corrected, DN.

    Raises
    ------
    ParameterError
        A count below 1, or a frequency that is not between 0 and 50 kHz.
    InputError
        The reference names a frequency without value or wave, or a wave that is not a row of finite numbers; or the
        metadata do not say NSAMPLES.

    Skips when
    ----------
    The exposure is not MIRI's; the read pattern is not FAST, FASTR1, SLOW or SLOWR1; there is no reference and no
    `onthefly_corr_freq`; neither knows the subarray; there are fewer than 3 groups (sequential: 4); or the number of
    columns is not a multiple of 4.

    Differs from jwst
    -----------------
    * `user_supplied_reffile` is deprecated there; give the file as the emicorr reference. `save_intermediate_results`
      writes a file there; steps of jwgpu write none.
    * Joint: the best of the 500 trial phases is refined by a parabola through it and its neighbours. Where it is the
      first or the last, jwst 3.0.0 takes its neighbour across the end of the period to be a whole period away, and
      half of the disturbance stays in the data. Like there, the amplitude is that of the next trial phase.
    * A NaN takes its pixel out of the fit; there, the fit of the whole exposure (joint), or of the integration it is
      in (sequential), comes to nothing.
    * Sequential, with 3 groups: nothing is subtracted there either, but the step is COMPLETE. Where a bin remains
      empty nothing is subtracted; there, with `scale_reference` off, the reference wave at a phase of 0 is.
    * As there, the last reference pixel of full-frame rows is taken by the sequential algorithm to be read
      2**32 + 3 ticks after its place.

    References
    ----------
    https://jwst-pipeline.readthedocs.io/en/stable/jwst/emicorr/description.html
    """
    _check(ramp, emicorr, onthefly_corr_freq, nints_to_phase=nints_to_phase, nbins=nbins, use_n_cycles=use_n_cycles)
    joined = algorithm == "joint" and onthefly_corr_freq is None
    least = 3 if joined else 4
    if ramp.n_groups < least:
        raise Skip(f"{ramp.n_groups} groups are too few: the {'joint' if joined else 'sequential'} fit needs {least}")
    clock, lines = read_case(ramp, emicorr, onthefly_corr_freq)
    data, pixeldq = ramp.own("data"), here(ramp.pixeldq)
    if joined:
        amplitudes = [joint.correct(data, pixeldq, clock, line, fit_ints_separately) for line in lines]
        note(frequencies=[line.name for line in lines], amplitudes=amplitudes)
        return ramp.replace(data=data)
    # As in the official package, the first frequency decides for all.
    n_phased = sequential.phased_integrations(clock, lines[0], nints_to_phase, use_n_cycles)
    for line in lines:
        sequential.correct(namespace(pixeldq), data, clock, line, n_phased, nbins, scale_reference)
    note(frequencies=[line.name for line in lines], phased_integrations=min(n_phased, ramp.shape[0]))
    return ramp.replace(data=data)


def _check(ramp: Ramp, reference: Reference | None, frequencies: list[float] | None, **counts: int | None) -> None:
    """Refuse impossible parameters, and exposures that this step does not correct."""
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ParameterError(f"emicorr.{name} = {value}: expected 1 or more")
    if str(ramp.meta.get("instrument.name", "")).upper() != "MIRI":
        raise Skip(f"{ramp.meta.get('instrument.name', 'the instrument')} shows no such disturbance, only MIRI does")
    pattern = _pattern(ramp)
    if pattern not in _PATTERNS:
        raise Skip(f"there is no correction for the read pattern {pattern or 'that is not said'}")
    if reference is None and frequencies is None:
        raise Skip("there is no emicorr reference for this exposure")
    if ramp.shape[-1] % OUTPUTS:
        raise Skip(f"{ramp.shape[-1]} columns are not a multiple of the {OUTPUTS} outputs")
