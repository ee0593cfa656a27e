"""The grid of a mosaic: a tangent plane that holds exposures, from their outlines and some wishes, or a given one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np

from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.numerics.polygon import directions, sky
from jwgpu.wcs import stored
from jwgpu.wcs.outline import outline
from jwgpu.wcs.wcs import WCS

SPACING = 15
"""Pixels between points along the edge of an image whose area is measured."""


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The pixels of a mosaic.

    Attributes
    ----------
    wcs : WCS
    shape : (y, x)
    pixel_scale : float
        Side of a pixel, arcsec.
    ratio : float or None
        Side of a pixel over that of the first exposure; None where only the exposure can tell, see `scale_ratio`.
    """

    wcs: WCS
    shape: tuple[int, int]
    pixel_scale: float
    ratio: float | None


def grid(
    images: Sequence[Image],
    *,
    pixel_scale: float | None = None,
    pixel_scale_ratio: float = 1.0,
    rotation: float | None = None,
    crpix: Sequence[float] | None = None,
    crval: Sequence[float] | None = None,
    output_shape: Sequence[int] | None = None,
) -> Grid:
    """Return the grid that the outlines (S_REGION) of exposures fill.

    A tangent plane about the middle of all outlines, with the axes of the first exposure. Its pixel 0, 0 is where the
    outlines begin.

    Parameters
    ----------
    images : sequence of Image
    pixel_scale : float, optional
        Side of a pixel, arcsec.
    pixel_scale_ratio : float
        Without it: side of a pixel over that of the first exposure at its reference point.
    rotation : float, optional
        Position angle of the y axis, degrees from north to east. That of the first exposure where it is not given.
    crpix : (x, y), optional
        Pixel, from 0, of `crval`.
    crval : (ra, dec), optional
        Where the plane touches the sky, degrees.
    output_shape : (x, y), optional
        Pixels of the mosaic.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        A header lacks what the grid follows from, or the grid is less than two pixels wide.
    """
    first = images[0]
    corners = np.concatenate([_corners(image) for image in images])
    middle = tuple(crval) if crval is not None else _middle(corners)
    parity, angle = (float(first.meta.require(f"wcsinfo.{n}", "the grid of a mosaic")) for n in ("vparity", "v3yangle"))
    if rotation is None:
        rotation = float(first.meta.require("wcsinfo.roll_ref", "the grid of a mosaic")) - parity * angle
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    matrix = np.array([[parity * c, s], [-parity * s, c]])
    if pixel_scale is None:
        ratio, scale = pixel_scale_ratio, scale_at_reference(first) * pixel_scale_ratio
    else:
        scale = pixel_scale / 3600
        ratio = scale / np.degrees(np.sqrt(pixel_area(first.wcs, first.shape[-2:])))
    x, y = _tangent(middle, matrix, scale).invert(*corners.T, with_bounding_box=False)
    low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
    if not np.isfinite([low, high]).all():
        raise InputError(
            "the exposures lie too far apart on the sky for one tangent plane; give crval, or fewer of them"
        )
    zero = -low if crpix is None else np.asarray(crpix, float)
    low, high = low + zero, high + zero
    if output_shape is None:
        shape = tuple(int(v + 0.5) for v in high[::-1])
        box = tuple((-0.5, n - 0.5) for n in shape[::-1])
    else:
        shape = tuple(int(n) for n in output_shape[::-1])
        box = tuple((max(0, int(a + 0.5)) - 0.5, min(int(b + 0.5), n) - 0.5) for a, b, n in zip(low, high, shape[::-1]))
    if min(shape) < 2:
        raise InputError(
            f"the mosaic would have {shape[1]} x {shape[0]} pixels of {3600 * scale:.4g} arcsec; give a smaller "
            "pixel_scale, another crpix, or output_shape"
        )
    made = _gwcs(first.wcs, zero, middle, scale, matrix)
    made.bounding_box = box
    made.pixel_shape = shape[::-1]
    return Grid(WCS(made), shape, 3600 * scale, float(ratio))


