"""What the words after `jwgpu run` name: exposures, associations, folders; and what becomes of each."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from jwgpu.errors import InputError

STAGES = ("detector1", "image2", "image3")


@dataclasses.dataclass(frozen=True)
class Exposure:
    """A raw exposure or a rate, and the products of an association that say what to do with it."""

    path: Path
    asn: object = None
    product: object = None

    @property
    def label(self) -> str:
        """What messages call it."""
        return str(self.path)


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """A product of an association of stage 3."""

    asn: object
    product: object

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.product.name


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Exposures to calibrate, calibrated images, and the mosaics of associations."""

    exposures: list[Exposure] = dataclasses.field(default_factory=list)
    images: list[Path] = dataclasses.field(default_factory=list)
    mosaics: list[Mosaic] = dataclasses.field(default_factory=list)

    def add(self, word: str) -> None:
        """Add what a word names."""
        path = Path(word)
        if path.suffix.lower() == ".json" and not path.is_dir():
            _association(path, self.exposures, self.mosaics)
            return
        for each in _folder(path) if path.is_dir() else [path]:
            if is_calibrated(each):
                self.images.append(each)
            else:
                self.exposures.append(Exposure(each))

    def __len__(self) -> int:
        return len(self.exposures) + len(self.mosaics) + bool(self.images)


def _folder(folder: Path) -> list[Path]:
    """Return the files of a folder that are furthest on: calibrated images, else rates, else raw exposures."""
    for suffix in ("cal", "rate", "uncal"):
        if paths := sorted(folder.glob(f"*_{suffix}.fits")):
            return paths
    raise InputError(f"the folder {folder} holds no _cal.fits, _rate.fits or _uncal.fits; name another, or the files")


def is_calibrated(path: Path) -> bool:
    """Say whether a file is an image that has been through stage 2; of one that cannot be read nobody knows."""
    from jwgpu import io

    try:
        states = io.peek(path).cal_step
    except InputError:
        return False  # whoever opens it says why
    return states.photom == "COMPLETE" or states.outlier_detection == "COMPLETE"


def _association(path: Path, exposures: list, mosaics: list) -> None:
    from jwgpu import associations

    asn = associations.read(path)
    for product in asn:
        kind = asn.asn_type
        science = asn.path(product.of("science")[0])
        if kind == "image3" or (kind == "user_built" and is_calibrated(science)):
            mosaics.append(Mosaic(asn, product))
        elif kind in ("image2", "tso-image2", "wfs-image2", "user_built"):
            if len(product.of("science")) > 1:
                raise InputError(f"{path}: {product.name} has several science exposures; in stage 2, give it one")
            exposures.append(Exposure(science, asn, product))
        else:
            raise InputError(f"{path} is of asn_type {kind}; image2 and image3 are what jwgpu run does")
