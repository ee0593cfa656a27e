"""The transform of an image in the words of FITS: a tangent plane with SIP polynomials, for what knows no gwcs."""

from __future__ import annotations

import warnings

import numpy as np

from jwgpu.data import Meta

DEGREES = range(1, 6)
"""Degrees of the polynomials that are tried where none is asked for."""


def keywords(meta: Meta, wcs, *, pixel=None, **options) -> tuple[dict, dict]:
    """Return the keywords of the approximation, and what is worth noting about it.

    Parameters
    ----------
    meta : Meta
        Of the image.
    wcs : WCS
    pixel : (x, y), optional
        Pixel, counted from 1, at which the plane touches; in the middle unless given.
    **options
        Of the approximation, as gwcs knows them: `max_pix_error`, `degree`, `max_inv_pix_error`, `inv_degree`,
        `npoints`.

    Returns
    -------
    values : dict
        Metadata by path, None for those that have been replaced. Nothing where there is no approximation.
    facts : dict
        Degree and errors (pixels), or why there is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that are then tried with a higher degree
            header = wcs.gwcs.to_fits_sip(crpix=pixel, projection="TAN", **options)
    except (ValueError, RuntimeError) as error:
        return {}, {"sip": f"no approximation: {error}"}
    old = ("cdelt", "pc1_", "pc2_", "a_", "b_", "ap_", "bp_")
    dropped = {f"wcsinfo.{name}": None for name, _ in meta.wcsinfo.items() if name.startswith(old)}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in header.items()}
    found = {name.lower(): value for name, value in plain.items() if not name.startswith("NAXIS")}
    facts = {"sip_degree": found.get("a_order", 1), "sip_max_error": found.get("sipmxerr"),
             "sip_inv_error": found.get("sipiverr")}  # fmt: skip
    return dropped | {f"wcsinfo.{name}": value for name, value in found.items()}, facts
