"""The columns of the catalogue, in the official order, from what was measured."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Column
from jwgpu.steps.source_catalog.calibration import Apertures

_AB = 8.9
"""AB magnitude of 1 Jy."""

_FLUX, _MAGNITUDE, _SHAPE = ".6e", ".6f", ".6f"
_KINDS = {"flux": ("flux", "Jy", _FLUX), "abmag": ("AB magnitude", "", _MAGNITUDE),
          "vegamag": ("Vega magnitude", "", _MAGNITUDE)}  # fmt: skip


class Columns:
    """Columns that are added one after the other: values, and what they are."""

    def __init__(self, n: int):
        self._n = n
        self.values: dict[str, np.ndarray] = {}
        self.about: dict[str, Column] = {}

    def add(self, name: str, values, unit: str = "", about: str = "", form: str = "") -> None:
        """Add a column; one number stands for all rows."""
        values = np.asarray(values)
        self.values[name] = values if values.ndim else np.broadcast_to(values, self._n)
        self.about[name] = Column(unit, about, form)

    def magnitudes(self, name: str, light, error, offset: float, about: str, kinds=tuple(_KINDS)) -> None:
        """Add a flux (Jy) and its error, or its magnitudes, or all."""
        for kind in kinds:
            word, unit, form = _KINDS[kind]
            value, spread = (light, error) if kind == "flux" else magnitude(light, error)
            value = value - offset if kind == "vegamag" else value
            self.add(f"{name}_{kind}", value, unit, about.format(word), form)
            self.add(f"{name}_{kind}_err", spread, unit, f"Error of {name}_{kind}", form)

    def table(self) -> np.ndarray:
        """Return the columns as a structured array."""
        kinds = [(name, v.dtype if v.dtype.kind != "f" else np.float64, v.shape[1:]) for name, v in self.values.items()]
        table = np.empty(self._n, kinds)
        for name, values in self.values.items():
            table[name] = values
        return table


def magnitude(light, error) -> tuple[np.ndarray, np.ndarray]:
    """Return AB magnitudes of fluxes (Jy) and their errors; NaN of negative fluxes."""
    with np.errstate(all="ignore"):
        value, spread = -2.5 * np.log10(light) + _AB, 2.5 * np.log10(1 + error / light)
    return tuple(np.where(light < 0, np.nan, v) for v in (value, spread))


def positions(columns: Columns, x, y, sky) -> None:
    """Add labels and positions."""
    columns.add("label", np.arange(1, x.size + 1, dtype=np.int32), about="Number of the source, its label in the map")
    columns.add("xcentroid", x, about="x of the centre of light, pixels from 0", form=".4f")
    columns.add("ycentroid", y, about="y of the centre of light, pixels from 0", form=".4f")
    columns.add("sky_centroid", sky, "deg", "Right ascension and declination (ICRS) of the centre of light")


def apertures(columns: Columns, where: Apertures, ring, light, error, offset: float) -> None:
    """Add what was measured in circles: background, fluxes, totals, magnitudes and concentrations."""
    columns.add("aper_bkg_flux", ring[0], "Jy", "Background around the source, per pixel: clipped median of a ring",
                _FLUX)  # fmt: skip
    columns.add("aper_bkg_flux_err", ring[1], "Jy", "Error of aper_bkg_flux", _FLUX)
    for kind in _KINDS:
        for percent, flux, spread in zip(where.energy, light, error):
            about = f"Within the circle of {percent}% of the light of a star: {{}}"
            columns.magnitudes(f"aper{percent}", flux, spread, offset, about, (kind,))
        total = where.correction[-1] * light[-1], where.correction[-1] * error[-1]
        about = f"Total {{}}, from the circle of {where.energy[-1]}% of the light of a star; for stars alone"
        columns.magnitudes("aper_total", *total, offset, about, (kind,))


def concentration(columns: Columns, where: Apertures, light, limits: tuple[float, float]) -> None:
    """Add ratios of fluxes in circles, and whether the source is extended: larger than both limits."""
    ratios = {}
    with np.errstate(all="ignore"):
        for small, large in ((0, 1), (1, 2), (0, 2)):
            ratios[f"CI_{where.energy[large]}_{where.energy[small]}"] = light[large] / light[small]
    for name, ratio in ratios.items():
        one, other = name.split("_")[1:]
        columns.add(name, ratio, about=f"Concentration: aper{one}_flux / aper{other}_flux", form=".4f")
    first, second, _ = ratios.values()
    columns.add("is_extended", (first > limits[0]) & (second > limits[1]), about="Whether the source is larger than a "
                "star: both concentrations above their limits")  # fmt: skip


def looks(columns: Columns, sharpness, roundness, near) -> None:
    """Add how like a star a source looks, and which source is nearest."""
    columns.add("sharpness", sharpness, about="Sharpness of DAOFIND", form=_SHAPE)
    columns.add("roundness", roundness, about="Roundness of DAOFIND, by symmetry", form=_SHAPE)
    columns.add("nn_label", near[0], about="Label of the nearest source; -1 where there is none")
    columns.add("nn_dist", near[1], "pix", "Distance of the nearest source", _SHAPE)


def isophotal(columns: Columns, light, error, offset: float, area) -> None:
    """Add what the pixels of the source sum up to."""
    columns.magnitudes("isophotal", light, error, offset, "{} of the pixels of the source")
    columns.add("isophotal_area", area, "pix2", "Good pixels of the source")


def shapes(columns: Columns, a, b, angle, north: float) -> None:
    """Add size and orientation (degrees); `north` is the angle from the x axis to north."""
    columns.add("semimajor_sigma", a, "pix", "Standard deviation along the major axis, from second moments", _SHAPE)
    columns.add("semiminor_sigma", b, "pix", "Standard deviation along the minor axis, from second moments", _SHAPE)
    with np.errstate(all="ignore"):
        columns.add("ellipticity", 1 - b / a, about="1 - semiminor_sigma / semimajor_sigma", form=_SHAPE)
    columns.add("orientation", angle, "deg", "Angle from the x axis to the major axis, counter-clockwise", _SHAPE)
    columns.add("sky_orientation", (180 - north + angle) % 360, "deg", "Position angle of the major axis, from north "
                "over east", _SHAPE)  # fmt: skip


def corners(columns: Columns, sky: dict[str, np.ndarray]) -> None:
    """Add the corners of the rectangle around the pixels of a source."""
    words = {"ll": "lower left", "ul": "upper left", "lr": "lower right", "ur": "upper right"}
    for name, word in words.items():
        columns.add(f"sky_bbox_{name}", sky[name], "deg", f"Sky position of the {word} corner of the source's box")


def kron(columns: Columns, radius, light, error, offset: float) -> None:
    """Add the light in ellipses that follow the size of the source."""
    columns.add("kron_radius", radius, about="Mean distance of the light, in units of the axes; 0: a circle is used",
                form=_SHAPE)  # fmt: skip
    columns.magnitudes("kron", light, error, offset, "{} within the Kron aperture: for extended sources")
