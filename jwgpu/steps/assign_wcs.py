"""Give every pixel its place on the sky."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Image, Reference
from jwgpu.errors import InputError
from jwgpu.step import Skip, note, step


@step(unit=None, wanted={"filteroffset": lambda image, parameters: image.meta.get("instrument.name") != "FGS"})
def assign_wcs(
    image: Image,
    distortion: Reference | None = None,
    filteroffset: Reference | None = None,
    *,
    sip_approx: bool = True,
    sip_max_pix_error: float = 0.01,
    sip_degree: int | None = None,
    sip_max_inv_pix_error: float = 0.01,
    sip_inv_degree: int | None = None,
    sip_npoints: int = 12,
) -> Image:
    """Give every pixel its place on the sky.

    A pixel is moved to the full frame, by the offset of the filter and through the distortion polynomials to the
    telescope's V2, V3; the aberration by the motion of the observatory is taken out; the attitude (RA_REF, DEC_REF,
    ROLL_REF at V2_REF, V3_REF) leads to ICRS. The result is `image.wcs`, in whose bounding box lie the pixels of the
    exposure::

        ra, dec = attitude(aberration(distortion(x + x0 + dx, y + y0 + dy)))

    S_REGION in the header is its outline on the sky, CRPIX1 and the following keywords approximate it by a
    tangent plane with SIP polynomials for software that knows no gwcs.

    Parameters
    ----------
    image : Image
        A plane (y, x) or a stack (integration, y, x) of an imaging mode.
    distortion : Reference, optional
        Transform `model` from pixels of the full frame to V2, V3 (arcsec). Without one, the polynomials of SIAF stand
        in for it where pysiaf is installed; the history says so.
    filteroffset : Reference, optional
        Table `filters` of pixels by which filters move the image: `filter`, `pupil`, `column_offset`, `row_offset`.
    sip_approx : bool
        Whether to write the approximation by SIP polynomials.
    sip_max_pix_error : float
        Largest error of the approximation, pixels; the lowest degree that reaches it is taken.
    sip_degree : int, optional
        Degree of the polynomials instead, 1 to 6.
    sip_max_inv_pix_error : float
        The same for the polynomials from sky to pixels.
    sip_inv_degree : int, optional
        The same for the polynomials from sky to pixels.
    sip_npoints : int
        Points along each axis at which the approximation is fitted, at least 3.

    Returns
    -------
    Image
        With `wcs` and with `meta.wcsinfo` changed; the arrays are shared.

    Raises
    ------
    InputError
        The header lacks the attitude or has an impossible VA_SCALE, a degree is out of range, or the distortion does
        not lead from two coordinates to two.

    Skips when
    ----------
    The exposure is no image of the sky (spectra, darks), or there is neither a distortion reference nor pysiaf.

    Differs from jwst
    -----------------
    Spectroscopic modes are not done yet. Without a distortion reference SIAF stands in for it, where the official step
    fails.

    References
    ----------
    Shupe et al. 2005, ASPC 347, 491 (SIP); Calabretta & Greisen 2002, doi:10.1051/0004-6361:20021327.
    """
    from jwgpu.wcs import WCS, sip
    from jwgpu.wcs.imaging import EXP_TYPES, imaging
    from jwgpu.wcs.outline import outline

    kind = image.meta.require("exposure.type", "assign_wcs")
    if kind not in EXP_TYPES:
        raise Skip(f"{kind} is no image of the sky, and other modes are not done yet")
    for name, degree in (("sip_degree", sip_degree), ("sip_inv_degree", sip_inv_degree)):
        if degree is not None and not 1 <= degree <= 6:
            raise InputError(f"assign_wcs.{name} = {degree}: give a degree from 1 to 6, or None for one that serves")
    model = _siaf(image) if distortion is None else _model(distortion)
    wcs = WCS(imaging(image.meta, image.shape[-2:], model, _offset(image, filteroffset)))
    values = {"wcsinfo.s_region": outline(wcs)}
    if sip_approx:
        pixel = [image.meta.get("wcsinfo.crpix1"), image.meta.get("wcsinfo.crpix2")]
        approximation, facts = sip.keywords(
            image.meta,
            wcs,
            pixel=None if None in pixel else pixel,
            max_pix_error=sip_max_pix_error,
            degree=sip_degree or sip.DEGREES,
            max_inv_pix_error=sip_max_inv_pix_error,
            inv_degree=sip_inv_degree or sip.DEGREES,
            npoints=sip_npoints,
        )
        note(**facts)
        values |= approximation
    return image.replace(wcs=wcs, meta=image.meta.set(values))


def _model(distortion: Reference):
    model = distortion.model
    if (model.n_inputs, model.n_outputs) != (2, 2):
        raise InputError(
            f"distortion reference {distortion.name}: its model leads from {model.n_inputs} coordinates to "
            f"{model.n_outputs}; an image needs one from 2 to 2: give the distortion reference of an imaging mode"
        )
    return model


def _siaf(image: Image):
    from jwgpu.wcs import siaf

    try:
        model, words = siaf.distortion(image.meta)
    except ImportError as error:
        raise Skip(
            "there is no distortion reference for this exposure, and pysiaf, whose polynomials could stand in for it, "
            "is not installed"
        ) from error
    note(remark=f"no distortion reference: {words}")
    return model


def _offset(image: Image, filteroffset: Reference | None) -> tuple[float, float] | None:
    """Return the shift of the exposure's filter in pixels (x, y); None where the table does not have it."""
    if filteroffset is None:
        return None
    # MIRI has no pupil wheel.
    wheels = ("filter",) if image.meta.get("instrument.name") == "MIRI" else ("filter", "pupil")
    wanted = [str(image.meta.get(f"instrument.{wheel}", "")).upper() for wheel in wheels]
    for row in filteroffset.filters:
        shift = float(row["column_offset"]), float(row["row_offset"])
        if [str(row[wheel]).upper() for wheel in wheels] == wanted and np.isfinite(shift).all():
            return shift
    note(filter_offset="none")
    return None
