"""`jw.show`: an exposure, or the same exposure before and after a step, with one pixel's ramp."""

from __future__ import annotations

from jwgpu.data import Exposure, Image, Ramp, Reference, SourceCatalog
from jwgpu.diagnostics import draw, planes
from jwgpu.diagnostics.segments import segments
from jwgpu.diagnostics.sources import CatalogViewer
from jwgpu.diagnostics.widgets import canvas_of, notebook_packages
from jwgpu.errors import InputError


def show(
    before: Exposure,
    after: Exposure | SourceCatalog | None = None,
    *,
    gain: Reference | None = None,
    readnoise: Reference | None = None,
) -> Viewer | CatalogViewer:
    """Show one exposure, two side by side with what changed between them, or the sources of a catalogue on an image.

    Controls choose the integration, the group, the stretch and a flag to lay over the images. A click on an image
    picks a pixel; its ramp is drawn below with flagged groups marked. After `jump`, and beside a rate, the lines that
    least squares fits to its segments are drawn too, with their slopes.

    Parameters
    ----------
    before, after : Ramp or Image
        Of the same (y, x) shape. In place of the second, a `SourceCatalog` of the first: each source is outlined, stars
        and extended sources in two colours; a click picks one and says what the catalogue has of it.
    gain, readnoise : Reference, optional
        For the weights of these lines; without them all groups of a segment count alike.

    Returns
    -------
    Viewer or CatalogViewer
        An ipywidgets box, displayed as the last expression of a cell; its `figure` can be saved.

    Raises
    ------
    InputError
        Where the shapes differ, or the notebook packages are not installed.
    """
    if isinstance(after, SourceCatalog):
        if not isinstance(before, Image):
            raise InputError(f"show: sources are shown on an image, and {before.name} is none; give (image, catalog)")
        return CatalogViewer(before, after)
    if after is not None and after.data.shape[-2:] != before.data.shape[-2:]:
        raise InputError(
            f"show: {before.name} is {before.data.shape[-2:]} and {after.name} is {after.data.shape[-2:]} pixels; "
            "give two versions of the same exposure"
        )
    return Viewer([before] if after is None else [before, after], gain, readnoise)


