"""What steps know of the scene before ramps are fitted: a draft rate, and where light falls on NIRSpec."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Exposure, Image, Ramp, Reference
from jwgpu.numerics.background import NIRSPEC_FIXED_SLITS
from jwgpu.numerics.slopes import Sampling, fit_slopes
from jwgpu.step import Skip, note
from jwgpu.wcs import nirspec_light
from jwgpu.wcs.nirspec import OPTICS


def is_nirspec_full(exposure: Exposure) -> bool:
    """Say whether an exposure is a full frame of NIRSpec, on which it is known where light falls."""
    return exposure.meta.get("instrument.name") == "NIRSPEC" and exposure.meta.get("subarray.name") == "FULL"


def _is_ramp(exposure, parameters) -> bool:
    return isinstance(exposure, Ramp)


def _masks(*kinds: str):
    """Return whether an exposure has spectra to be masked; of some exposure types where they are named."""

    def masks(exposure, parameters) -> bool:
        kind, asked = exposure.meta.get("exposure.type"), bool(parameters["mask_science_regions"])
        return asked and is_nirspec_full(exposure) and kind in (kinds or nirspec_light.NEEDED)

    return masks


WANTED = {
    **dict.fromkeys(("gain", "readnoise"), _is_ramp),
    **dict.fromkeys((*OPTICS, "msa", "msaoper"), _masks()),
    **dict.fromkeys(("ifuslicer", "ifupost"), _masks("NRS_IFU")),
    "msametafile": _masks("NRS_MSASPEC"),
}
"""For which exposures, and with which parameters, a step that looks at the scene wants these references."""


def draft_rate(exposure: Exposure, gain: Reference | None, readnoise: Reference | None, per_integration: bool = False):
    """Return a rate in which to look for background, and its flags; of rates, what they hold.

    Parameters
    ----------
    exposure : Ramp or Image
    gain, readnoise : Reference, optional
        Needed for a ramp.
    per_integration : bool
        A rate for each integration of a ramp, (integration, y, x), instead of one for all, (y, x).

    Returns
    -------
    rate : float32, DN / s
    dq : (y, x) or as `rate`, uint32, or None

    Raises
    ------
    Skip
        A ramp has one group, or there is no gain or read noise.
    """
    if not isinstance(exposure, Ramp):
        return exposure.data, exposure.dq
    if exposure.n_groups == 1:
        raise Skip("one group has no slope")
    for kind, reference in (("gain", gain), ("readnoise", readnoise)):
        if reference is None:
            raise Skip(f"there is no {kind} reference for this exposure, which the draft rate needs")
    meta, owner = exposure.meta, "the draft rate"
    times = (float(np.float32(meta.require(f"exposure.{n}", owner))) for n in ("group_time", "frame_time"))
    n_frames = int(meta.require("exposure.nframes", owner))
    plane = exposure.shape[-2:]
    fits = fit_slopes(
        exposure.data, exposure.groupdq, exposure.pixeldq,
        gain.check_shape("data", plane), readnoise.check_shape("data", plane),
        exposure.average_dark_current, exposure.zeroframe,
        Sampling(*times, n_frames, 0, exposure.n_groups, suppress_one_group=True),
    )  # fmt: skip
    fit = fits[per_integration]
    return fit.slope, fit.dq


def nirspec_spectra(exposure: Exposure, dq, optics):
    """Return the pixels of a NIRSpec full frame that may see light; None where no aperture sends any to the detector.

    What is not known for want of references goes to the notes of the step.

    Parameters
    ----------
    exposure : Exposure
    dq : (y, x) or (integration, y, x) uint32, or None
        Pixels flagged MSA_FAILED_OPEN see light, too.
    optics : sequence of Reference or None
        Those of the optics, shutters, slices and open shutters.

    Raises
    ------
    Skip
        Only the MSA metadata file is missing.
    """
    xp, meta = namespace(exposure.data), exposure.meta
    references = {reference.type: reference for reference in optics if reference is not None}
    hidden = xp.zeros(exposure.shape[-2:], dtype=bool)
    kind, unknown = meta.get("exposure.type"), []
    fixed = kind not in ("NRS_MSASPEC", "NRS_IFU")
    missing = _missing(references, nirspec_light.NEEDED.get(kind, ()))
    if kind not in nirspec_light.NEEDED:
        unknown.append(f"slits: not known for {kind}")
    elif missing == ["msametafile"]:
        raise Skip(
            f"the MSA metadata file {meta.get('instrument.msa_metadata_file', '(MSAMETFL)')}, which says what shutters "
            "were open, is not beside the exposure; put it there, name it as an override (msametafile=FILE), or set "
            "mask_science_regions=False"
        )
    elif missing:
        unknown.append(f"spectra: there is no {missing[0]} reference")
    else:
        try:
            fixed = nirspec_light.science(meta, references, hidden) or fixed
        except nirspec_light.Dark as dark:
            note(not_masked=str(dark))
            return None
    if kind in nirspec_light.NEEDED:
        if missing := _missing(references, ("msa", "msaoper")):
            unknown.append(f"failed-open shutters: there is no {missing[0]} reference")
        else:
            note(failed_open_shutters=nirspec_light.failed_open(meta, references, hidden))
    if unknown:
        note(not_masked="; ".join(unknown))
    if not fixed:
        hidden[NIRSPEC_FIXED_SLITS] = True
    return hidden if dq is None else hidden | ((dq & PIXEL.MSA_FAILED_OPEN) != 0)


def _missing(references: Mapping[str, Reference], kinds) -> list[str]:
    return [kind for kind in (*OPTICS, *kinds) if kind not in references]


def beside(exposure: Exposure, data) -> Exposure:
    """Return a noun of the kind of `exposure` with other data and no flags, to be left beside a result."""
    if isinstance(exposure, Image):
        return Image(data=data, unit=exposure.unit, meta=exposure.meta)
    xp = namespace(data)
    flags = {"groupdq": xp.zeros(data.shape, dtype=np.uint8), "pixeldq": xp.zeros_like(exposure.pixeldq)}
    return Ramp(data=data, unit=exposure.unit, meta=exposure.meta, **flags)
