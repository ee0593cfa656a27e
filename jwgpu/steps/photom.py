"""Convert count rates to surface brightness."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import Image, Reference
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.masks import spread_invalid
from jwgpu.step import Skip, note, step

MICROJANSKY_PER_ARCSEC2 = 1e12 * (np.pi / 180 / 3600) ** 2
"""Of one MJy / sr."""

_FACTORS = {"data": 1, "err": 1, "var_poisson": 2, "var_rnoise": 2, "var_flat": 2}
_UNITS = {False: ("DN/s", "MJy/sr"), True: ("MJy/sr", "DN/s")}
_YEAR = 365.0  # days


@step(unit=None)
def photom(
    image: Image,
    photom: Reference,
    area: Reference | None = None,
    *,
    inverse: bool = False,
    apply_time_correction: bool = True,
) -> Image:
    """Convert count rates to surface brightness.

    The factor (PHOTMJSR) is that of the row of the table for the filter, the pupil and the subarray, divided by how
    much of the light of the first day is recorded on the day of the exposure: the product of a line, an exponential and
    a power law, as far as the file has their coefficients::

        data' = PHOTMJSR data        err' = PHOTMJSR err        var' = PHOTMJSR**2 var

    The areas of the pixels go with the image.

    Parameters
    ----------
    image : Image
        A plane (y, x) or a stack (integration, y, x) of an imaging mode, DN/s.
    photom : Reference
        Table `phot_table` with `photmjsr` ((MJy / sr) / (DN / s)) and what rows are chosen by; tables
        `timecoeff_linear`, `timecoeff_exponential`, `timecoeff_powerlaw` with a row for each of its rows, where the
        instrument changes with time.
    area : Reference, optional
        `data` (y, x): pixel areas relative to the mean, which its header says (PIXAR_SR, PIXAR_A2).
    inverse : bool
        Divide instead: from MJy/sr to DN/s.
    apply_time_correction : bool
        Whether to take the change with time into account.

    Returns
    -------
    Image
        In MJy/sr; variances in its square; with `area` (y, x).

    Raises
    ------
    InputError
        The image has another unit, the table has no factor, the coefficients in time do not fit it, or the areas have
        another shape.

    Skips when
    ----------
    There is no photom reference, it is one of spectra, or it has no row for the exposure.

    Differs from jwst
    -----------------
    Spectroscopic modes are not done yet. An exposure for which the table has no row is skipped, where the official
    step says COMPLETE and converts nothing. NIRISS stacks are converted; the official step skips them.
    """
    before, after = _UNITS[inverse]
    if image.unit != before:
        raise InputError(
            f"photom{' (inverse)' if inverse else ''} works in {before}, but {image.name} is in {image.unit}"
        )
    table = photom.phot_table
    if "photmjsr" not in table.dtype.names or "wavelength" in table.dtype.names:
        raise Skip(f"{photom.name} converts spectra, which are not done yet")
    row = _row(image, table)
    factor = np.float64(table["photmjsr"][row])
    if apply_time_correction:
        factor /= _remaining(image, photom, row)
    note(conversion=float(factor))
    values = {
        "photometry.conversion_megajanskys": float(factor),
        "photometry.conversion_microjanskys": float(factor) * MICROJANSKY_PER_ARCSEC2,
        **_pixel_area(photom if area is None else area),
        "bunit_data": after, "bunit_err": after,
    }  # fmt: skip
    arrays = {name: image.own(name) for name in (*_FACTORS, "dq") if getattr(image, name) is not None}
    _convert(image, arrays, 1 / factor if inverse else factor)
    if area is not None:
        arrays["area"] = area.check_shape("data", image.shape[-2:])
    return image.replace(**arrays, unit=after, meta=image.meta.set(values))


def _convert(image: Image, arrays: dict, factor: float) -> None:
    """Multiply the arrays, in place, by the power of the factor that each goes with."""
    xp = namespace(image.data)

    def work(rows):
        part = {name: array[..., rows, :] for name, array in arrays.items()}
        for name, power in _FACTORS.items():
            if name in part:
                part[name] *= np.float32(factor**power)
        if "dq" in part:
            spread_invalid(xp, [part[name] for name in _FACTORS if name in part], part["dq"])

    over_rows(work, image.data)


def _row(image: Image, table) -> int:
    """Return the row for the exposure's optics; of a table for subarrays, that of its own, else the GENERIC one."""
    wanted = {name: str(image.meta.get(f"instrument.{name}", "")).upper() for name in ("filter", "pupil")}
    wanted["subarray"] = str(image.meta.get("subarray.name", "")).upper()
    columns = [name for name in wanted if name in table.dtype.names]
    rows = [tuple(str(row[name]).strip().upper() for name in columns) for row in table]
    for subarray in (wanted["subarray"], "GENERIC"):
        case = tuple((wanted | {"subarray": subarray})[name] for name in columns)
        if rows.count(case) > 1:
            raise InputError(f"the photom table has {rows.count(case)} rows for {' '.join(case)}; give another file")
        if case in rows:
            return rows.index(case)
    raise Skip(f"the photom table has no row for {' '.join(wanted[name] for name in columns)}")


def _remaining(image: Image, photom: Reference, row: int) -> float:
    """Return which part of the light of the first day is recorded on the day of the exposure."""
    kinds = {name: getattr(photom, name) for name in _LAWS if name in photom}
    if not kinds:
        return 1.0
    day = float(image.meta.require("exposure.mid_time", "photom"))
    part = 1.0
    for name, table in kinds.items():
        if len(table) != len(photom.phot_table):
            raise InputError(f"{photom.name}: {name} has {len(table)} rows, its table {len(photom.phot_table)}")
        part *= _LAWS[name](day, {column: table[column][row] for column in table.dtype.names})
    return float(part)


# t0 is the first day (MJD), as in the files.
_LAWS = {
    "timecoeff_linear": lambda day, c: 1 - c["lossperyear"] * (day - c["t0"]) / _YEAR,
    "timecoeff_exponential": lambda day, c: c["amplitude"] * np.exp(-(day - c["t0"]) / c["tau"]) + c["const"],
    "timecoeff_powerlaw": lambda day, c: (
        (day - c["t0"] + c["tsoft"]) ** c["alpha"] / ((_YEAR + c["tsoft"]) ** c["alpha"] / c["year1value"])
    ),
}


def _pixel_area(reference: Reference) -> dict:
    """Return the mean area of a pixel as the header of a reference says it."""
    names = ("photometry.pixelarea_steradians", "photometry.pixelarea_arcsecsq")
    return {name: float(value) for name in names if (value := reference.meta.get(name)) is not None}
