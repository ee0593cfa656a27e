"""The first header of a product, without its arrays: what files are sorted by."""

from __future__ import annotations

import os
from pathlib import Path

from astropy.io import fits

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.io import fitsfile
from jwgpu.io.headers import read_headers


def peek(path: str | os.PathLike) -> Meta:
    """Return the metadata in the first header of a JWST product.

    Raises
    ------
    InputError
        The file is missing, no FITS, or no product of JWST.
    """
    path = Path(path)
    fitsfile.check_file(path)
    try:
        header = fits.getheader(path, 0)
    except fitsfile.UNREADABLE as error:
        raise InputError(f"{path} cannot be read as FITS ({error}); fetch it again") from error
    if header.get("TELESCOP") != "JWST" or "REFTYPE" in header:
        raise InputError(f"{path} is not an exposure of JWST; name products of the JWST archive")
    return Meta(read_headers([("PRIMARY", header)])).set({"filename": path.name, "jwgpu.source": str(path.resolve())})
