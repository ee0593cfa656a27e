"""The images of a set of dithers, made one by one, and written as files."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL, Image, Meta
from jwgpu.errors import InputError
from jwgpu.io import save
from jwgpu.io.atomic import atomic
from jwgpu.simulate import apertures, field, header, pointing, rays
from jwgpu.simulate.exposures import Simulation, collect, exposure
from jwgpu.simulate.files import TYPES
from jwgpu.simulate.optics import STERADIAN, Chip
from jwgpu.wcs import WCS
from jwgpu.wcs.imaging import imaging
from jwgpu.wcs.outline import outline

HIT = np.dtype([("y", "i4"), ("x", "i4"), ("brightness", "f4")])

_DONE = ("dq_init", "saturation", "superbias", "refpix", "linearity", "dark_sub", "jump", "ramp_fit", "gain_scale",
         "assign_wcs", "flat_field", "photom")  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Maker:
    """Makes images; its attributes are what `dithers` says. Image k is of exposure k // len(chips)."""

    chips: list[Chip]
    pointings: list[pointing.Pointing]
    table: np.ndarray
    velocity: float
    skies: np.ndarray
    tilt: float
    fwhm: float
    cosmic_rays: float
    bad_pixels: float
    noise: bool
    seed: int
    _kept: dict = dataclasses.field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of an image."""
        return self.chips[0].shape

    def _parts(self, k: int) -> tuple[Chip, pointing.Pointing]:
        return self.chips[k % len(self.chips)], self.pointings[k // len(self.chips)]

    def _rng(self, what: int, k: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, what, k])

    def wcs(self, k: int, true: bool) -> WCS:
        """Return pixels to sky, as they truly are or as the header says."""
        if (k, true) not in self._kept:
            self._kept[k, true] = self._wcs(k, true)
        return self._kept[k, true]

    def _wcs(self, k: int, true: bool) -> WCS:
        chip, place = self._parts(k)
        return WCS(imaging(Meta(self._attitude(k, place.true if true else place.nominal)), chip.shape, chip.distortion,
                           chip.offset))  # fmt: skip

    def _attitude(self, k: int, matrix: np.ndarray) -> dict:
        """Return the header's words on where a detector's reference point is, and where it looks."""
        chip, _ = self._parts(k)
        ra, dec, roll = pointing.reference(matrix, *chip.middle)
        return {
            "wcsinfo.v2_ref": chip.middle[0], "wcsinfo.v3_ref": chip.middle[1], "wcsinfo.ra_ref": ra,
            "wcsinfo.dec_ref": dec, "wcsinfo.roll_ref": roll,
            "wcsinfo.vparity": int(np.sign(np.linalg.det(chip.axes))),
            "wcsinfo.v3yangle": float(np.degrees(np.arctan2(chip.axes[0, 1], chip.axes[1, 1]))),
            "velocity_aberration.scale_factor": self.velocity,
        }  # fmt: skip

    def brightness(self, k: int) -> np.ndarray:
        """Return the surface brightness that a perfect detector sees, (y, x) float64, MJy / sr."""
        chip, _ = self._parts(k)
        light = field.render(self.table, self.wcs(k, True), chip.shape, self.fwhm)
        light /= 1e6 * chip.pixel * chip.area
        columns = np.arange(chip.shape[1]) / chip.shape[1] - 0.5
        light += self.skies[k] * (1 + self.tilt * columns)
        return light

    def hits(self, k: int) -> np.ndarray:
        """Return what cosmic rays leave, MJy / sr; pixels that are not to be used are spared."""
        chip, _ = self._parts(k)
        rng = self._rng(1, k)
        n = rng.poisson(self.cosmic_rays * chip.shape[0] * chip.shape[1])
        _, y, x, charge = rays.tracks(rng, n, chip.shape)
        image = np.bincount(y * chip.shape[1] + x, charge, chip.shape[0] * chip.shape[1]).reshape(chip.shape)
        image[self._flags(chip) != 0] = 0
        found = np.zeros(np.count_nonzero(image), HIT)
        found["y"], found["x"] = np.nonzero(image)
        found["brightness"] = image[found["y"], found["x"]] / chip.timing.integration_time * chip.electron
        return found

    def _flags(self, chip: Chip) -> np.ndarray:
        rng = self._rng(2, self.chips.index(chip))
        dq = np.where(chip.reference, PIXEL.REFERENCE_PIXEL | PIXEL.DO_NOT_USE, 0).astype(np.uint32)
        bad = rng.random(chip.shape) < self.bad_pixels
        kind = np.where(rng.random(chip.shape) < 0.5, PIXEL.HOT, PIXEL.DEAD)
        dq[bad] |= (kind[bad] | PIXEL.DO_NOT_USE).astype(np.uint32)
        return dq

    def image(self, k: int) -> Image:
        """Return image `k` on the device in use."""
        chip, _ = self._parts(k)
        time = chip.timing.integration_time
        rate = self.brightness(k) / chip.electron
        dark = chip.det.dark
        poisson = (rate + dark) / time
        if self.noise:
            rng = self._rng(3, k)
            rate = rng.poisson((rate + dark) * time) / time - dark
            rate += np.sqrt(chip.read_variance) * rng.standard_normal(chip.shape)
        data = (rate * chip.electron).astype(np.float32)
        hits = self.hits(k)
        data[hits["y"], hits["x"]] += hits["brightness"]
        square = chip.electron**2
        dq = self._flags(chip).copy()
        arrays = {
            "data": data, "err": np.sqrt((poisson + chip.read_variance) * square).astype(np.float32),
            "var_poisson": (poisson * square).astype(np.float32),
            "var_rnoise": np.full(chip.shape, chip.read_variance * square, np.float32),
            "var_flat": np.zeros(chip.shape, np.float32),
        }  # fmt: skip
        unusable = (dq & PIXEL.DO_NOT_USE) != 0
        for array in arrays.values():
            array[unusable] = np.nan
        made = Image(meta=self.meta(k), unit="MJy/sr", dq=dq, area=chip.area, wcs=self.wcs(k, False), **arrays)
        return made.to(backend.current().kind)

    def meta(self, k: int) -> Meta:
        """Return the header of image `k`."""
        chip, place = self._parts(k)
        raw = header.header(
            chip.det, chip.window, chip.timing, read_pattern=chip.read_pattern, exp_type=chip.exp_type,
            filter=chip.filter, zero=False, number=place.number, divisor=chip.timing.n_frames, stripes={},
        )  # fmt: skip
        factor = chip.conversion
        done = {f"cal_step.{name}": "COMPLETE" for name in _DONE}
        return raw.set(self._pointing(k)).set(done).set({
            "filename": f"{self.root(k)}_cal.fits", "model_type": "ImageModel", "bunit_data": "MJy/sr",
            "bunit_err": "MJy/sr", "photometry.conversion_megajanskys": factor,
            "photometry.conversion_microjanskys": factor * 1e12 / STERADIAN,
            "photometry.pixelarea_steradians": chip.pixel, "photometry.pixelarea_arcsecsq": chip.det.scale**2,
        })  # fmt: skip

    def root(self, k: int) -> str:
        """Return the first words of the name of a file."""
        chip, place = self._parts(k)
        return f"jw09999001{place.visit:03d}_02101_{place.number:05d}_{chip.det.name.lower()}"

    def _pointing(self, k: int) -> dict:
        """Return all that a header says about visit, dither, attitude and the linear world coordinates."""
        chip, place = self._parts(k)
        wcs = self.wcs(k, False)
        attitude = self._attitude(k, place.nominal)
        middle = (chip.shape[1] - 1) / 2, (chip.shape[0] - 1) / 2
        steps = field.jacobian(wcs, *(np.array([m]) for m in middle))[0] / 3600
        ra, dec = (float(c) for c in wcs.forward(*middle))
        cdelt = np.hypot(*steps)
        v1 = pointing.reference(place.nominal, 0.0, 0.0)
        return attitude | {
            "observation.visit_number": f"{place.visit:03d}", "observation.visit_id": f"09999001{place.visit:03d}",
            "observation.obs_id": f"V09999001{place.visit:03d}P0000000002101",
            "dither.primary_type": "INTRAMODULEX", "dither.position_number": place.number,
            "dither.total_points": len(self.pointings), "dither.x_offset": float(place.offset[0]),
            "dither.y_offset": float(place.offset[1]), "pointing.ra_v1": v1[0], "pointing.dec_v1": v1[1],
            "pointing.pa_v3": v1[2], "target.ra": ra, "target.dec": dec, "target.proposer_ra": ra,
            "target.proposer_dec": dec, "wcsinfo.crpix1": middle[0] + 1, "wcsinfo.crpix2": middle[1] + 1,
            "wcsinfo.crval1": ra, "wcsinfo.crval2": dec, "wcsinfo.cdelt1": float(cdelt[0]),
            "wcsinfo.cdelt2": float(cdelt[1]), "wcsinfo.pc1_1": float(steps[0, 0] / cdelt[0]),
            "wcsinfo.pc1_2": float(steps[0, 1] / cdelt[1]), "wcsinfo.pc2_1": float(steps[1, 0] / cdelt[0]),
            "wcsinfo.pc2_2": float(steps[1, 1] / cdelt[1]), "wcsinfo.s_region": outline(wcs),
            "aperture.position_angle": (attitude["wcsinfo.roll_ref"] + attitude["wcsinfo.v3yangle"]) % 360,
        }  # fmt: skip

    def references(self, ratio: float = 1.0, pixfrac: float = 1.0):
        """Return the references of a catalogue of the sources."""
        return collect(self._apertures(self.chips[0], ratio, pixfrac))

    def _apertures(self, chip: Chip, ratio: float = 1.0, pixfrac: float = 1.0) -> dict:
        return apertures.references(
            chip.det.instrument, chip.det.name, chip.filter, chip.det.pupil, self.fwhm, ratio, pixfrac
        )

    def raw(self, k: int, options: dict) -> Simulation:
        """Return the raw exposure of image `k`, with the geometry of the set."""
        chip, place = self._parts(k)
        made = exposure(
            chip.det.instrument, chip.det.name, size=chip.shape, exp_type=chip.exp_type, filter=chip.filter,
            number=place.number, n_stars=0, n_galaxies=0, seed=self.seed + k % len(self.chips),
            **{"n_groups": chip.timing.n_groups, "readpatt": chip.read_pattern,
               "sky": self.brightness(k) / chip.electron, **options},
        )  # fmt: skip
        geometry = {"distortion": {"models": {"model": chip.distortion}}, "area": {"arrays": {"data": chip.area}}}
        kinds = (kind for kind in TYPES if made.references.get(kind) is not None)
        held = {kind: dataclasses.replace(made.references.get(kind), **geometry.get(kind, {})) for kind in kinds}
        meta = made.ramp.meta.set(self._pointing(k)).set({"filename": f"{self.root(k)}_uncal.fits"})
        return Simulation(
            made.ramp.replace(meta=meta), collect(held | self._apertures(chip)).to(made.ramp.device), made.truth
        )


def write(images, folder: str | os.PathLike) -> list[Path]:
    """Write images as they come, and an association of them; return where the files are, the association last."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [save(image.to("cpu"), folder / image.name) for image in images]
        members = [{"expname": path.name, "exptype": "science"} for path in paths]
        table = {
            "asn_type": "image3", "asn_rule": "Asn_Lv3Image", "asn_id": "a3001", "asn_pool": "none",
            "program": "09999", "target": "001", "version_id": None, "code_version": "jwgpu", "constraints": "none",
            "degraded_status": "No known degraded exposures in association.",
            "products": [{"name": "jw09999-a3001_simulated", "members": members}],
        }  # fmt: skip
        with atomic(folder / "asn.json") as partial:
            partial.write_text(json.dumps(table, indent=1))
    except OSError as error:
        raise InputError(
            f"The simulated images cannot be written to {folder}: {error.strerror or error}; choose a folder that "
            "exists or can be made, is writable, and has room."
        ) from error
    return [*paths, folder / "asn.json"]
