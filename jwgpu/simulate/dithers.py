"""Sets of dithered images of a field whose sources, pointing and cosmic rays are known."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jwgpu.data import Image
from jwgpu.errors import InputError
from jwgpu.simulate import instruments, optics, pointing
from jwgpu.simulate.exposures import Simulation
from jwgpu.simulate.field import place
from jwgpu.simulate.files import write as write_exposure
from jwgpu.simulate.header import FIELD
from jwgpu.simulate.sets import Maker, write
from jwgpu.wcs import WCS

DETECTORS = {"NIRCAM": ("NRCB1",), "NIRISS": ("NIS",), "MIRI": ("MIRIMAGE",), "FGS": ("GUIDER2",)}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Field:
    """What a set of dithered images shows, and what its headers do not say.

    Attributes
    ----------
    catalogue : structured array
        id, kind (`star`, `galaxy`), ra, dec (degrees), flux (Jy), radius of half light (arcsec), axis ratio, position
        angle (degrees), nearest: distance to the nearest other source (arcsec).
    pointings : tuple of Pointing
        Of each exposure; `errors` has what the headers do not know.
    backgrounds : (images,) float, MJy / sr
        Sky level in the middle of each image.
    wcs : tuple of WCS
        Of each image, with the true pointing.
    hits : tuple of structured arrays
        Cosmic rays left in each image: y, x, brightness (MJy / sr).
    fwhm : float
        Of the core of a star, pixels.
    """

    catalogue: np.ndarray
    pointings: tuple
    backgrounds: np.ndarray
    wcs: tuple[WCS, ...]
    hits: tuple[np.ndarray, ...]
    fwhm: float
    _made: Any

    def __repr__(self) -> str:
        stars = np.count_nonzero(self.catalogue["kind"] == "star")
        kinds = f"{stars} stars, {len(self.catalogue) - stars} galaxies"
        hits = ", ".join(str(len(each)) for each in self.hits)
        return f"<Field: {kinds}; FWHM {self.fwhm:.3g} pixels; {len(self.wcs)} images with {hits} pixels hit>"

    @property
    def errors(self) -> np.ndarray:
        """Pointing errors of the exposures, (n, 3): along V2, V3 (arcsec), roll (degrees)."""
        return np.array([p.error for p in self.pointings])

    def positions(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the true pixels (x, y) of all sources in image `k`; NaN where that is far from its frame."""
        return place(self.catalogue, self.wcs[k], self._made.shape)

    def brightness(self, k: int) -> np.ndarray:
        """Return image `k` without noise, cosmic rays and bad pixels, (y, x) float32, MJy / sr."""
        return self._made.brightness(k).astype(np.float32)

    def mask(self, k: int) -> np.ndarray:
        """Return which pixels of image `k` cosmic rays are left in, (y, x) bool."""
        found = np.zeros(self._made.shape, bool)
        found[self.hits[k]["y"], self.hits[k]["x"]] = True
        return found


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dithers(Sequence):
    """A set of dithered images, made one by one as they are asked for, and the truth about them.

    >>> made = jw.simulate.dithers(4)
    >>> made.images, made.truth.catalogue, made.references

    Attributes
    ----------
    truth : Field
    """

    truth: Field
    _made: Any

    def __len__(self) -> int:
        return len(self.truth.wcs)

    def __getitem__(self, k):
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        if not -len(self) <= k < len(self):
            raise IndexError(f"image {k} of {len(self)}")
        return self._made.image(k % len(self))

    def __iter__(self) -> Iterator[Image]:
        return (self[k] for k in range(len(self)))

    @functools.cached_property
    def images(self) -> tuple[Image, ...]:
        """All images, kept."""
        return tuple(self)

    @functools.cached_property
    def references(self):
        """References of a catalogue: `apcorr`, for mosaics with pixels of the detector's size, and `abvegaoffset`.

        For others: `references_at`.
        """
        return self._made.references()

    def references_at(self, pixel_scale_ratio: float = 1.0, pixfrac: float = 1.0):
        """Return the references for mosaics with pixels of another size, or with smaller drops.

        Light is spread less over smaller pixels: circles that hold a share of it are smaller.
        """
        return self._made.references(pixel_scale_ratio, pixfrac)

    def raw(self, k: int, **options) -> Simulation:
        """Return the raw exposure of image `k`, with references and truth.

        Its cosmic rays are those of the ramp; the references have the geometry of the set.

        Parameters
        ----------
        k : int
        **options
            Of `simulate.exposure`: effects, `n_groups` and the like.
        """
        return self._made.raw(k, options)

    def write(self, folder: str | os.PathLike) -> list[Path]:
        """Write the images as `_cal` files and an association of them, one at a time; return where they are.

        The association `asn.json` is the last of the files.
        """
        return write(self, folder)

    def write_raw(self, folder: str | os.PathLike, **options) -> tuple[list[Path], Path]:
        """Write the raw exposures and their references; return the `_uncal` files and the folder of the references.

        >>> files, references = jw.simulate.dithers(4).write_raw("field")

        Parameters
        ----------
        folder : path
        **options
            As of `raw`.
        """
        files = [write_exposure(self.raw(k, **options), folder, crds=False).uncal for k in range(len(self))]
        return files, Path(folder) / "references"

    def __repr__(self) -> str:
        return f"<Dithers: {len(self)} images of {len(self.truth.catalogue)} sources>"