def given(source: WCS | str | os.PathLike, output_shape: Sequence[int] | None = None) -> Grid:
    """Return a grid that stands in a file, or is that of another image.

    Parameters
    ----------
    source : WCS or path
        An ASDF file with the gwcs as `wcs`, and, where wanted, `pixel_scale` (arcsec), `pixel_area` (arcsec**2),
        `pixel_shape` (x, y), `array_shape` (y, x); or a product that has a WCS, such as another mosaic.
    output_shape : (x, y), optional
        Pixels of the mosaic, where they are not as many as the WCS says.

    Raises
    ------
    InputError
        The file cannot be read or has no WCS, or nothing says how many pixels there are.
    """
    facts: dict = {}
    if not isinstance(source, WCS):
        source, facts = _read(source)
    gwcs = source.gwcs
    shape = None if output_shape is None else tuple(output_shape)[::-1]
    if shape is None:
        shape = gwcs.array_shape or facts.get("array_shape")
    if shape is None and facts.get("pixel_shape") is not None:
        shape = tuple(facts["pixel_shape"])[::-1]
    if shape is None and source.bounding_box is not None:
        shape = tuple(int(high + 0.5) for _, high in source.bounding_box[::-1])
    if shape is None:
        raise InputError("the given WCS does not say how many pixels the mosaic has; give output_shape")
    shape = tuple(int(n) for n in shape)
    if source.forward.n_out != 2 or min(shape) < 1:
        raise InputError("the given WCS is none of an image, or has no pixels; give one from (x, y) to (ra, dec)")
    scale = facts.get("pixel_scale")
    if scale is None and facts.get("pixel_area") is not None:
        scale = np.sqrt(facts["pixel_area"])
    if scale is None:
        scale = 3600 * np.degrees(np.sqrt(pixel_area(source, shape)))
    return Grid(source, shape, float(scale), None)


def common_grid(sets: Iterable[Exposures | Image], **wishes) -> WCS:
    """Return one grid for several sets of exposures, for example in several filters.

    >>> wcs = jw.common_grid([short, long], pixel_scale=0.04)
    >>> mosaics = [jw.steps.resample(images, output_wcs=wcs) for images in (short, long)]

    Parameters
    ----------
    sets : iterable of Exposures or Image
        The grid holds all of them; it has the axes and, unless told otherwise, the scale of the first.
    **wishes
        `pixel_scale`, `pixel_scale_ratio`, `rotation`, `crpix`, `crval`, `output_shape`, as `resample` takes them.

    Returns
    -------
    WCS
        As `output_wcs` of `resample` takes it.
    """
    images = [image for each in sets for image in (each if isinstance(each, Exposures) else (each,))]
    if not images:
        raise InputError("there are no exposures to find a grid for")
    return grid(images, **wishes).wcs


def scale_ratio(made: Grid, first: Image) -> float:
    """Return the side of a pixel of the grid over that of the first exposure, as its header says it."""
    if made.ratio is not None:
        return made.ratio
    area = first.meta.get("photometry.pixelarea_steradians") or pixel_area(first.wcs, first.shape[-2:])
    return made.pixel_scale / (3600 * np.degrees(np.sqrt(area)))


def scale_at_reference(image: Image) -> float:
    """Return the side of a pixel at the reference point of an exposure, degrees: of steps of one in x and in y."""
    point = tuple(float(image.meta.require(f"wcsinfo.{n}_ref", "the grid of a mosaic")) for n in ("ra", "dec"))
    x, y = image.wcs.invert(*point, with_bounding_box=False)
    at = directions(*image.wcs(np.array([x, x + 1, x]), np.array([y, y, y + 1]), with_bounding_box=False))
    steps = np.linalg.norm(at[1:] - at[0], axis=-1)
    return float(np.degrees(np.sqrt(np.prod(2 * np.arcsin(steps / 2)))))


