"""The transform between the pixels of an exposure and the sky."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from jwgpu.backend import is_device_array, namespace
from jwgpu.numerics.plane import Plane, evaluate
from jwgpu.wcs import fitted, newton
from jwgpu.wcs.compile import Transform, compile
from jwgpu.wcs.stages import ToSpherical, Within

_MANY = 1 << 15  # points, for which it pays to look for a polynomial
_MARGIN, _ALONG = 2.0, 50  # pixels about an image whose places on the sky are taken for it; points along each side


class WCS:
    """Pixels to sky and back: a gwcs, and the functions of arrays compiled from it.

    >>> ra, dec = image.wcs(x, y)
    >>> x, y = image.wcs.invert(ra, dec)

    Pixels count from 0 at the centre of the first. Arrays may live on the host or on a GPU. Many points at a time go
    through polynomials that agree with the transform to 1e-12 degree and 1e-8 pixel, where there are such (`fitted`).

    Parameters
    ----------
    gwcs : gwcs.WCS, or a callable that gives one
        A callable is called when the transform is first asked for.
    """

    def __init__(self, gwcs):
        self._source: Callable | object = gwcs

    @functools.cached_property
    def gwcs(self):
        """The gwcs itself, for whatever else it can do."""
        return self._source() if callable(self._source) and not hasattr(self._source, "pipeline") else self._source

    @property
    def frames(self) -> tuple[str, ...]:
        """Names of the coordinate frames, from the detector to the sky."""
        return tuple(self.gwcs.available_frames)

    @functools.cached_property
    def bounding_box(self) -> tuple[tuple[float, float], ...] | None:
        """First and last valid pixel coordinate of each axis, x first; None where all are valid."""
        box = self.gwcs.bounding_box
        if box is None or not hasattr(box, "intervals"):
            return None
        box = box.bounding_box(order="F")
        return tuple(tuple(float(v) for v in pair) for pair in (box if np.ndim(box) == 2 else (box,)))

    @functools.cached_property
    def forward(self) -> Transform:
        """Pixels to sky."""
        return compile(self.gwcs.forward_transform)

    @functools.cached_property
    def backward(self) -> Transform | None:
        """Sky to pixels by the inverses that the models have; None where they have none."""
        try:
            return compile(self.gwcs.backward_transform)
        except NotImplementedError:
            return None

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Models that compute on the host, through astropy, as they have no translation into array operations."""
        return self.forward.fallbacks + (self.backward.fallbacks if self.backward else ())

    def between(self, start: str, end: str) -> Transform:
        """Return the compiled transform from one frame to another.

        >>> to_sky = image.wcs.between("v2v3", "world")
        """
        return compile(self.gwcs.get_transform(start, end))

    def __call__(self, *pixels, with_bounding_box: bool = True) -> tuple:
        """Return the sky coordinates (degrees) of pixels.

        Parameters
        ----------
        *pixels : array or float
            x, y.
        with_bounding_box : bool
            Whether pixels outside of the bounding box give NaN.
        """
        if with_bounding_box and _many(pixels) and self._planes[0] is not None:
            return evaluate(self._planes[0], *_columns(pixels))
        return (self._valid[0] if with_bounding_box else self.forward)(*pixels)

    def invert(self, *world, with_bounding_box: bool = True) -> tuple:
        """Return the pixels that sky coordinates (degrees) fall on.

        The inverses in the reference files are fits of their own, so that there and back can differ by some hundredths
        of a pixel; where a model has no inverse, Newton's method finds it to 1e-8 pixel.

        Parameters
        ----------
        *world : array or float
            Right ascension, declination.
        with_bounding_box : bool
            Whether what falls outside of the bounding box gives NaN.

        Raises
        ------
        NotImplementedError
            The gwcs has no inverse and is no transform of two coordinates with a bounding box.
        """
        if self.backward is None:
            return self._search(*world, with_bounding_box=with_bounding_box)
        if with_bounding_box and _many(world) and self._planes[1] is not None:
            return evaluate(self._planes[1], *_columns(world))
        return (self._valid[1] if with_bounding_box else self.backward)(*world)

    @functools.cached_property
    def _planes(self) -> tuple[Plane | None, Plane | None]:
        """Polynomials that stand in for both ways between the pixels of a detector and the sky, where there are any."""
        box = self.bounding_box
        if box is None or not isinstance((self.forward.stages or (None,))[-1], ToSpherical) or self.forward.n_in != 2:
            return None, None
        sky = fitted.to_sky(self.forward, box, 0.0 if self.forward.stages[-1].wrap_at == 360 else -180.0)
        if sky is None or self.backward is None:
            return sky, None
        return sky, fitted.to_pixels(self.backward, self._outline(_MARGIN), box)

    def _outline(self, margin: float) -> np.ndarray:
        """Return points of the sky about the bounding box, (n, 2), in degrees."""
        (x0, x1), (y0, y1) = self.bounding_box
        share, low, high = np.linspace(0, 1, _ALONG), np.zeros(_ALONG), np.ones(_ALONG)
        u, v = np.concatenate([share, share, low, high]), np.concatenate([low, high, share, share])
        x, y = (a - margin + w * (b - a + 2 * margin) for a, b, w in ((x0, x1, u), (y0, y1, v)))
        return np.stack(self.forward(x, y), axis=-1)

    @functools.cached_property
    def _valid(self) -> tuple[Transform, Transform | None]:
        """Both ways with NaN for pixels outside of the bounding box."""
        ways = self.forward, self.backward
        if self.bounding_box is None:
            return ways
        return tuple(
            way and dataclasses.replace(way, stages=(Within(way.stages, self.bounding_box, bool(comes_out)),))
            for comes_out, way in enumerate(ways)
        )

    def _search(self, *world, with_bounding_box: bool) -> tuple:
        box = self.bounding_box
        if box is None or (self.forward.n_in, self.forward.n_out) != (2, 2):
            raise NotImplementedError("this WCS has no inverse, and one can be searched for in images only")
        xp = namespace(*world)
        columns = xp.broadcast_arrays(*(xp.asarray(c, dtype=np.float64) for c in world))
        found = newton.invert(self.forward, *columns, tuple(sum(pair) / 2 for pair in box))
        if with_bounding_box:
            found = Within((), box, pixels_come_out=True)(xp, found)
        return tuple(float(f) for f in found) if all(np.ndim(c) == 0 for c in world) else found

    def footprint(self) -> np.ndarray:
        """Return the sky coordinates of the four corners of the bounding box, (4, 2), in degrees.

        They are the outer corners of the corner pixels, in the order (first x, first y), (first, last), (last, last),
        (last, first).
        """
        (x0, x1), (y0, y1) = self.bounding_box
        return np.stack(self.forward(np.array([x0, x0, x1, x1]), np.array([y0, y1, y1, y0])), axis=-1)

    def __reduce__(self):
        return (WCS, (self._source,))

    def __repr__(self) -> str:
        return f"<WCS {' -> '.join(self.frames)}>"


def _many(columns) -> bool:
    if len(columns) != 2 or all(np.ndim(c) == 0 and not is_device_array(c) for c in columns):
        return False
    return int(np.prod(np.broadcast_shapes(*(np.shape(c) for c in columns)))) > _MANY


def _columns(columns):
    xp = namespace(*columns)
    return (xp.asarray(c, dtype=np.float64) for c in columns)
