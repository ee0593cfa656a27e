"""Files that the user makes, and no catalogue of references holds: arrays of flags, levels of the sky."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference import pixels, quality, window
from jwgpu.reference.window import Window

_BITS = 32


def flags(path: Path, meta: Meta, target: Window, label: str) -> np.ndarray:
    """Read the flags of a FITS file that the user has made: the first image in it.

    Those of superstripes may be of the detector, or have a plane for each stripe already.

    Parameters
    ----------
    path : Path
    meta : Meta
        Its header: SUBSTRT1/2 where it covers neither the full frame nor the very pixels of the exposure.
    target : Window
        Of the exposure, to which the flags are cut.
    label : str
        For messages.

    Returns
    -------
    uint32 array (y, x), or (superstripe, y, x)
        Flags of `data.flags.PIXEL`; of a file with a table DQ_DEF, translated through it.

    Raises
    ------
    InputError
        No FITS file, no image in it, one of another shape or of numbers that are no flags.
    """
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                image = next((hdu for hdu in hdus if hdu.is_image and hdu.shape), None)
                if image is None:
                    raise InputError(f"{label} holds no image; write the flags as one, (y, x), of whole numbers")
                dq = np.asarray(image.data)
                definitions = pixels.table(hdus["DQ_DEF"]) if "DQ_DEF" in hdus else None
    except (OSError, TypeError, KeyError, ValueError, fits.VerifyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{label} cannot be read as FITS ({error}); write it again: {path}") from error
    as_read = dq.ndim == 3 and target.planes("user_supplied_dq") and dq.shape[1:] == target.read
    if dq.ndim != 2 and not as_read:
        raise InputError(f"{label} has {dq.ndim} axes {dq.shape}; give the flags of each pixel, (y, x)")
    if not as_read:
        dq = window.take(dq, *window.cut(meta, dq.shape, target, label, "user_supplied_dq"))
    if dq.dtype.kind == "f" and not ((dq >= 0) & (dq < 2.0**_BITS) & (dq == np.floor(dq))).all():
        raise InputError(f"{label} holds numbers that are no flags; write whole numbers from 0 to 2^{_BITS} - 1")
    # Signed numbers are taken bit by bit: the highest flag makes them negative.
    return quality.translate(dq.astype(np.uint32), definitions, label)


def levels(path: Path, label: str) -> np.ndarray:
    """Read a text file with the name of an exposure and the level of its sky on each line; `#` begins a remark.

    Returns
    -------
    structured array
        name, sky.

    Raises
    ------
    InputError
        It cannot be read, holds no lines, or a line is something else.
    """
    try:
        lines = [line.partition("#")[0].split() for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [(name, float(value)) for name, value in filter(None, lines)]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{label} cannot be read ({error}); write the name of an exposure and a number on each line"
        ) from error
    if not rows:
        raise InputError(f"{label} is empty; write the name of an exposure and a number on each line")
    return np.array(rows, [("name", f"U{max(len(name) for name, _ in rows)}"), ("sky", "f8")])