def pixel_area(wcs: WCS, shape: tuple[int, int]) -> float:
    """Return the mean area of the pixels of an image, steradians: that within the centres of the outermost."""
    box = wcs.bounding_box or tuple((-0.5, n - 0.5) for n in shape[::-1])
    (x0, x1), (y0, y1) = (
        (max(0, int(min(axis) + 0.5)), min(n - 1, int(max(axis) - 0.5))) for axis, n in zip(box, shape[::-1])
    )
    if x1 <= x0 or y1 <= y0:
        raise InputError("an image of a single row or column has no area of its own; give pixel_scale")
    along = [np.linspace(a, b, -(-(b - a + 1) // max(1, min((b - a) // 4, SPACING))) + 1)[:-1]
             for a, b in ((x0, x1), (y0, y1))]  # fmt: skip
    x = np.concatenate([along[0], np.full(along[1].size, x1), x0 + x1 - along[0], np.full(along[1].size, x0)])
    y = np.concatenate([np.full(along[0].size, y0), along[1], np.full(along[0].size, y1), y0 + y1 - along[1]])
    edge = directions(*wcs.forward(x, y))
    centre = directions(*wcs.forward((x0 + x1) / 2, (y0 + y1) / 2))
    return spherical_area(edge, centre) / ((x1 - x0) * (y1 - y0))


def spherical_area(edge, centre) -> float:
    """Return the area of a polygon on the sky, steradians: of triangles (centre, point, next point), with their excess.

    tan(E / 2) = c . (a x b) / (1 + a . b + b . c + c . a); differences from the centre keep small ones exact.
    """
    a, b = edge, np.roll(edge, -1, axis=0)
    volume = np.cross(a - centre, b - centre) @ centre
    return float(abs(2 * np.arctan2(volume, 1 + (a * b).sum(axis=1) + b @ centre + a @ centre).sum()))


def regions(words: str) -> list[np.ndarray]:
    """Return the polygons of an S_REGION, (n, 2) each: right ascension and declination in degrees."""
    parts = [part.split() for part in words.upper().split("POLYGON")[1:]]
    try:
        found = [np.array([float(w) for w in part if w not in ("ICRS", "FK5")]).reshape(-1, 2) for part in parts]
    except ValueError:
        found = []
    if not found or min(map(len, found)) < 3:
        raise InputError(f"{words!r} is no S_REGION; it looks like POLYGON ICRS ra dec ra dec ra dec ...")
    return found


def _corners(image: Image) -> np.ndarray:
    words = image.meta.get("wcsinfo.s_region") or (None if image.wcs is None else outline(image.wcs))
    if words is None:
        raise InputError(f"{image.name} has no place on the sky; let assign_wcs give it one")
    return np.concatenate(regions(words))


def _middle(corners) -> tuple[float, float]:
    """Return the middle of the box around directions, as a direction."""
    at = directions(*corners.T)
    ra, dec = sky((at.min(axis=0) + at.max(axis=0))[None] / 2)
    return float(ra[0]), float(dec[0])


def _tangent(middle, matrix, scale: float) -> WCS:
    return WCS(_gwcs(None, (0.0, 0.0), middle, scale, matrix))


def _gwcs(like: WCS | None, crpix, crval, scale: float, matrix):
    from astropy import units
    from astropy.coordinates import ICRS
    from astropy.modeling.models import Pix2Sky_TAN
    from gwcs import WCS as GWCS
    from gwcs import FITSImagingWCSTransform
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    plane = FITSImagingWCSTransform(Pix2Sky_TAN(), crpix=crpix, crval=crval, cdelt=[scale, scale], pc=matrix)
    if like is None:
        detector = Frame2D(name="detector", axes_order=(0, 1), unit=(units.pix, units.pix))
        world = CelestialFrame(name="world", reference_frame=ICRS())
    else:
        detector, world = like.gwcs.input_frame, like.gwcs.output_frame
    return GWCS([(detector, plane), (world, None)])


def _read(path) -> tuple[WCS, dict]:
    """Return the WCS in a file, and what else it says about its pixels."""
    import asdf

    try:
        if str(path).endswith((".fits", ".fits.gz")):
            return _of_product(path), {}
        with asdf.open(path, lazy_load=False, memmap=False) as tree:
            if "wcs" not in tree.tree:
                raise InputError(f"{path} has no WCS under the key 'wcs'; give an ASDF file that has, or a product")
            facts = {name: tree.tree.get(name) for name in ("pixel_scale", "pixel_area", "pixel_shape", "array_shape")}
            return WCS(tree["wcs"]), facts
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}, which is to give the grid of the mosaic, cannot be read: {error}") from error


def _of_product(path) -> WCS:
    """Return the WCS in the ASDF extension of a product."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        raw = np.asarray(hdus["ASDF"].data["ASDF_METADATA"]).tobytes()
    return WCS(stored.gwcs(raw, str(path)))
