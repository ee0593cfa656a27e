"""Where light falls on the detectors of NIRSpec: spectra of slits and slices, and of shutters that do not close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from jwgpu import backend
from jwgpu.data import Meta, Reference
from jwgpu.errors import InputError
from jwgpu.wcs.compile import compile
from jwgpu.wcs.nirspec import Aperture, Optics

SLITS = ("S200A1", "S200A2", "S400A1", "S1600A1", "S200B1")
"""The fixed slits in the order of the msa reference."""

NEEDED = {
    "NRS_FIXEDSLIT": ("msa",),
    "NRS_BRIGHTOBJ": ("msa",),
    "NRS_MSASPEC": ("msa", "msametafile"),
    "NRS_IFU": ("ifuslicer", "ifupost"),
}
"""References that are needed beside those of the optics, by exposure type."""

_REACH = 0.55  # of the height of a slit or slice, from its middle; light reaches a little beyond its edges
_LAST = 2047  # the last pixel
_STEP = 1e-10  # m, of the wavelengths at which the ends of a spectrum are looked for
_STATES = ("Internal state", "TA state", "state")
_SHUTTERS_PER_ROW = 365
_PITCH = 1.15  # from shutter to shutter, in heights of one
_SLICES = 30


class Dark(Exception):
    """No aperture sends light to the detector."""


def science(meta: Meta, references: Mapping[str, Reference], mask) -> bool:
    """Set `mask` where the spectra of an exposure fall, as bounding boxes; for slices, the pixels themselves.

    Parameters
    ----------
    meta : Meta
        Its exposure type is one of `NEEDED`.
    references : mapping
        Those of `OPTICS` and of `NEEDED`, by type.
    mask : bool (y, x)
        Of a full frame; it is written into.

    Returns
    -------
    bool
        Whether a fixed slit is among the apertures.

    Raises
    ------
    Dark
    InputError
        The table of open shutters contradicts itself.
    """
    kind = meta.get("exposure.type")
    if kind == "NRS_IFU":
        _check_slices(meta)
    optics = Optics(meta, references)
    if kind == "NRS_IFU":
        for aperture in _slices(references):
            _light(optics, aperture, _box(optics, aperture, refined=True), mask)
        return False
    if kind == "NRS_MSASPEC":
        open_ = slitlets(meta, references["msametafile"])
    else:
        names = SLITS[3:4] if kind == "NRS_BRIGHTOBJ" else SLITS
        open_ = [(5, SLITS.index(name), -_REACH, _REACH) for name in names]
    lit = set()
    for quadrant, number, low, high in open_:
        aperture = opening(references["msa"], quadrant, number, low, high)
        if _on_detector(_box(optics, aperture)):
            (x0, x1), (y0, y1) = np.floor(np.array(_box(optics, aperture, refined=True)) + 0.5).astype(int)
            mask[y0:y1, x0:x1] = True
            lit.add(quadrant)
    if not lit:
        raise Dark(f"no open slit sends light to {meta.get('instrument.detector')}")
    return 5 in lit


def slitlets(meta: Meta, table: Reference) -> list[tuple[int, int, float, float]]:
    """Return the slitlets that are open in an exposure: quadrant, number of the shutter from 0, first and last y.

    A slitlet is a column of shutters; y counts in heights of the shutter with the source, and reaches half a shutter
    beyond those that are open.

    Parameters
    ----------
    meta : Meta
        Of the exposure: MSAMETID and PATT_NUM, the configuration of the shutters and the dither.
    table : Reference
        MSA metadata file, with the table `shutter_info`.

    Raises
    ------
    InputError
        A slitlet has two sources, or a fixed slit among its shutters.
    """
    purpose = "picture_frame, to know which shutters are open,"
    chosen = (meta.require("instrument.msa_metadata_id", purpose), meta.require("dither.position_number", purpose))
    info, groups = table.shutter_info, {}
    for row in info[(info["msa_metadata_id"] == chosen[0]) & (info["dither_point_index"] == chosen[1])]:
        slit = _text(row["fixed_slit"]) if "fixed_slit" in info.dtype.names else ""
        groups.setdefault(slit if slit in SLITS else int(row["slitlet_id"]), []).append(row)
    found = []
    for name, rows in groups.items():
        sources = sum(_text(row["primary_source"]) == "Y" for row in rows)
        if sources > 1 or (name in SLITS and len(rows) > 1):
            raise InputError(
                f"MSA metadata file {table.name}: slitlet {name} has {len(rows)} shutters and {sources} primary "
                f"sources for MSAMETID {chosen[0]}, PATT_NUM {chosen[1]}; correct the file"
            )
        if name in SLITS:
            if sources:
                found.append((5, SLITS.index(name), -_REACH, _REACH))
            continue
        columns = [int(row["shutter_column"]) for row in rows]
        first, last = min(columns), max(columns)
        here = next((row for row in rows if _text(row["background"]) == "N"), rows[0]) if sources else rows[0]
        middle = int(here["shutter_column"]) if sources else first + (last - first) // 2
        number = int(here["shutter_row"]) + (middle - 1) * _SHUTTERS_PER_ROW
        low, high = (-_REACH - 0.5 + (first - middle) * _PITCH, _REACH + 0.5 + (last - middle) * _PITCH)
        found.append((int(here["shutter_quadrant"]), number - 1, low, high))
    return found


def _text(value) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def failed_open(meta: Meta, references: Mapping[str, Reference], mask) -> int:
    """Set `mask` where the light of shutters falls that are always open; return how many there are.

    Parameters
    ----------
    meta : Meta
    references : mapping
        Those of `OPTICS`, `msa`, and `msaoper`, whose table lists shutters and their states.
    mask : bool (y, x)
        Of a full frame; it is written into.
    """
    optics, shutters = Optics(meta, references), references["msaoper"].msaoper
    stuck = [row for row in shutters if any(row[s] == "open" for s in _STATES)]
    for row in stuck:
        number = int(row["x"]) + (int(row["y"]) - 1) * _SHUTTERS_PER_ROW
        aperture = opening(references["msa"], int(row["Q"]), number - 1, -0.5, 0.5)
        _light(optics, aperture, _box(optics, aperture, refined=True), mask)
    return len(stuck)


def opening(msa: Reference, quadrant: int, number: int, low: float, high: float) -> Aperture:
    """Return a shutter of a quadrant (1 to 4) or a fixed slit (quadrant 5), by its number from 0."""
    rows = backend.to_host(msa.arrays[f"Q{quadrant}.data"])
    if not 0 <= number < len(rows):
        raise InputError(
            f"msa reference {msa.name} lists {len(rows)} apertures in quadrant {quadrant}, but number {number + 1} is "
            f"open; give the msa reference of the same date as the exposure"
        )
    return Aperture(tuple(float(v) for v in rows[number]), compile(msa.models[f"Q{quadrant}.model"]), low, high)


def _slices(references: Mapping[str, Reference]) -> Iterable[Aperture]:
    slicer, after = references["ifuslicer"], references["ifupost"]
    model, rows = compile(slicer.model), backend.to_host(slicer.data)
    for k in range(_SLICES):
        name = f"slice_{k}."
        post = {key[len(name) :]: compile(m) for key, m in after.models.items() if key.startswith(name)}
        yield Aperture(tuple(float(v) for v in rows[k]), model, -_REACH, _REACH, post)


def _check_slices(meta: Meta) -> None:
    detector, grating = meta.get("instrument.detector"), str(meta.get("instrument.grating"))
    short = (grating, meta.get("instrument.filter")) == ("G140H", "F070LP")
    if detector == "NRS2" and (grating.endswith("M") or short):
        raise Dark(f"no slice sends light to NRS2 with {grating}")


def _box(optics: Optics, aperture: Aperture, refined: bool = False):
    """Return the box of the spectrum of an aperture, ((x first, last), (y first, last)), with a margin.

    The margin is 10 pixels along the spectrum and 2 across. With `refined` the y are those of pixels that light of
    some wavelength falls on, also beyond the wavelengths of the filter.
    """
    low, high = optics.wavelengths
    waves = np.linspace(low, high, int((high - low) / _STEP))
    ends = [optics.pixels(aperture, np.full(waves.shape, y), waves) for y in (aperture.low, aperture.high)]
    x, y = (np.concatenate(axis) for axis in zip(*ends))
    box = _bounds(x, 10), _bounds(y, 2)
    if refined and all(first <= last for first, last in box):
        columns, rows = (np.arange(np.floor(first + 0.5), np.ceil(last - 0.5) + 1) for first, last in box)
        lit = np.isfinite(optics.light(aperture, columns[None], rows[:, None])).any(axis=1)
        if lit.any():
            box = box[0], _bounds(rows[lit], 2)
    return box


def _bounds(values, margin: int) -> tuple[float, float]:
    # The official package takes one pixel more before and one less behind: positions count as if from 1.
    first, last = float(values.min()) - 1 - margin, float(values.max()) - 1 + margin
    # What is NaN in places may lie anywhere.
    return (first if first > 0 else 0) - 0.5, (last if last < _LAST else _LAST) + 0.5


def _on_detector(box) -> bool:
    (x0, x1), (y0, y1) = box
    return x0 <= _LAST and y0 <= _LAST and x1 > 0 and y1 > 0 and x1 - x0 >= 2 and y1 - y0 >= 1


def _light(optics: Optics, aperture: Aperture, box, mask) -> None:
    """Set the pixels in `mask`, of those in the box, that light of some wavelength falls on."""
    xp = backend.namespace(mask)
    (x0, x1), (y0, y1) = (
        (max(int(np.ceil(first)), 0), min(int(np.floor(last)) + 1, size))
        for (first, last), size in zip(box, mask.shape[::-1])
    )
    if x0 >= x1 or y0 >= y1:
        return
    columns, rows = xp.arange(x0, x1, dtype=np.float64), xp.arange(y0, y1, dtype=np.float64)
    mask[y0:y1, x0:x1] |= xp.isfinite(optics.light(aperture, columns[None], rows[:, None]))
