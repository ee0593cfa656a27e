"""`jw.show(image, catalog)`: the sources of a catalogue on their image, and each one's numbers."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data import Image, SourceCatalog
from jwgpu.diagnostics import draw, planes
from jwgpu.diagnostics.widgets import canvas_of, notebook_packages
from jwgpu.errors import InputError

STAR, EXTENDED, PICKED = "#0072b2", "#d55e00", "#009e73"
"""Told apart by colour-blind readers, on grey images."""
_REACH = 3.0  # standard deviations at which the outline of a source is drawn
_UNKNOWN = 4.0  # pixels, where a source has no shape
_SAID = ("aper_total_abmag", "kron_abmag", "isophotal_area", "ellipticity", "nn_dist")


def sky(axes, array: np.ndarray, title: str, unit: str, percent: float = 99.5) -> None:
    """Draw a mosaic in grey, dark where bright: linear near the noise, logarithmic above."""
    from matplotlib.colors import AsinhNorm

    known = array[np.isfinite(array)]
    if known.size:
        middle = np.median(known)
        spread = 1.4826 * float(np.median(np.abs(known - middle))) or 1.0
        _, high = planes.limits(array, percent)
        norm = AsinhNorm(2 * spread, vmin=middle - 3 * spread, vmax=max(high, middle + 10 * spread))
        shown = axes.imshow(array, origin="lower", norm=norm, cmap="gray_r", interpolation="nearest")
        bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
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
    table = catalog.table[which]
    a, b, angle = (table[name] for name in ("semimajor_sigma", "semiminor_sigma", "orientation"))
    a, b = (np.where(np.isfinite(v), np.maximum(_REACH * v, 2.0), _UNKNOWN) for v in (a, b))
    places = np.stack((table["xcentroid"], table["ycentroid"]), axis=-1)
    known = np.isfinite(places).all(axis=1)
    axes.add_collection(
        EllipseCollection(
            2 * a[known], 2 * b[known], np.where(np.isfinite(angle), angle, 0)[known], units="xy",
            offsets=places[known], offset_transform=axes.transData, facecolors="none", **{"linewidths": 1.2, **style},
        )
    )  # fmt: skip


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


class CatalogViewer:
    """The widget behind `jw.show(image, catalog)`. Its controls are attributes.

    Attributes
    ----------
    kind, stretch, label
        ipywidgets controls: which sources, display limits, and the source whose numbers are shown.
    figure : matplotlib Figure
        What is drawn; a page without widgets can show it alone.
    """

    def __init__(self, image: Image, catalog: SourceCatalog):
        if image.data.ndim != 2:
            raise InputError(f"show: {image.name} is a stack; sources are shown on one image")
        if catalog.segmentation is not None and catalog.segmentation.shape != image.shape:
            raise InputError(
                f"show: {image.name} has {image.shape} pixels, the catalogue {catalog.name} is of an image of "
                f"{catalog.segmentation.shape}; show it on its own image"
            )
        from matplotlib.figure import Figure

        widgets, canvas_class, manager_class = notebook_packages()
        self.image, self.catalog, self._array = image, catalog, backend.to_host(image.data)
        self.figure = Figure(figsize=(9.8, 4.4), layout="constrained")
        self.canvas, self._manager = canvas_of(self.figure, canvas_class, manager_class)
        self.canvas.mpl_connect("button_press_event", self._clicked)
        style, layout = {"description_width": "90px"}, widgets.Layout(width="30%")
        self.kind = widgets.Dropdown(options=["all", "stars", "extended", "none"], value="all", description="sources",
                                     layout=layout, style=style)  # fmt: skip
        self.stretch = widgets.FloatSlider(value=99.5, min=90.0, max=100.0, step=0.1, description="stretch (%)",
                                           continuous_update=False, layout=layout, style=style)  # fmt: skip
        names = [("none", 0), *((str(label), int(label)) for label in catalog["label"])]
        self.label = widgets.Dropdown(options=names, value=0, description="label", layout=layout, style=style)
        self.message = widgets.HTML()
        for control in (self.kind, self.stretch, self.label):
            control.observe(lambda _: self.redraw(), names="value")
        self.box = widgets.VBox([widgets.HBox([self.kind, self.stretch, self.label]), self.message, self.canvas])
        self.redraw()

    def pick(self, x: float, y: float) -> None:
        """Choose the source nearest to a pixel."""
        if len(self.catalog):
            far = np.hypot(self.catalog["xcentroid"] - x, self.catalog["ycentroid"] - y)
            self.label.value = int(self.catalog["label"][np.nanargmin(far)])

    def _clicked(self, event) -> None:
        if event.inaxes is not None and event.inaxes.get_gid() == "image":
            self.pick(event.xdata, event.ydata)

    def redraw(self) -> None:
        """Draw everything again from the controls; what was zoomed stays zoomed."""
        seen = [(axes.get_xlim(), axes.get_ylim()) for axes in self.figure.axes if axes.get_gid() == "image"]
        self.figure.clear()
        left, right = self.figure.subplots(1, 2, width_ratios=[1.5, 1])
        left.set_gid("image")
        title = f"{draw.label(self.image, 'image')}: {len(self.catalog)} sources"
        sky(left, self._array, title, self.image.unit, self.stretch.value)
        for name, (which, colour) in kinds(self.catalog).items():
            if self.kind.value in ("all", name):
                outlines(left, self.catalog, which, edgecolors=colour)
        row = next(iter(np.flatnonzero(self.catalog["label"] == self.label.value)), None)
        if row is not None:
            outlines(left, self.catalog, self.catalog["label"] == self.label.value, edgecolors=PICKED, linewidths=3.0)
        concentrations(right, self.catalog, row)
        if seen:
            left.set(xlim=seen[0][0], ylim=seen[0][1])
        self._say(row)
        self.canvas.draw_idle()

    def _say(self, row: int | None) -> None:
        if row is None:
            self.message.value = "click on a source"
            return
        source = self.catalog.table[row]
        ra, dec = source["sky_centroid"]
        words = [f"<b>{source['label']}</b> at {ra:.7f}, {dec:+.7f}"]
        words += [f"{name} {source[name]:.5g}" for name in _SAID if name in source.dtype.names]
        self.message.value = "&nbsp;&nbsp;".join(words)

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)
