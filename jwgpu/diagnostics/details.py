"""What stands below the images: the ramp of a pixel, profiles, the distribution of values, the history."""

from __future__ import annotations

from jwgpu import markup
from jwgpu.data import Ramp
from jwgpu.diagnostics import draw, pixel
from jwgpu.diagnostics.figures import png
from jwgpu.diagnostics.history import History

PIXEL, PROFILES, VALUES, HISTORY = "pixel", "profiles", "values", "history"


class Details:
    """Tabs below the images of a viewer; only the one that is seen is drawn.

    Attributes
    ----------
    box : ipywidgets Tab
        Set `.selected_index` to choose.
    names : list of str
    """

    def __init__(self, widgets, viewer):
        self._viewer, self._widgets, self._extra = viewer, widgets, {}
        self._ramps = any(s.is_ramp for s in viewer.subjects)
        self.names = ([PIXEL] if self._ramps else []) + [PROFILES, VALUES]
        self._pictures = {name: self._picture() for name in self.names}
        self._words = {name: widgets.HTML() for name in self.names}
        pages = [widgets.VBox([self._pictures[name], self._words[name]]) for name in self.names]
        if getattr(viewer.subjects[-1].noun, "history", None):
            self.names.append(HISTORY)
            self._history = widgets.HTML()
            pages.append(self._history)
        self.box = widgets.Tab(pages, titles=tuple(self.names))
        self.box.observe(lambda _: self.redraw(), names="selected_index")
        self._figures, self._drawn = {}, {}

    def add(self, name: str, draw_on, state) -> None:
        """Add a tab.

        Parameters
        ----------
        name : str
        draw_on : function of a figure
            Draws it, and returns words below it, HTML.
        state : function
            Returns what it depends on.
        """
        self._extra[name] = draw_on, state
        self._pictures[name], self._words[name] = self._picture(), self._widgets.HTML()
        self.names.append(name)
        self.box.children = [*self.box.children, self._widgets.VBox([self._pictures[name], self._words[name]])]
        self.box.titles = tuple(self.names)

    def _picture(self):
        return self._widgets.Image(format="png", layout=self._widgets.Layout(width="100%", max_width="1000px"))

    def redraw(self) -> None:
        """Draw the tab that is seen."""
        name = self.names[self.box.selected_index or 0]
        state = self._state(name)
        if self._drawn.get(name) == state:
            return
        self._drawn[name] = state
        if name == HISTORY:
            self._history.value = History(self._viewer.subjects[-1].noun)._repr_html_()
            return
        from matplotlib.figure import Figure

        if name not in self._figures:
            self._figures[name] = Figure(figsize=(10.5, 3.1))
        figure = self._figures[name]
        self._words[name].value = self.draw(figure, name)
        self._pictures[name].value = png(figure, dpi=96)

    def _state(self, name: str) -> tuple:
        """Return what the picture of a tab depends on."""
        viewer = self._viewer
        subjects = tuple(id(s) for s in viewer.subjects)
        if name in self._extra:
            return (self._extra[name][1](),)
        if name == HISTORY:
            return subjects
        if name == PIXEL:
            return subjects, viewer.pixel, viewer.integration.value
        where = viewer.pixel if name == PROFILES else ()
        return subjects, where, viewer.array.value, viewer.integration.value, viewer.group.value

    def draw(self, figure, name: str) -> str:
        """Draw what belongs to a tab on a figure; return the words below it, HTML."""
        if name in self._extra:
            return self._extra[name][0](figure)
        if name == PIXEL:
            look = self.pixel()
            pixel.draw(figure, look)
            return _table(look)
        (draw.profiles if name == PROFILES else draw.values)(figure, self._viewer)
        return ""

    def pixel(self) -> pixel.Pixel:
        """Return the pixel that was picked, of the ramps among what is shown."""
        viewer = self._viewer
        ramps = [(s.noun, s.label) for s in viewer.subjects if isinstance(s.noun, Ramp)]
        x, y = viewer.pixel
        integration = min(viewer.integration.value, ramps[-1][0].n_integrations) - 1
        done = {r.step for s in viewer.subjects for r in s.noun.history if r.status == "COMPLETE"}
        wanted = {k: viewer.references.get(k) for k in ("gain", "readnoise")}
        wanted = {k: r if r is None or r.data.shape == ramps[-1][0].shape[-2:] else None for k, r in wanted.items()}
        fitted = bool(done & {"jump", "ramp_fit"})
        return pixel.pixel(*zip(*ramps), x, y, integration, fitted=fitted, first_row=viewer._first_row, **wanted)


def _table(look: pixel.Pixel) -> str:
    """Say which groups are flagged, and why."""
    rows = look.reasons
    if not rows:
        return "<span style='font-size:13px'>No group of this pixel is flagged.</span>"
    shown = [(str(g), markup.Markup(f"<b>{flags}</b>"), why) for g, flags, why in rows[:12]]
    remarks = [f"and {len(rows) - 12} groups more"] if len(rows) > 12 else []
    return markup.table(("group", "flags", "why"), shown, remarks=remarks)
