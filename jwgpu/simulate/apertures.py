"""What a catalogue needs to know of simulated stars: apertures that hold a known share of their light, and Vega."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Meta, Reference
from jwgpu.simulate.header import START
from jwgpu.simulate.psf import STAR

ENERGY = (20, 30, 40, 50, 60, 70, 80)
"""Percent of the light of a star in the circles."""
RING = (3.5, 5.0)  # radii of the ring for the background, in widths of the core
VEGA = 1.2
"""AB less Vega magnitude of every simulated filter."""

_SIGMA = 2.3548  # full widths at half maximum in a standard deviation
_MODELS = {"NIRCAM": "NrcImg", "NIRISS": "NisImg", "MIRI": "MirImg", "FGS": "FgsImg"}


def encircled(radius, fwhm: float, squares: float = 4):
    """Return the share of a star's light within a radius (pixels), wherever the star lies on the pixels.

    Parameters
    ----------
    radius : array
    fwhm : float
        Of the core, pixels.
    squares : float
        How often the light has been spread over the square of a pixel: twice in an image, by the detector and by the
        sum over parts of pixels; four times in a mosaic with pixels as large, by the drops of light and their sum too;
        a square of another size counts as much as its area.
    """
    share, width = np.array(STAR).T
    variance = (width * fwhm / _SIGMA) ** 2 + squares / 12
    return 1 - np.exp(-0.5 * np.asarray(radius, float)[..., None] ** 2 / variance) @ share


def references(
    instrument: str, detector: str, filter: str, pupil: str | None, fwhm: float, ratio: float = 1.0,
    pixfrac: float = 1.0,
) -> dict[str, Reference]:  # fmt: skip
    """Return `apcorr` and `abvegaoffset` for stars of a width (pixels) in mosaics of square drops.

    `ratio` is the side of a pixel of the mosaic over that of the detector. Radii are in pixels of the detector, as
    those of the official references.
    """
    squares = 1 + pixfrac**2 + 2 * ratio**2
    fine = np.linspace(0, 60 * fwhm, 60_000)
    radii = np.interp(np.array(ENERGY) / 100, encircled(fine, fwhm, squares), fine)
    ring = tuple(round(r * fwhm, 2) for r in RING)
    # The ring holds light of the star itself, which its background takes away.
    level = np.diff(encircled(np.array(ring), fwhm, squares))[0] / (np.pi * (ring[1] ** 2 - ring[0] ** 2))
    kept = np.array(ENERGY) / 100 - level * np.pi * radii**2
    optics = {"NIRCAM": (filter, pupil), "NIRISS": (filter, pupil), "MIRI": (filter, "FULL"), "FGS": ()}[instrument]
    names = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter", "subarray"),
             "FGS": ()}[instrument]  # fmt: skip
    columns = [*((n, "U12") for n in names), *((n, "f4") for n in "eefraction radius apcorr skyin skyout".split())]
    rows = [(*optics, e / 100, r, 1 / k, *ring) for e, r, k in zip(ENERGY, radii, kept)]
    vega = {"NIRCAM": optics, "NIRISS": optics, "MIRI": optics[:1], "FGS": (detector,)}[instrument]
    offset = [*((n, "U12") for n in (names[: len(vega)] or ("detector",))), ("abvega_offset", "f8")]
    tables = {
        "apcorr": ("apcorr_table", np.array(rows, columns), f"{_MODELS[instrument]}ApcorrModel", "fits"),
        "abvegaoffset": ("abvega_offset", np.array([(*vega, VEGA)], offset), "ABVegaOffsetModel", "asdf"),
    }
    made = {}
    for kind, (name, table, model, ending) in tables.items():
        file = f"simulated_{detector.lower()}_{kind}.{ending}"
        meta = {"filename": file, "date": START.isoformat(), "model_type": model, "reftype": kind, "telescope": "JWST",
                "pedigree": "DUMMY", "useafter": "2020-01-01T00:00:00", "author": "jwgpu.simulate",
                "description": f"Simulated {kind}", "instrument.name": instrument,
                "instrument.detector": detector}  # fmt: skip
        made[kind] = Reference(kind, file, {name: table}, Meta(meta))
    return made
