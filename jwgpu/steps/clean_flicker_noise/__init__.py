"""Remove the 1/f noise of the read-out: stripes along the lines of a detector, different in every group."""

from __future__ import annotations

from typing import Literal

import numpy as np

from jwgpu import scene
from jwgpu.backend import namespace
from jwgpu.cut import Count, Cut
from jwgpu.data import GROUP, PIXEL, Exposure, Image, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.background import background_pixels
from jwgpu.step import ParameterError, Skip, byproduct, note, progress, step
from jwgpu.steps.clean_flicker_noise import autoparam as automatic
from jwgpu.steps.clean_flicker_noise.cleaning import Cleaner, box_size, outputs, smooth_flat

_FFT = ("NRS_MSASPEC", "NRS_IFU", "NRS_FIXEDSLIT", "NRS_BRIGHTOBJ")
_CUTOFF = {"ALLSLITS": (150.0, 200.0, 49943.0, 49957.0)}
_USUAL_CUTOFF = (1061.0, 1211.0, 49943.0, 49957.0)


def _flat(exposure, parameters) -> bool:
    kind = exposure.meta.get("exposure.type")
    return bool(
        parameters["apply_flat_field"]
        or (parameters["autoparam"] and kind in automatic.KINDS)
        or (parameters["mask_science_regions"] and kind == "MIR_IMAGE")
    )


def _cut(exposure, parameters) -> Cut:
    """Say that integrations part where each has a mask of its own and nothing is left beside."""
    saved = any(parameters[name] for name in ("save_mask", "save_background", "save_noise"))
    alone = parameters["user_mask"] is False and not parameters["single_mask"] and not parameters["autoparam"]
    return Cut("integration" if alone and not saved else None, sets=0)


