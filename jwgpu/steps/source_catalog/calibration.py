"""What the references say of apertures and magnitudes, for the optics of an image."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.data import Image, Reference
from jwgpu.errors import InputError
from jwgpu.step import Skip

_APERTURES = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter", "subarray"), "FGS": ()}
_OFFSETS = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter",), "FGS": ("detector",)}


@dataclasses.dataclass(frozen=True)
class Apertures:
    """Three circles of known encircled energy, and the ring for the background about them.

    Attributes
    ----------
    energy : (3,) int, percent of the light of a star
    radius : (3,) pixels of the image
    correction : (3,) what the light in them is multiplied with to have all of it
    inner, outer : pixels, radii of the ring
    """

    energy: tuple[int, ...] = (1, 2, 3)
    radius: tuple[float, ...] = (1.0, 2.0, 3.0)
    correction: tuple[float, ...] = (1.0, 1.0, 1.0)
    inner: float = 5.0
    outer: float = 10.0


def apertures(image: Image, apcorr: Reference | None, energy: tuple[int, int, int]) -> Apertures:
    """Return the apertures for an image; without a reference three of 1, 2 and 3 pixels that correct nothing.

    Raises
    ------
    InputError
        The energies do not rise from above 0 to below 100, or the reference has no single row for one of them.
    Skip
        The reference has no row for the optics of the image.
    """
    if not 0 < energy[0] < energy[1] < energy[2] < 100:
        raise InputError(
            f"source_catalog: aperture_ee1 to aperture_ee3 are {energy}; give three rising numbers between 0 and 100"
        )
    if apcorr is None:
        return Apertures()
    table = _chosen(image, apcorr, apcorr.apcorr_table, _APERTURES)
    percent = np.rint(np.asarray(table["eefraction"], float) * 100)
    rows = []
    for wanted in energy:
        found = table[percent == wanted]
        if len(found) != 1:
            there = ", ".join(f"{p:.0f}" for p in np.unique(percent))
            raise InputError(
                f"{apcorr.name} has {len(found)} rows for {wanted}% of the light; give aperture_ee1 to aperture_ee3 "
                f"from {there}"
            )
        rows.append(found[0])
    rings = {(float(row["skyin"]), float(row["skyout"])) for row in rows}
    if len(rings) != 1:
        raise InputError(f"{apcorr.name} has {len(rings)} rings for the background of one filter; give another file")
    # Its pixels are those of the detector.
    scale = float(image.meta.get("resample.pixel_scale_ratio", 1.0))
    inner, outer = rings.pop()
    radii = tuple(float(row["radius"]) / scale for row in rows)
    corrections = tuple(float(row["apcorr"]) for row in rows)
    return Apertures(energy, radii, corrections, inner / scale, outer / scale)


def vega_offset(image: Image, abvegaoffset: Reference | None) -> float:
    """Return by how much AB magnitudes are larger than Vega magnitudes; 0 without a reference.

    Raises
    ------
    InputError
        The reference has more than one row for the optics of the image.
    Skip
        It has none.
    """
    if abvegaoffset is None:
        return 0.0
    rows = _chosen(image, abvegaoffset, abvegaoffset.abvega_offset, _OFFSETS)
    if len(rows) > 1:
        raise InputError(f"{abvegaoffset.name} has {len(rows)} rows for one filter; give another file")
    return float(rows["abvega_offset"][0])


def _chosen(image: Image, reference: Reference, table, selectors: dict[str, tuple[str, ...]]):
    """Return the rows of a table for the optics of an image."""
    instrument = str(image.meta.get("instrument.name", "")).upper()
    if instrument not in selectors:
        raise Skip(f"{instrument or 'an unknown instrument'} has no apertures for images")
    where = {"subarray": "subarray.name"}
    wanted = {name: image.meta.get(where.get(name, f"instrument.{name}")) for name in selectors[instrument]}
    rows = np.ones(len(table), bool)
    for name, value in wanted.items():
        rows &= np.array([_text(cell) == _text(value) for cell in table[name]], bool)
    if not rows.any():
        raise Skip(f"{reference.name} has no row for {' '.join(_text(v) for v in wanted.values())}")
    return table[rows]


def _text(value) -> str:
    return (value.decode("ascii") if isinstance(value, bytes) else str(value)).strip().upper()
