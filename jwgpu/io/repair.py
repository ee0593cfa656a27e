"""A corrected copy of a product whose header alone is at fault."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

from astropy.io import fits

from jwgpu.errors import InputError
from jwgpu.io.atomic import atomic
from jwgpu.io.quickheader import compressed, quick_header
from jwgpu.provenance.facts import check_telescope
from jwgpu.provenance.velocity import SPEED_OF_LIGHT, velosys


@dataclasses.dataclass(frozen=True)
class Velocity:
    """VELOSYS as the header has it and as its ephemeris gives it, both in m/s."""

    file: str
    official: float | None
    computed: float
    position: str

    def as_dict(self) -> dict:
        """Return plain values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        shift = -self.computed / SPEED_OF_LIGHT
        words = f"{self.file}: VELOSYS {self.computed:.2f} m/s from the ephemeris and {self.position} "
        words += f"(wavelengths change by {shift:+.2e} of themselves)"
        if self.official is None:
            return words + "; the header has none"
        return words + f"; the header has {self.official:.2f} m/s, {self.computed - self.official:+.3f} m/s from it"


def velocity(path: str | os.PathLike) -> Velocity:
    """Return VELOSYS of a product, from its ephemeris keywords, beside the official value where there is one.

    Raises
    ------
    InputError
        Not FITS, not of JWST, or without ephemeris or position.
    """
    header, _ = quick_header(path)
    check_telescope(header, path)
    try:
        computed, position = velosys(header)
    except ValueError as error:
        raise InputError(f"{path}: VELOSYS cannot be computed: {error}") from None
    official = header.get("VELOSYS")
    return Velocity(os.fspath(path), None if official is None else float(official), computed, position)


def repair(path: str | os.PathLike, out: str | os.PathLike) -> tuple[Path, Velocity] | None:
    """Write a copy of a product with the VELOSYS that is missing; the original is never touched.

    Wavelengths in a product that was calibrated without VELOSYS stay as they are: `assign_wcs` and the steps after it
    have to run again from the repaired rate.

    Parameters
    ----------
    path : str or path
        A product; an uncal, ramp or rate serves best.
    out : str or path
        Folder for the copy, which keeps the name. Another folder than that of the product.

    Returns
    -------
    (path of the copy, Velocity), or None where the header needs no repair.

    Raises
    ------
    InputError
        The header does not hold what is needed, there is no extension SCI, the file is compressed, or the copy would
        replace the original.
    """
    path = Path(path)
    found = velocity(path)
    if found.official is not None:
        return None
    if compressed(path):
        raise InputError(f"{path}: decompress it first; a compressed product is not repaired")
    target = Path(out) / path.name
    if target.exists() and target.samefile(path):
        raise InputError(f"{target} is the product itself, which is never changed; choose another folder for --out")
    with atomic(target) as temporary:
        shutil.copyfile(path, temporary)
        with fits.open(temporary, mode="update", memmap=False, do_not_scale_image_data=True) as hdus:
            if "SCI" not in hdus:
                raise InputError(f"{path}: has no extension SCI, where VELOSYS belongs")
            header = hdus["SCI"].header
            header["VELOSYS"] = (round(found.computed, 2), "[m/s] Barycentric correction to radial velocity")
            header.add_history("jwgpu repair: VELOSYS from the ephemeris keywords")
    return target, found
