"""Exposures that are being aligned: where their sources are in the telescope's field and on the sky."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.data import Image
from jwgpu.errors import InputError
from jwgpu.wcs import WCS
from jwgpu.wcs.tangent import FRAME, Plane, corrected, plane, uncorrected


@dataclasses.dataclass(eq=False)
class Member:
    """An exposure, its sources, and the correction that its pointing has so far.

    Attributes
    ----------
    name : str
    wcs : WCS
        As it came.
    sources : structured array
        `id`, `x`, `y`, `flux`.
    before, plane : Plane
        The correction that the exposure came with, and the one that it has now.
    """

    name: str
    wcs: WCS
    sources: np.ndarray
    before: Plane

    def __post_init__(self):
        start = uncorrected(self.wcs.gwcs)
        last = FRAME if FRAME in self.wcs.frames else start
        self.plane = self.before
        self._to_field = self.wcs.between(self.wcs.frames[0], start)
        self._to_sky = self.wcs.between(last, self.wcs.frames[-1])
        self._from_sky = self.wcs.between(self.wcs.frames[-1], last)
        self._field = self._to_field(self.sources["x"], self.sources["y"])

    @classmethod
    def of(cls, image: Image, sources: np.ndarray) -> Member:
        """Return an image with its sources.

        Raises
        ------
        InputError
            The image has no WCS that can be corrected.
        """
        if image.wcs is None:
            raise InputError(f"{image.name} has no WCS, which tweakreg aligns; run assign_wcs on it first")
        frames = image.wcs.frames
        if "v2v3" not in frames or frames[-1] == "v2v3":
            raise InputError(
                f"{image.name}: its WCS ({' -> '.join(frames)}) does not lead through v2v3, where tweakreg corrects "
                "the pointing; run assign_wcs on it"
            )
        return cls(image.name, image.wcs, inside(sources, image.wcs), plane(image.wcs.gwcs, image.meta))

    def sky(self, plane: Plane | None = None, pixels: tuple | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return right ascension and declination of the sources, or of other pixels, with a correction or this one."""
        plane = plane or self.plane
        v2, v3 = self._field if pixels is None else self._to_field(*pixels)
        x, y = plane.matrix @ plane.project(v2, v3) + plane.shift[:, None]
        return self._to_sky(*plane.lift(x, y))

    def project(self, ra, dec) -> np.ndarray:
        """Return positions on the sky in the tangent plane of the exposure, (2, n), arcsec; NaN behind it."""
        return self.before.project(*self._from_sky(ra, dec))

    def unproject(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Return right ascension and declination of coordinates in the tangent plane."""
        return self._to_sky(*self.before.lift(x, y))

    def scale(self) -> float:
        """Return the size of a pixel in the middle of the detector, arcsec."""
        x, y = self.middle()
        corners = np.array([-0.5, -0.5, 0.5, 0.5]) + x, np.array([-0.5, 0.5, 0.5, -0.5]) + y
        a, b = self.before.project(*self._to_field(*corners))
        return float(np.sqrt(abs(np.dot(a, np.roll(b, -1)) - np.dot(b, np.roll(a, -1))) / 2))

    def middle(self) -> tuple[float, float]:
        """Return the pixel in the middle of the bounding box; without one, of the sources."""
        box = self.wcs.bounding_box
        if box is not None:
            return tuple(sum(pair) / 2 for pair in box)
        return tuple(float(np.mean(self.sources[axis])) for axis in "xy")

    def corners(self) -> np.ndarray:
        """Return directions of the corners of the image, with the correction that it has now, (3, 4)."""
        (x0, x1), (y0, y1) = self.wcs.bounding_box or ((0.0, 1.0), (0.0, 1.0))
        return direction(*self.sky(pixels=(np.array([x0, x0, x1, x1]), np.array([y0, y1, y1, y0]))))

    def correct(self, reference: Member, matrix: np.ndarray, shift: np.ndarray) -> None:
        """Take over an affine map that was found in the tangent plane of another exposure.

        Near the middle of this exposure, coordinates in the one plane are a linear function of those in the other.
        """
        if reference is not self:
            ra, dec = self.sky(pixels=tuple(np.array([m]) for m in self.middle()))
            x, y = reference.project(ra, dec)
            step = np.array([0.0, 1.0, 0.0])
            here = self.project(*reference.unproject(x + step, y + step[[0, 2, 1]]))
            turn = here[:, 1:] - here[:, :1]
            origin = here[:, 0] - turn @ np.array([x[0], y[0]])
            matrix = turn @ matrix @ np.linalg.inv(turn)
            shift = turn @ shift - matrix @ origin + origin
        self.plane = self.plane.moved(matrix, shift)

    def moved(self) -> float:
        """Return by how much (mas) the corrections so far move the middle of the image on the sky."""
        pixel = tuple(np.array([m]) for m in self.middle())
        a, b = (direction(*self.sky(plane, pixel))[:, 0] for plane in (self.before, self.plane))
        return float(np.degrees(np.linalg.norm(a - b)) * 3600e3)

    def aligned(self) -> WCS:
        """Return the WCS with the correction that the exposure has now."""
        return WCS(corrected(self.wcs.gwcs, self.plane))


def direction(ra, dec) -> np.ndarray:
    """Return unit vectors (3, n) of positions on the sky, degrees."""
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def inside(sources: np.ndarray, wcs: WCS) -> np.ndarray:
    """Return the sources within the bounding box."""
    if wcs.bounding_box is None:
        return sources
    (x0, x1), (y0, y1) = wcs.bounding_box
    x, y = sources["x"], sources["y"]
    return sources[(x > x0) & (x < x1) & (y > y0) & (y < y1)]