@step(unit=None, streams=_cut, wanted={**scene.WANTED, "flat": _flat})
def clean_flicker_noise(
    exposure: Exposure,
    gain: Reference | None = None,
    readnoise: Reference | None = None,
    flat: Reference | None = None,
    user_mask: Reference | None = None,
    camera: Reference | None = None,
    collimator: Reference | None = None,
    disperser: Reference | None = None,
    fpa: Reference | None = None,
    wavelengthrange: Reference | None = None,
    msa: Reference | None = None,
    ifuslicer: Reference | None = None,
    ifupost: Reference | None = None,
    msaoper: Reference | None = None,
    msametafile: Reference | None = None,
    *,
    autoparam: bool = False,
    fit_method: Literal["fft", "median"] = "median",
    fit_by_channel: bool = False,
    background_method: Literal["median", "model", "median_image"] | None = "median",
    background_box_size: list[int] | None = None,
    mask_science_regions: bool = False,
    apply_flat_field: bool = False,
    n_sigma: float = 2.0,
    fit_histogram: bool = False,
    single_mask: bool = True,
    save_mask: bool = False,
    save_background: bool = False,
    save_noise: bool = False,
) -> Exposure:
    """Measure the stripes of every group in pixels that show background alone, and subtract them.

    1/f noise drifts while a detector is read, so that lines along the fast axis get levels of their own, in every group
    others. A draft rate tells sources from background. In the difference d of each group and the one before,

        noise = stripes(d - background),    background = median(d), or a smooth model,

    where stripes are the medians of lines (`median`), or their low frequencies (`fft`, [1]_), of the pixels that are
    background in the draft, have no jump, and lie within `n_sigma` of the background of d. What is left of the
    differences is added up again.

    Parameters
    ----------
    exposure : Ramp or Image
        Groups after `jump` and before `ramp_fit`, in DN, or rates, each plane of which is cleaned, in DN/s.
    gain, readnoise : Reference, optional
        As in `ramp_fit`, for the draft rate of a ramp.
    flat : Reference, optional
        `data` (y, x), by which images are divided before the fit (`apply_flat_field`); `dq`, which tells the pixels of
        MIRI that are not for science (`mask_science_regions`).
    user_mask : Reference, optional
        `data` (y, x) or (integration, y, x), not 0 where there is background; takes the place of the draft rate. Only
        you can give it: `--set clean_flicker_noise.user_mask=FILE`, the file that `save_mask` leaves, or an array:
        `jw.Reference("user_mask", "mine", {"data": mask})`.
    camera, collimator, disperser, fpa, wavelengthrange, msa, ifuslicer, ifupost, msaoper : Reference, optional
        Where light falls on NIRSpec, for `mask_science_regions`, as in `picture_frame`.
    msametafile : Reference, optional
        Which shutters were open in a MOS exposure, for the same.
    autoparam : bool
        Choose `background_method`, `fit_by_channel` and `apply_flat_field` for images of NIRCam and NIRISS, whatever
        is given.
    fit_method : str
        "median", or "fft" for NIRSpec spectra.
    fit_by_channel : bool
        Fit each amplifier by itself: full frames of the near-infrared, "median".
    background_method : str, optional
        "median": one level; "model": a smooth surface through medians of boxes; None: the background counts as noise.
    background_box_size : list of int, optional
        Pixels of a box along y and x; the largest up to 32 that divide the image evenly unless given.
    mask_science_regions : bool
        NIRSpec: take no pixel for background that light may reach. MIRI images: nor any that is not for science.
    apply_flat_field : bool
        Divide by the flat before the fit, and multiply after.
    n_sigma : float
        Width of the background in standard deviations; 0 for no clipping.
    fit_histogram : bool
        Take the background of the draft from a Gaussian fitted to the histogram of its values.
    single_mask : bool
        One mask for all integrations, instead of one for each.
    save_mask, save_background, save_noise : bool
        Leave the background pixels (1), the backgrounds, or what was added to the data, as the by-products `mask`,
        `flicker_bkg` and `flicker_noise`.

    Returns
    -------
    Ramp or Image
        `data` without the stripes; the first group of an integration is unchanged.

    Raises
    ------
    InputError
        The mask or a reference has another shape than the exposure.
    ParameterError
        `background_box_size` is not two numbers above 0.

    Skips when
    ----------
    MIRI data are no images; `fft` is asked for other exposures than NIRSpec spectra; a ramp has one group; there is
    no gain or read noise for the draft; `median_image` is asked for; the metadata file of a MOS exposure is missing.

    Differs from jwst
    -----------------
    * `background_method="median_image"`, for time series, is not done yet.
    * `mask_science_regions`: NIRISS SOSS traces are not masked, nor spectra in subarrays of NIRSpec; the record says
      so.
    * `fft`: a line with fewer background pixels than frequencies stays as it is; there, an inverse of what has none
      ends the step, or gives noise.
    * Channels are quarters of a full frame of any size; there, of 2048 pixels.
    * Where no flat is to be had `apply_flat_field` is left out, as there; the record says so.

    References
    ----------
    .. [1] Rauscher, B. J. 2024, PASP 136, 015001, doi:10.1088/1538-3873/ad1b36.
    .. [2] Willott, C., image1overf, on whose method the median of the official step is built.
    """
    kind, plane = str(exposure.meta.get("exposure.type", "")), exposure.shape[-2:]
    _check(exposure, kind, fit_method, background_method, background_box_size)
    xp = namespace(exposure.data)
    sensitivity = None
    if flat is not None and (apply_flat_field or autoparam):
        sensitivity = smooth_flat(flat.check_shape("data", plane))
    slow = 1 if kind.startswith("MIR") else abs(int(exposure.meta.require("subarray.slowaxis", "clean_flicker_noise")))
    if autoparam and kind in automatic.KINDS:
        rate, _ = scene.draft_rate(exposure, gain, readnoise)
        rate = xp.nanmean(rate, axis=0) if rate.ndim == 3 else rate
        background_method, fit_by_channel, seen = automatic.choose(rate, kind, slow, sensitivity)
        apply_flat_field = sensitivity is not None
        note(background_method=background_method, fit_by_channel=fit_by_channel, **seen)
    elif autoparam:
        note(autoparam=f"there is nothing to choose for {kind}")
    if not apply_flat_field:
        sensitivity = None
    elif sensitivity is None:
        note(apply_flat_field="there is no flat")
    if user_mask is not None:
        good = _mask_of(user_mask, exposure)
    else:
        rate, dq = scene.draft_rate(exposure, gain, readnoise, per_integration=not single_mask)
        optics = (camera, collimator, disperser, fpa, wavelengthrange, msa, ifuslicer, ifupost, msaoper, msametafile)
        hidden = _hidden(exposure, kind, dq, flat, optics) if mask_science_regions else None
        rate = rate if sensitivity is None else rate / sensitivity
        good = background_pixels(rate, hidden, above=n_sigma, histogram=fit_histogram)
        good = good.all(axis=0) if single_mask and good.ndim == 3 else good
    if save_mask:
        byproduct(mask=Image(data=good.astype(np.float32), unit="", meta=exposure.meta))
    subarray = exposure.meta.get("subarray.name")
    cleaner = Cleaner(
        fit_method, background_method, n_sigma, tuple(background_box_size or box_size(plane)), slow - 1,
        outputs(fit_by_channel, exposure.meta, plane[slow - 1]),
        exposure.meta.get("instrument.detector") != "NRS1", subarray == "FULL",
        _CUTOFF.get(subarray, _USUAL_CUTOFF), sensitivity,
    )  # fmt: skip
    return _cleaned(exposure, good, cleaner, save_background, save_noise)


