"""`jw.show(image, catalog)`: the sources of a catalogue on their image, and each one's numbers."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Image, SourceCatalog
from jwgpu.diagnostics import draw, windows
from jwgpu.diagnostics.controls import menu, packages
from jwgpu.diagnostics.figures import empty
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError

STAR, EXTENDED, PICKED = "#0072b2", "#d55e00", "#009e73"
"""Told apart by colour-blind readers, on grey images."""
_REACH = 3.0  # standard deviations at which the outline of a source is drawn
_UNKNOWN = 4.0  # pixels, where a source has no shape
_SAID = ("aper_total_abmag", "kron_abmag", "isophotal_area", "ellipticity", "nn_dist")


def sky(axes, array: np.ndarray, title: str, unit: str, percent: float = 99.5, extent=None) -> None:
    """Draw a mosaic in grey, dark where bright: linear near the noise, logarithmic above."""
    from matplotlib.colors import AsinhNorm

    known = array[np.isfinite(array)]
    if known.size:
        middle = np.median(known)
        spread = 1.4826 * float(np.median(np.abs(known - middle))) or 1.0
        _, high = windows.limits(array, percent)
        norm = AsinhNorm(2 * spread, vmin=middle - 3 * spread, vmax=max(high, middle + 10 * spread))
        shown = axes.imshow(array, origin="lower", norm=norm, cmap="gray_r", interpolation="nearest",
                             extent=extent)  # fmt: skip
        bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
        decades = 10.0 ** np.arange(np.ceil(np.log10(4 * spread)), np.log10(max(norm.vmax - middle, 5 * spread)))
        ticks = np.concatenate(([middle], middle + decades))
        bar.set_ticks(ticks, labels=[f"{value:.3g}" for value in ticks])
        bar.ax.minorticks_off()
        bar.set_label(unit, fontsize=8)
        bar.ax.tick_params(labelsize=8)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("x (pixels)", fontsize=9)
    axes.set_ylabel("y (pixels)", fontsize=9)
    axes.tick_params(labelsize=8)


def outlines(axes, catalog: SourceCatalog, which: np.ndarray | None = None, **style) -> None:
    """Draw an ellipse around each source: three standard deviations of its light."""
    from matplotlib.collections import EllipseCollection

    which = np.ones(len(catalog), bool) if which is None else which
    places, a, b, angle = shapes(catalog)
    known = which & np.isfinite(places).all(axis=1)
    axes.add_collection(
        EllipseCollection(
            2 * a[known], 2 * b[known], angle[known], units="xy",
            offsets=places[known], offset_transform=axes.transData, facecolors="none", **{"linewidths": 1.2, **style},
        )
    )  # fmt: skip


def shapes(catalog: SourceCatalog) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return places (source, 2), half axes (pixels) and angles (degrees) of the outlines."""
    table = catalog.table
    a, b, angle = (
        np.asarray(table[name], np.float64) for name in ("semimajor_sigma", "semiminor_sigma", "orientation")
    )
    a, b = (np.where(np.isfinite(v), np.maximum(_REACH * v, 2.0), _UNKNOWN) for v in (a, b))
    places = np.stack((table["xcentroid"], table["ycentroid"]), axis=-1)
    return places, a, b, np.where(np.isfinite(angle), angle, 0)


def kinds(catalog: SourceCatalog) -> dict[str, tuple[np.ndarray, str]]:
    """Return which sources are stars and which are extended, and their colours."""
    extended = catalog["is_extended"]
    return {"stars": (~extended, STAR), "extended": (extended, EXTENDED)}


def concentrations(axes, catalog: SourceCatalog, picked: int | None = None) -> None:
    """Draw how concentrated sources are, against their magnitude: what tells stars from galaxies."""
    name = next(n for n in catalog.table.dtype.names if n.startswith("CI_"))
    for label, (which, colour) in kinds(catalog).items():
        mark = "o" if label == "stars" else "^"
        axes.plot(catalog["aper_total_abmag"][which], catalog[name][which], mark, color=colour, ms=4, mfc="none",
                  label=f"{label}: {np.count_nonzero(which)}")  # fmt: skip
    if picked is not None:
        axes.plot(
            catalog["aper_total_abmag"][picked], catalog[name][picked], "s", color=PICKED, ms=10, mfc="none", mew=2
        )
    bulk = catalog[name][np.isfinite(catalog[name])]
    if bulk.size:
        low, high = np.percentile(bulk, [2, 98])
        margin = 0.3 * max(high - low, 0.2)
        axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel("aper_total_abmag (AB)", fontsize=9)
    axes.set_ylabel(name, fontsize=9)
    axes.set_title("concentration", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)