def dithers(
    n: int = 4,
    instrument: str = "NIRCAM",
    detectors: str | Sequence[str] | None = None,
    *,
    size: int | tuple[int, int] | None = 256,
    filter: str | None = None,
    offsets=None,
    step: float = 0.12,
    n_visits: int = 1,
    visit_roll: float = 0.0,
    pointing_error=0.008,
    visit_error: float = 0.0,
    roll_error: float = 0.0008,
    velocity: float = 0.999943,
    field: tuple[float, float, float] = FIELD,
    n_stars: int | None = None,
    n_galaxies: int | None = None,
    separation: float = 0.0,
    snr: float = 30.0,
    fwhm: float | None = None,
    background: float | None = None,
    background_step: float = 0.1,
    background_tilt: float = 0.0,
    cosmic_rays: float = 2e-4,
    bad_pixels: float = 2e-3,
    noise: bool = True,
    n_groups: int = 10,
    siaf: bool | None = None,
    seed: int = 1,
) -> Dithers:
    """Simulate a set of dithered, calibrated images of one field.

    Stars are sums of Gaussians integrated over the pixels, so that their flux is known to 2e-5 however narrow they
    are; sources fall where the true pointing, the velocity aberration and the distortion put them. Images are in
    MJy/sr, with photon and read noise, their variances as they truly are, bad pixels, reference pixels, and cosmic rays
    that nobody has flagged. The headers have the nominal pointing, and say all that stage 3 asks for.

    Parameters
    ----------
    n : int
        Exposures.
    instrument : {"NIRCAM", "NIRISS", "MIRI", "FGS"}
    detectors : str or list of str, optional
        All expose at the same time: `n` times as many images, exposure by exposure.
    size : int or (rows, columns), optional
        A miniature with the pixels, the distortion and the border of reference pixels of the detector, cut from its
        middle; None for the whole detector.
    filter : str, optional
    offsets : (n, 2) array, arcsec, optional
        Dithers along V2, V3.
    step : float
        Radius of the pattern of dithers without `offsets`, as a share of the shorter side.
    n_visits : int
        Visits that the exposures are divided between.
    visit_roll : float, degrees
        By which the telescope rolls from one visit to the next.
    pointing_error : float or (n, 2) array, arcsec
        Standard deviation along V2 and V3, or the errors themselves; the detectors of an exposure share it.
    visit_error, roll_error : float, arcsec and degrees
        Standard deviation of what the exposures of a visit share, and of the roll.
    velocity : float
        VA_SCALE: by how much the motion of the observatory changes the scale.
    field : (right ascension, declination, position angle of V3), degrees
        Of the middle of the detectors, before dithers.
    n_stars, n_galaxies : int, optional
        Sources in the frame of one detector; more are around it. In proportion to the area unless given.
    separation : float, arcsec
        Between any two sources, at least.
    snr : float
        Signal-to-noise ratio of the faintest star.
    fwhm : float, optional
        Of the core of a star, pixels; that of the instrument unless given. Undersampled below 2.
    background : float, optional
        Sky, MJy / sr; that of the instrument unless given.
    background_step : float
        Standard deviation of the sky from one exposure to the next, as a share of it.
    background_tilt : float
        By which the sky grows from one side of an image to the other, as a share of it.
    cosmic_rays : float
        Events left in an image, per pixel.
    bad_pixels : float
        Share of pixels that are not to be used, the same in all images of a detector.
    noise : bool
        Whether there is any; the variances are there in any case.
    n_groups : int
        Of the ramps that the noise is of, at least 2.
    siaf : bool, optional
        Whether the distortion is that of SIAF; unless given, where pysiaf is installed. Otherwise polynomials of the
        same kind.
    seed : int
        The same seed gives the same bits.

    Returns
    -------
    Dithers
        A sequence of images with the `truth`.

    Raises
    ------
    InputError
        For an instrument, detector, size or number that cannot be.
    """
    instruments.choose("instrument with an imager", instrument, DETECTORS)
    names = (detectors,) if isinstance(detectors, str) else tuple(detectors or DETECTORS[instrument])
    if n < 1 or n_groups < 2 or not 1 <= n_visits <= n:
        raise InputError(
            f"{n} exposures of {n_groups} groups in {n_visits} visits cannot be simulated; there is at least one "
            "exposure in a visit, and a ramp has at least 2 groups"
        )
    shape = (size, size) if isinstance(size, int) else size
    chips = [optics.chip(instrument, name, shape, filter, siaf, n_groups) for name in names]
    frame = chips[0].shape
    chosen = pointing.spiral(n, step * min(frame) * chips[0].scale) if offsets is None else np.array(offsets, float)
    for name, given in (("offsets", chosen), ("pointing_error", pointing_error)):
        if np.ndim(given) and np.shape(given) != (n, 2):
            raise InputError(f"{name} has shape {np.shape(given)}; {n} exposures need ({n}, 2)")
    rngs = [np.random.default_rng([seed, 100 + k]) for k in range(3)]
    centre = tuple(np.mean([chip.middle for chip in chips], axis=0))
    attitudes = pointing.pointings(
        rngs[0], centre, field, chosen, n_visits, pointing_error, visit_error, roll_error, visit_roll
    )
    level = chips[0].sky if background is None else background
    skies = level * (1 + background_step * rngs[1].standard_normal(n))
    width = chips[0].fwhm if fwhm is None else fwhm
    table = optics.sources(
        rngs[2], chips, chosen, attitudes[0].nominal, visit_roll * (n_visits - 1), n_stars, n_galaxies, separation, snr,
        width, level,
    )  # fmt: skip
    maker = Maker(chips, attitudes, table, velocity, np.repeat(skies, len(chips)), background_tilt, width, cosmic_rays,
                  bad_pixels, noise, seed)  # fmt: skip
    images = range(n * len(chips))
    truth = Field(table, tuple(attitudes), maker.skies, tuple(maker.wcs(k, True) for k in images),
                  tuple(maker.hits(k) for k in images), width, maker)  # fmt: skip
    return Dithers(truth, maker)