class Viewer:
    """The widget behind `jw.show`. Its controls are attributes, so a notebook can set them too.

    Attributes
    ----------
    integration, group, stretch, flag, x, y
        ipywidgets controls; set `.value` to change what is shown.
    figure : matplotlib Figure
    """

    def __init__(self, exposures: list[Exposure], gain: Reference | None = None, readnoise: Reference | None = None):
        widgets, canvas_class, manager_class = notebook_packages()
        from matplotlib.figure import Figure

        self.exposures, self._references = exposures, {"gain": gain, "readnoise": readnoise}
        self._waiting = False
        fallbacks = ("before", "after") if len(exposures) == 2 else ("data",)
        self.labels = [draw.label(e, word) for e, word in zip(exposures, fallbacks)]
        if len(set(self.labels)) < len(self.labels):
            self.labels = list(fallbacks)
        self._has_ramp = any(isinstance(e, Ramp) for e in exposures)
        self.figure = Figure(figsize=(9.8, 6.6 if self._has_ramp else 3.8), layout="constrained")
        self.canvas, self._manager = canvas_of(self.figure, canvas_class, manager_class)
        self.canvas.mpl_connect("button_press_event", self._clicked)
        self._controls(widgets)
        self.message = widgets.HTML()
        rows = [
            widgets.HBox([self.integration, self.group]),
            widgets.HBox([self.stretch, self.flag]),
            widgets.HBox([self.x, self.y, self.message]),
            self.canvas,
        ]
        self.box = widgets.VBox(rows)
        self.redraw()

    def _controls(self, widgets) -> None:
        ny, nx = self.exposures[0].data.shape[-2:]
        n_integrations = max(e.data.shape[0] if e.data.ndim > 2 else 1 for e in self.exposures)
        n_groups = max(e.n_groups if isinstance(e, Ramp) else 1 for e in self.exposures)
        wide = widgets.Layout(width="45%")
        style = {"description_width": "90px"}

        def slider(text, top, value):
            return widgets.IntSlider(
                value=value, min=1, max=top, description=text, continuous_update=False, layout=wide, style=style
            )

        self.integration = slider("integration", n_integrations, 1)
        self.group = slider("group", n_groups, n_groups)
        self.integration.disabled, self.group.disabled = n_integrations == 1, n_groups == 1
        self.stretch = widgets.FloatSlider(
            value=99.0, min=80.0, max=100.0, step=0.1, description="stretch (%)", continuous_update=False,
            layout=wide, style=style,
        )  # fmt: skip
        names = ["none", *planes.flag_names(self.exposures)]
        self.flag = widgets.Dropdown(options=names, value="none", description="flag", layout=wide, style=style)
        narrow = widgets.Layout(width="160px")
        self.x = widgets.BoundedIntText(value=nx // 2, min=0, max=nx - 1, description="x", layout=narrow)
        self.y = widgets.BoundedIntText(value=ny // 2, min=0, max=ny - 1, description="y", layout=narrow)
        for control in (self.integration, self.group, self.stretch, self.flag, self.x, self.y):
            control.observe(lambda _: self.redraw(), names="value")

    def pick(self, x: int, y: int) -> None:
        """Choose the pixel whose ramp is drawn (0-based array coordinates)."""
        self._waiting = True
        self.x.value, self.y.value = int(x), int(y)
        self._waiting = False
        self.redraw()

    def _clicked(self, event) -> None:
        if event.inaxes is not None and event.inaxes.get_gid() == "image":
            self.pick(round(event.xdata), round(event.ydata))

    def redraw(self) -> None:
        """Draw everything again from the controls; what was zoomed stays zoomed."""
        if self._waiting:
            return
        seen = [(axes.get_xlim(), axes.get_ylim()) for axes in self._images()][:1]
        self.figure.clear()
        integration, group = self.integration.value - 1, self.group.value - 1
        x, y = self.x.value, self.y.value
        arrays = [planes.plane(e, min(integration, e.data.shape[0] - 1), group) for e in self.exposures]
        columns = 3 if len(arrays) == 2 else 2
        grid = self.figure.add_gridspec(
            2 if self._has_ramp else 1, columns, height_ratios=[1.5, 1][: 1 + self._has_ramp]
        )
        percent = self.stretch.value
        same_unit = len({e.unit for e in self.exposures}) == 1 and len({type(e) for e in self.exposures}) == 1
        for column, (exposure, array, label) in enumerate(zip(self.exposures, arrays, self.labels)):
            axes = self._image_axes(grid[0, column], x, y)
            draw.image(axes, array, draw.title(exposure, label, integration, group), exposure.unit, percent)
            if self.flag.value != "none":
                draw.flag_overlay(axes, planes.flags(exposure, self.flag.value, integration, group))
        last = self.figure.add_subplot(grid[0, columns - 1])
        if len(arrays) == 2 and same_unit:
            draw.difference(last, arrays[1] - arrays[0], self.exposures[1].unit, percent)
        else:
            draw.histogram(last, arrays, self.labels, [e.unit for e in self.exposures])
        if self._has_ramp:
            lines = [self._lines(e, x, y, integration) for e in self.exposures]
            draw.ramps(self.figure.add_subplot(grid[1, :]), self.exposures, self.labels, integration, y, x, lines)
        for axes in self._images() if seen else ():
            axes.set(xlim=seen[0][0], ylim=seen[0][1])
        self._say(x, y, integration, group, arrays)
        self.canvas.draw_idle()

    def _lines(self, exposure, x: int, y: int, integration: int):
        """Return the segments of a ramp that is ready to be fitted, or stands beside its fit."""
        if not isinstance(exposure, Ramp) or exposure.unit != "DN" or exposure.meta.get("exposure.group_time") is None:
            return None
        ready = any(
            r.step in ("jump", "ramp_fit") and r.status == "COMPLETE" for e in self.exposures for r in e.history
        )
        last = exposure is [e for e in self.exposures if isinstance(e, Ramp)][-1]
        return segments(exposure, x, y, integration, **self._references) if ready and last else None

    def _images(self) -> list:
        return [axes for axes in self.figure.axes if axes.get_gid() == "image"]

    def _image_axes(self, cell, x: int, y: int):
        axes = self.figure.add_subplot(cell)
        axes.set_gid("image")
        axes.plot([x], [y], "+", color="white", ms=12, mew=1.5)
        return axes

    def _say(self, x: int, y: int, integration: int, group: int, arrays) -> None:
        words = []
        for exposure, array, label in zip(self.exposures, arrays, self.labels):
            names = [n for n in self.flag.options[1:] if planes.flags(exposure, n, integration, group)[y, x]]
            words.append(f"{label}: {array[y, x]:.5g} {exposure.unit} <i>{' '.join(names)}</i>")
        self.message.value = "&nbsp;&nbsp;".join(words)

    def _repr_mimebundle_(self, **kwargs):
        return self.box._repr_mimebundle_(**kwargs)
