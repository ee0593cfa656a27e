"""Two images of one part of the sky on one grid, so that they blink, are swiped and subtracted by their coordinates."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Image
from jwgpu.errors import InputError
from jwgpu.numerics.blot import blot
from jwgpu.wcs.pixmap import Pixmap

_BLOTTED = ("data", "err", "wht")


def on_grid(image: Image, grid: Image) -> Image:
    """Return an image as the pixels of another one see it.

    Values are interpolated linearly between the pixels around each place, flags are those of the pixel it falls into;
    outside of the image values are NaN and pixels are DO_NOT_USE. Values in units of a pixel are not scaled to the
    area of the other ones.

    Parameters
    ----------
    image, grid : Image
        Single planes with a WCS.

    Returns
    -------
    Image
        With `data`, `err`, `wht` and `dq`, as far as `image` has them, and the WCS of `grid`.

    Raises
    ------
    InputError
        One of them is a stack or has no WCS.
    """
    for noun in (image, grid):
        if not isinstance(noun, Image) or noun.data.ndim != 2 or noun.wcs is None:
            raise InputError(
                f"show: {noun.name} cannot be linked by sky coordinates: that takes single images with a WCS "
                "(after assign_wcs)"
            )
    xp = namespace(image.data)
    # With one more pixel on each side, as the drizzle wants them.
    x, y = (c[1:-1, 1:-1] for c in Pixmap(grid.wcs, image.wcs, grid.shape, xp=xp)())
    arrays = dict.fromkeys(image.arrays())
    for name in _BLOTTED:
        if (array := getattr(image, name)) is not None:
            arrays[name] = blot(xp.ascontiguousarray(array, dtype=np.float32), x, y)
    if image.dq is not None:
        rows, columns = image.shape
        inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)  # where there is a value; and not NaN
        row, column = (
            xp.minimum(xp.rint(xp.where(inside, c, 0)), n - 1).astype(np.int64) for c, n in ((y, rows), (x, columns))
        )
        arrays["dq"] = xp.where(inside, image.dq[row, column], np.uint32(PIXEL.DO_NOT_USE))
    return image.replace(**arrays, wcs=grid.wcs)