def catalog_figure(image: Image, catalog: SourceCatalog, which=None, picked: int | None = None, percent: float = 99.5):
    """Return an image with sources outlined, and how concentrated they are, as a matplotlib Figure."""
    figure = empty(11, 4.8)
    concentrated = any(name.startswith("CI_") for name in catalog.table.dtype.names)
    axes = figure.subplots(1, 1 + concentrated, width_ratios=[1.5, 1][: 1 + concentrated], squeeze=False)[0]
    array, extent = draw.reduced(image.data)
    sky(axes[0], array, f"{image.name}: {len(catalog)} sources", image.unit, percent, extent)
    which = np.ones(len(catalog), bool) if which is None else which
    for of_kind, colour in kinds(catalog).values():
        outlines(axes[0], catalog, which & of_kind, edgecolors=colour)
    if picked is not None:
        outlines(axes[0], catalog, np.arange(len(catalog)) == picked, edgecolors=PICKED, linewidths=3.0)
    if concentrated:
        concentrations(axes[1], catalog, picked)
    return figure


class CatalogViewer(Viewer):
    """The widget behind `jw.show(image, catalog)`: a viewer of the image with an ellipse around each source.

    Attributes
    ----------
    kind, label
        ipywidgets controls: which sources are outlined, and the one whose numbers are shown.
    message : ipywidgets HTML
        These numbers.
    """

    def __init__(self, image: Image, catalog: SourceCatalog):
        if image.data.ndim != 2:
            raise InputError(f"show: {image.name} is a stack; sources are shown on one image")
        if catalog.segmentation is not None and catalog.segmentation.shape != image.shape:
            raise InputError(
                f"show: {image.name} has {image.shape} pixels, the catalogue {catalog.name} is of an image of "
                f"{catalog.segmentation.shape}; show it on its own image"
            )
        self.image, self.catalog = image, catalog
        super().__init__([Subject(image, f"{len(catalog)} sources")], {})
        widgets, _ = packages()
        self.kind = menu(widgets, "sources", ("all", "stars", "extended", "none"), "all", "which are outlined")
        names = [("none", 0), *((str(label), int(label)) for label in catalog["label"])]
        self.label = menu(widgets, "label", names, 0, "the source whose numbers are shown")
        self.message = widgets.HTML()
        for control in (self.kind, self.label):
            control.observe(lambda _: self.mark(), names="value")
        key = "".join(
            f"<span style='color:{colour}'>&#9675; {name}</span> " for name, (_, colour) in kinds(catalog).items()
        )
        row = widgets.HBox([self.kind, self.label, widgets.HTML(key)], layout=widgets.Layout(flex_flow="row wrap"))
        self.box.children = [row, self.message, *self.box.children]
        if any(name.startswith("CI_") for name in catalog.table.dtype.names):
            self.details.add("concentration", self._concentrations, lambda: self.label.value)
        self.colours.value, self.percent.value = "gray_r", 99.5
        self.mark()

    def pick(self, x: float, y: float) -> None:
        """Choose the pixel that is shown in detail, and the source nearest to it."""
        super().pick(round(x), round(y))

    def _picked(self, change) -> None:
        super()._picked(change)
        x, y = self.canvas.pixel
        far = np.hypot(self.catalog["xcentroid"] - x, self.catalog["ycentroid"] - y)
        if far.size and np.isfinite(far).any():
            self.label.value = int(self.catalog["label"][np.nanargmin(far)])

    @property
    def picked(self) -> int | None:
        """Row of the source that is picked."""
        return next((int(i) for i in np.flatnonzero(self.catalog["label"] == self.label.value)), None)

    def outlined(self) -> np.ndarray:
        """Return which sources are outlined."""
        which = np.zeros(len(self.catalog), bool)
        for name, (of_kind, _) in kinds(self.catalog).items():
            which |= of_kind & (self.kind.value in ("all", name))
        return which

    def mark(self) -> None:
        """Outline the sources again, and say the numbers of the one that is picked."""
        colours = np.where(self.catalog["is_extended"], EXTENDED, STAR)
        places, a, b, angle = shapes(self.catalog)
        marks = [
            {"x": float(x), "y": float(y), "a": float(a[i]), "b": float(b[i]), "angle": float(angle[i]),
             "colour": PICKED if i == self.picked else str(colours[i]), "line": 3.5 if i == self.picked else 1.5}
            for i, (x, y) in enumerate(places)
            if (self.outlined()[i] or i == self.picked) and np.isfinite([x, y]).all()
        ]  # fmt: skip
        self.canvas.marks = marks
        self._say(self.picked)
        self.details.redraw()

    def _concentrations(self, figure) -> str:
        figure.clear()
        axes = figure.subplots()
        figure.subplots_adjust(left=0.08, right=0.6, bottom=0.16, top=0.9)
        concentrations(axes, self.catalog, self.picked)
        return ""

    def figure(self):
        """Return the image with its outlined sources, and how concentrated they are, as a matplotlib Figure."""
        return catalog_figure(self.image, self.catalog, self.outlined(), self.picked, self.percent.value)

    def _say(self, row: int | None) -> None:
        if row is None:
            self.message.value = "click on a source"
            return
        source = self.catalog.table[row]
        ra, dec = source["sky_centroid"]
        words = [f"<b>{source['label']}</b> at {ra:.7f}, {dec:+.7f}"]
        words += [f"{name} {source[name]:.5g}" for name in _SAID if name in source.dtype.names]
        self.message.value = "&nbsp;&nbsp;".join(words)
