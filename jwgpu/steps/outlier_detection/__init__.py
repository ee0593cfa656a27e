"""Flag what is in one exposure and not in the others: cosmic rays, and pixels that went bad."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Exposures, Image
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.masks import spread_invalid
from jwgpu.step import Skip, byproduct, note, progress, step
from jwgpu.steps.outlier_detection import imaging, stacks
from jwgpu.steps.outlier_detection.imaging import Limits, Resampling
from jwgpu.wcs.mosaic import grid

_IMAGES = ("NRC_IMAGE", "MIR_IMAGE", "NRS_IMAGE", "NIS_IMAGE", "FGS_IMAGE")
_CORONAGRAPHS = ("NRC_CORON", "MIR_LYOT", "MIR_4QPM")
_FLOATS = ("data", "err", "var_poisson", "var_rnoise", "var_flat")


@step(unit=None)
def outlier_detection(
    images: Exposures | Image,
    *,
    snr: str = "5.0 4.0",
    scale: str = "1.2 0.7",
    backg: float = 0.0,
    balance: float = 0.0,
    maskpt: float = 0.7,
    good_bits: str | None = "~DO_NOT_USE",
    resample_data: bool = True,
    resampling: Resampling = Resampling(),
    rolling_window_width: int = 25,
    save_intermediate_results: bool = False,
) -> Exposures | Image:
    """Flag what is in one exposure and not in the others.

    *Images of a set.* The exposures of each group are drizzled onto a grid that all share; what has less than `maskpt`
    of the usual weight there is left out. The median of the groups is interpolated at the pixels of each exposure. With
    d the difference without sign to the exposure, s its error, and g the largest difference of the interpolated median
    to one of its four neighbours, a pixel is an outlier if::

        d > scale_2 g + snr_2 s        and, for it or one of its eight neighbours,        d > scale_1 g + snr_1 s

    *The same pixels again*, with `resample_data` off: nothing is resampled, and a pixel is an outlier if it differs by
    more than snr_1 s from the median of all exposures.

    *A time series* (integration, y, x) is compared, by the same rule, with the median of the integrations around each;
    those of a coronagraph with the median of all.

    An outlier is flagged OUTLIER and DO_NOT_USE, and NaN in all arrays.

    Parameters
    ----------
    images : Exposures or Image
        `data`, `err`, `dq`, `wcs` of each, and `var_rnoise`, which says the weights. A level of the sky that is noted
        and not subtracted (`meta.background`) is taken off for the time.
    snr, scale : str
        Two numbers each: with the neighbours, and of the pixel itself.
    backg : float
        Level of the sky that the exposures have and the median has not; where a level is noted, that is used instead.
    balance : float
        Spare the cores of undersampled stars, which the median of resampled images shows too broad: a pixel is no
        outlier where light has only moved, where what is too bright and what is too dark in the 25 pixels around cancel
        but for this share of it. 0 spares none; 0.2 suits stars narrower than 2 pixels.
    maskpt : float
        Share of the usual weight that a pixel needs to count.
    good_bits : str, optional
        Flags that a pixel of the median may have: names or values joined by `+`, after `~` all but those.
    resample_data : bool
    resampling : Resampling
        `weight_type` "ivm" (inverse variance of the read noise) or "exptime"; `kernel` "square", "point" or "turbo";
        `pixfrac`, side of a drop in pixels; `fillval` for pixels without light, which take no part in the median;
        `pixmap_stepsize`, pixels between those whose place on the grid is computed, and `pixmap_order`, 1 or 3, of what
        lies between them.
    rolling_window_width : int
        Integrations of a time series that a median is taken of.
    save_intermediate_results : bool
        Leave the median as the by-product `median`, what an exposure should look like as `blot`, numbered.

    Returns
    -------
    Exposures or Image
        `dq`, and NaN in `data`, `err` and the variances, which are those of the input otherwise.

    Raises
    ------
    InputError
        `snr` or `scale` are no two numbers, an exposure has no WCS or no errors, or shapes differ that
        must be the same.

    Skips when
    ----------
    There is only one exposure, or all were taken at the same time; or they are spectra, which are not done yet.

    Differs from jwst
    -----------------
    Places on the grid are interpolated to 1e-5 pixel unless `pixmap_stepsize` says how. Exposures of one group have
    nothing to be compared with and are skipped, where officially their own blurred image is. Whether exposures wait in
    memory or in files is a matter of the set, not of `in_memory`. A window of 2 integrations moves along; officially
    its last median stands for all. The parameters of integral field units are not there yet.
    """
    if not 0 <= balance <= 1:
        raise InputError(f"outlier_detection.balance = {balance}: it is a share, from 0 to 1")
    limits = Limits(_two(snr, "snr"), _two(scale, "scale"), backg, balance)
    if isinstance(images, Image):
        return _flagged(images, _alone(images, good_bits, rolling_window_width, limits.snr[0]))
    kind = images[0].meta.get("exposure.type")
    if all(image.per_integration for image in images):
        members = []
        for k in range(len(images)):
            image = images.load(k)
            found = _alone(image, good_bits, rolling_window_width, limits.snr[0])
            members.append(images.put(_flagged(image, found), k))
        return images.with_members(members)
    if kind not in _IMAGES:
        raise Skip(f"exposures of type {kind} are not done yet")
    _check(images)
    if len(images) < 2:
        raise Skip("an outlier shows only beside other exposures, and there is one")
    weighting = imaging.Weighting(resampling.weight_type, good_bits, maskpt)
    if resample_data:
        if len(images.groups()) < 2:
            raise Skip("an outlier shows only beside other exposures, and all were taken at the same time")
        search = imaging.resampled(images, grid(images.members), resampling, weighting, limits)
    else:
        search = imaging.stacked(images, weighting, limits)
    return images.with_members(_members(images, search, save_intermediate_results))


def _two(words: str, name: str) -> tuple[float, float]:
    """Return the two numbers that a parameter says."""
    try:
        first, second = (float(word) for word in words.replace(",", " ").split())
    except ValueError as error:
        raise InputError(f"outlier_detection.{name} = {words!r}: give two numbers, such as '5.0 4.0'") from error
    return first, second


def _check(images: Exposures) -> None:
    for image in images:
        if image.wcs is None:
            raise InputError(f"{image.name} has no WCS; run assign_wcs on it")
        if image.per_integration:
            raise InputError(f"{image.name} has a plane for each integration, others have one; give images of one kind")
        missing = [name for name in ("err", "dq") if getattr(image, name) is None]
        if missing:
            raise InputError(f"{image.name} has no {missing[0]} array, by which outliers are judged")


def _alone(image: Image, good_bits: str | None, width: int, snr: float):
    """Return the outliers among the integrations of one exposure."""
    if not image.per_integration:
        raise Skip("an outlier shows only beside other exposures, and this is one; give a set of them")
    if image.meta.get("exposure.type") in _CORONAGRAPHS:
        return stacks.among_all(image, good_bits, snr)
    return stacks.in_time(image, good_bits, width, snr)


def _members(images: Exposures, search: imaging.Search, save: bool):
    """Yield the members with their outliers flagged."""
    if save:
        byproduct(median=search.median())
    found = []
    for k in range(len(images)):
        image = images.load(k)
        model = search.model(k)
        outliers = search.outliers(image, model)
        if save:
            byproduct(**{f"blot_{k + 1}": image.replace(data=model, err=None, dq=None, var_poisson=None,
                                                        var_rnoise=None, var_flat=None, area=None)})  # fmt: skip
        found.append(int(outliers.sum()))
        yield images.put(_flagged(image, outliers), k, blanked=True)
        progress((len(images) + k + 1) / (2 * len(images)))
    note(outliers=found)


def _flagged(image: Image, outliers) -> Image:
    """Return an image with outliers flagged, and NaN where a pixel is not to be used."""
    xp = namespace(image.data)
    arrays = {name: image.own(name) for name in (*_FLOATS, "dq") if getattr(image, name) is not None}

    def work(rows):
        part = {name: array[..., rows, :] for name, array in arrays.items()}
        flags = np.uint32(PIXEL.OUTLIER | PIXEL.DO_NOT_USE)
        part["dq"] |= xp.where(outliers[..., rows, :], flags, np.uint32(0))
        spread_invalid(xp, [part[name] for name in _FLOATS if name in part], part["dq"])

    over_rows(work, image.data)
    return image.replace(**arrays)
