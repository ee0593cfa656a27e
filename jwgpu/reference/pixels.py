"""Reading part of a FITS image, at the speed of the disk and without ever holding more than it."""

from __future__ import annotations

import itertools
import math
import warnings
from pathlib import Path

import numpy as np

from jwgpu import backend
from jwgpu.errors import InputError
from jwgpu.reference.window import take


def read(path: Path, extension, cut: tuple, dtype, label: str) -> np.ndarray:
    """Read some of an image of a file as a native, C-contiguous array of `dtype`.

    Plain images are read a megabyte at a time, in several threads, so that peak memory is the result and little more;
    memory-mapping instead would count the file's own pages on top. Compressed and scaled ones go through astropy.

    Parameters
    ----------
    path : Path
    extension : contents.Extension
        The image.
    cut : tuple of slice
        One for each axis, with start and stop, step 1; the last two as `window.cut` gives them.
    dtype : numpy dtype
    label : str
        Type and name of the file, for messages.

    Raises
    ------
    InputError
        The file ends before the array does.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a float64 beyond float32 becomes inf, and is judged later
        if extension.where is None:
            return _unpack(path, extension.number, cut).astype(dtype, copy=False)
        where = *extension.where, extension.shape
        if all(isinstance(part, slice) for part in cut):
            return _read_plain(*where, cut, dtype, label)
        return _read_lines(where, cut, dtype, label)


def _unpack(path: Path, number: int, cut: tuple) -> np.ndarray:
    from astropy.io import fits

    hull, kept = _hull(cut)
    with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
        warnings.simplefilter("ignore")
        array = np.asarray(hdus[number].section[hull] if len(cut) else hdus[number].data)
    return np.ascontiguousarray(take(array, *kept) if len(cut) > 1 else array)


def _read_lines(where: tuple, cut: tuple, dtype, label) -> np.ndarray:
    """Read lines that do not follow each other, plane by plane."""
    hull, kept = _hull(cut)
    numbers = itertools.product(*(range(s.start, s.stop) for s in hull[:-2]))
    planes = (_read_plain(*where, (*(slice(i, i + 1) for i in n), *hull[-2:]), dtype, label) for n in numbers)
    lines = np.stack([take(plane.reshape(plane.shape[-2:]), *kept) for plane in planes])
    return lines.reshape(*(s.stop - s.start for s in hull[:-2]), *lines.shape[1:])


def _hull(cut: tuple) -> tuple[tuple[slice, ...], tuple]:
    """Return the slices that hold what `cut` names, and what cuts that out of the last two axes of those."""
    hull = tuple(c if isinstance(c, slice) else slice(int(c.min()), int(c.max()) + 1) for c in cut)
    return hull, tuple(slice(None) if isinstance(c, slice) else c - h.start for c, h in zip(cut, hull))[-2:]


def _read_plain(path, offset, stored, shift, shape, cut, dtype, label) -> np.ndarray:
    *leading, rows, columns = (slice(0, 1), *cut) if len(cut) == 1 else cut
    *planes, height, width = (1, *shape) if len(shape) == 1 else shape
    result = np.empty([s.stop - s.start for s in (*leading, rows, columns)], dtype)
    numbers = itertools.product(*(range(s.start, s.stop) for s in leading))
    firsts = (
        sum(i * math.prod(planes[n + 1 :]) for n, i in enumerate(number)) * height + rows.start for number in numbers
    )
    target = result.reshape(-1, *result.shape[-2:])
    try:
        with open(path, "rb") as file:
            backend.read_lines(file.fileno(), offset, stored, shift, width, firsts, target, columns)
    except EOFError as error:
        raise InputError(f"{label} is truncated: {error}; fetch or copy it again") from error
    return result[0] if len(shape) == 1 else result


def table(hdu) -> np.ndarray:
    """Read a table as a native structured array; texts lose their trailing blanks."""
    columns = {name: np.asarray(hdu.data[name]) for name in hdu.data.names}
    fields = [(name, c.dtype.newbyteorder("="), c.shape[1:]) for name, c in columns.items()]
    result = np.empty(len(hdu.data), fields)
    for name, column in columns.items():
        result[name] = column
    return result