def _check(exposure, kind: str, fit_method: str, background_method, box) -> None:
    if kind.startswith("MIR") and kind != "MIR_IMAGE":
        raise Skip(f"of MIRI, images alone are cleaned, not {kind}")
    if fit_method == "fft" and kind not in _FFT:
        raise Skip(f"fit_method='fft' is for NIRSpec spectra, not for {kind}; use 'median'")
    if background_method == "median_image":
        raise Skip("background_method='median_image' is not done yet; use 'median' or 'model'")
    if isinstance(exposure, Ramp) and exposure.n_groups == 1:
        raise Skip("one group has no difference")
    if box is not None and (len(box) != 2 or min(box) < 1):
        raise ParameterError(f"clean_flicker_noise.background_box_size = {box}: expected two numbers above 0")


def _mask_of(reference: Reference, exposure: Exposure):
    """Return the mask of the user as truth values."""
    data = reference.check_shape("data", exposure.shape[-2:])
    planes = exposure.shape[0] if len(exposure.shape) > 2 else 1
    if data.ndim not in (2, 3) or (data.ndim == 3 and data.shape[0] != planes):
        raise InputError(
            f"the mask {reference.name} has the shape {tuple(data.shape)}, and the exposure {planes} integrations; "
            "give one plane, or one for each integration"
        )
    return data[0] != 0 if data.ndim == 3 and len(exposure.shape) == 2 else data != 0


def _hidden(exposure, kind: str, dq, flat, optics):
    """Return the pixels that are known to show something else than background, or None."""
    if kind == "MIR_IMAGE":
        bad = np.uint32(PIXEL.DO_NOT_USE | PIXEL.NON_SCIENCE)
        flags = dq if flat is None else dq | flat.check_shape("dq", exposure.shape[-2:])
        return flags & bad != 0
    if scene.is_nirspec_full(exposure):
        return scene.nirspec_spectra(exposure, dq, optics)
    if kind.startswith("NRS") or kind == "NIS_SOSS":
        note(not_masked=f"spectra of {kind}, {exposure.meta.get('subarray.name')}")
    return None


def _cleaned(exposure, good, cleaner: Cleaner, save_background: bool, save_noise: bool):
    """Return the exposure with all its planes cleaned."""
    xp = namespace(exposure.data)
    before = exposure.data.copy() if save_noise else None
    backgrounds = xp.zeros(exposure.shape, np.float32) if save_background else None
    data = exposure.own("data")
    untouched, total = 0, 1 if data.ndim == 2 else len(data)
    for i in range(total):
        mask = good[i] if good.ndim == 3 else good
        part, kept = (a if a is None or a.ndim == 2 else a[i] for a in (data, backgrounds))
        if isinstance(exposure, Ramp):
            untouched += _ramp(part, exposure.groupdq[i], mask, cleaner, kept, (i, total))
        else:
            untouched += _plane(part, mask, cleaner, kept)
            progress((i + 1) / total)
    note(planes_without_background=Count(untouched))
    if save_background:
        byproduct(flicker_bkg=scene.beside(exposure, backgrounds))
    if save_noise:
        byproduct(flicker_noise=scene.beside(exposure, data - before))
    return exposure.replace(data=data)


def _plane(plane, good, cleaner: Cleaner, kept) -> bool:
    """Clean a plane in place; say whether it could not be."""
    noise, background = cleaner.clean(plane, good)
    if noise is None:
        return True
    plane -= noise
    if kept is not None:
        kept[...] = background
    return False


def _ramp(groups, flags, good, cleaner: Cleaner, kept, place: tuple[int, int]) -> int:
    """Clean the groups of an integration (group, y, x) in place; return how many could not be."""
    bad = GROUP.DO_NOT_USE | GROUP.JUMP_DET
    before, untouched = groups[0].copy(), 0
    for j in range(1, len(groups)):
        given = groups[j].copy()
        difference = given - before
        noise, background = cleaner.clean(difference, good & (flags[j] & bad == 0))
        if noise is None:
            untouched += 1
        else:
            groups[j] = groups[j - 1] + (difference - noise)
            if kept is not None:
                kept[j] = background
        before = given
        progress((place[0] + (j + 1) / len(groups)) / place[1])
    return untouched
