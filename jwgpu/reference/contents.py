"""What a FITS reference file holds, and where: looked up once, however often pieces of its images are read."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jwgpu import backend
from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference import header, pixels

_FILES = 64  # that are remembered


class Extension(NamedTuple):
    """One part of a FITS file.

    Attributes
    ----------
    number : int
        Its place in the file, from 0.
    name : str
        In capitals; `PRIMARY` for the first, if it has none.
    version : int
    shape : tuple of int
        Of an image; empty for one without data, and for tables.
    where : Plain or None
        Where the numbers of an image lie; None where they are compressed or scaled.
    table : structured array or None
    """

    number: int
    name: str
    version: int
    shape: tuple[int, ...]
    where: backend.Plain | None
    table: np.ndarray | None


class Contents(NamedTuple):
    """Metadata and parts of a FITS file."""

    meta: Meta
    extensions: tuple[Extension, ...]


def contents(path: Path, label: str) -> Contents:
    """Return what a FITS file holds; a file that has not changed since is not opened again.

    Raises
    ------
    InputError
        It cannot be read.
    """
    status = path.resolve().stat()
    return _contents(path, status.st_size, status.st_mtime_ns, label)


@functools.lru_cache(_FILES)
def _contents(path: Path, _size: int, _time: int, label: str) -> Contents:
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astropy warns of truncation and goes on; reading finds it out and stops
            with fits.open(path, memmap=False) as hdus:
                return Contents(header.from_fits(hdus[0].header), tuple(map(_extension, range(len(hdus)), hdus)))
    except (OSError, TypeError, KeyError, fits.VerifyError) as error:
        raise InputError(f"{label} cannot be read as FITS ({error}); fetch or copy it again: {path}") from error


def _extension(number: int, hdu) -> Extension:
    name = (hdu.name or "PRIMARY").upper()
    if name == "ASDF" or not hdu.is_image:
        return Extension(number, name, hdu.ver, (), None, None if name == "ASDF" else pixels.table(hdu))
    return Extension(number, name, hdu.ver, tuple(hdu.shape), backend.plain(hdu) if hdu.shape else None, None)
