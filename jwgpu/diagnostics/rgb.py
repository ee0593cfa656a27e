"""`jw.rgb`: three images of one field as one in colour."""

from __future__ import annotations

import numpy as np

from jwgpu import backend, markup
from jwgpu.data import PIXEL, Image
from jwgpu.diagnostics import windows
from jwgpu.diagnostics.figures import as_html, empty, png
from jwgpu.errors import InputError

_SIDE = 1200  # pixels of a side that are sent to the host and drawn


class Colour:
    """What `jw.rgb` returns; a picture in a notebook.

    Attributes
    ----------
    pixels : (y, x, 3) float32 on the host
        Red, green and blue, 0 to 1.
    step : int
        Pixels of the images to one of these.
    """

    def __init__(self, pixels: np.ndarray, step: int, names: tuple[str, str, str]):
        self.pixels, self.step, self.names = pixels, step, names

    def figure(self):
        """Return the picture as a matplotlib Figure."""
        rows, columns = self.pixels.shape[:2]
        figure = empty(8, 8 * rows / columns + 0.5)
        axes = figure.subplots()
        edges = (-0.5, columns * self.step - 0.5, -0.5, rows * self.step - 0.5)
        axes.imshow(self.pixels, origin="lower", extent=edges, interpolation="nearest")
        axes.set_xlabel("x (pixels)", fontsize=9)
        axes.set_ylabel("y (pixels)", fontsize=9)
        axes.tick_params(labelsize=8)
        return figure

    def _repr_html_(self) -> str:
        rows = list(zip(("red", "green", "blue"), self.names))
        return markup.table(("", ""), rows) + as_html(self.figure(), f"colour image: {self!r}", 96)

    def _repr_png_(self) -> bytes:
        return png(self.figure(), 96)

    def __repr__(self) -> str:
        return f"<Colour: red {self.names[0]}, green {self.names[1]}, blue {self.names[2]}>"


def rgb(red: Image, green: Image, blue: Image, *, percent: float = 99.7, softening: float = 0.05) -> Colour:
    """Show three images of one field, on one grid of pixels, as one in colour.

    With r, g, b the images above their median sky, in units of what `percent` of the pixels are below, and I their
    mean, each is multiplied by asinh(I / s) / (I asinh(1 / s)), s the softening: faint light is raised, and the colours
    of bright stars stay theirs [1]_.

    Parameters
    ----------
    red, green, blue : Image
        (y, x), for example mosaics of three filters from the longest wavelength to the shortest, in one unit.
    percent : float
    softening : float
        Smaller values raise faint light more.

    Raises
    ------
    InputError
        The images differ in shape, or are stacks.

    References
    ----------
    .. [1] Lupton et al. 2004, PASP 116, 133, doi:10.1086/382245
    """
    images = (red, green, blue)
    if any(image.data.ndim != 2 for image in images) or len({image.shape for image in images}) > 1:
        shapes = ", ".join(f"{image.name} {tuple(image.shape)}" for image in images)
        raise InputError(f"rgb: three images on one grid of pixels are needed ({shapes}); resample them to one")
    seen = windows.whole(red.shape, _SIDE)
    planes = np.stack([backend.to_host(windows.mean(_light(image), seen)) for image in images], axis=-1)
    sky = np.nanmedian(planes, axis=(0, 1))
    planes -= sky
    reach = np.nanpercentile(planes, percent, axis=(0, 1))
    planes = np.clip(np.nan_to_num(planes / np.where(reach > 0, reach, 1)), 0, None)
    mean = planes.mean(axis=-1, keepdims=True)
    factor = np.arcsinh(mean / softening) / np.where(mean > 0, mean, 1) / np.arcsinh(1 / softening)
    made = planes * factor
    made /= np.maximum(made.max(axis=-1, keepdims=True), 1)  # what is too bright keeps its colour
    filters = (str(image.meta.instrument.filter or image.name) for image in images)
    return Colour(made.astype(np.float32), seen.step, tuple(filters))


def _light(image: Image):
    """Return the data with NaN where they are not to be used."""
    if image.dq is None:
        return image.data
    xp = backend.namespace(image.data)
    return xp.where((image.dq & PIXEL.DO_NOT_USE) != 0, xp.float32(np.nan), image.data)
