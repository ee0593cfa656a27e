"""Sources matched with others in a plane, and the affine map between them, by tweakwcs."""

from __future__ import annotations

import logging

import numpy as np


class ConfusedError(RuntimeError):
    """Several sources match one, or a fit has no solution."""


def matched(theirs: np.ndarray, ours: np.ndarray, scale: float, **options) -> tuple[np.ndarray, np.ndarray]:
    """Return which of their positions match which of ours.

    A histogram of all differences, in bins of a pixel, gives the offset; what lies within the tolerance of it matches.

    Parameters
    ----------
    theirs, ours : (n, 2) array, arcsec
        In one plane; those that are not finite match nothing.
    scale : float, arcsec
        Size of a pixel.
    **options
        `searchrad`, `separation`, `use2dhist`, `tolerance`, `xoffset`, `yoffset` (arcsec), as of tweakwcs.

    Raises
    ------
    ConfusedError
        Several sources match one.
    """
    from astropy.table import Table
    from tweakwcs.matchutils import XYXYMatch

    ahead = [np.flatnonzero(np.isfinite(places).all(axis=1)) for places in (theirs, ours)]
    if not all(len(chosen) for chosen in ahead):
        return np.zeros(0, int), np.zeros(0, int)
    _quiet()
    tables = [Table(places[chosen], names=("TPx", "TPy")) for places, chosen in zip((theirs, ours), ahead)]
    try:
        known, found = XYXYMatch(**options)(*tables, tp_pscale=scale, tp_units="arcsec")
    except RuntimeError as error:
        raise ConfusedError(f"sources are confused ({error}); change separation or tolerance") from error
    return ahead[0][np.asarray(known, int)], ahead[1][np.asarray(found, int)]


def fitted(theirs: np.ndarray, ours: np.ndarray, weight, geometry: str, nclip: int, sigma: float) -> dict:
    """Return the affine map that leads from our positions to theirs, (n, 2) each.

    Returns
    -------
    dict
        `matrix`, `shift` (about the origin), `used` (n,), `rmse`, `mae`, `rotation` (degrees), `scale`.

    Raises
    ------
    ConfusedError
        There is no such fit.
    """
    from tweakwcs.linearfit import NotEnoughPointsError, SingularMatrixError, iter_linear_fit

    _quiet()
    try:
        made = iter_linear_fit(theirs, ours, weight, None, fitgeom=geometry, nclip=nclip, sigma=(sigma, "rmse"))
    except (NotEnoughPointsError, SingularMatrixError) as error:
        raise ConfusedError(f"no fit: {error}") from error
    matrix, centre = made["matrix"], made["center"]
    return {"matrix": matrix, "shift": made["shift"] + centre - matrix @ centre, "rmse": made["rmse"],
            "used": np.asarray(made["fitmask"], bool), "mae": made["mae"], "rotation": made["proper_rot"],
            "scale": made["<scale>"]}  # fmt: skip


def _quiet() -> None:
    """Keep the log of tweakwcs to its errors: what it says beside them, a report says better."""
    for name in ("tweakwcs", "tweakwcs.matchutils", "tweakwcs.linearfit"):
        logging.getLogger(name).setLevel(logging.ERROR)
