"""The widget behind `jw.show`: one exposure, or two versions of it, with flags, and one pixel in detail."""

from __future__ import annotations

import html

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL
from jwgpu.diagnostics import details, draw, windows
from jwgpu.diagnostics.controls import PALETTES, Layers, menu, number, packages, slider
from jwgpu.diagnostics.figures import bundle
from jwgpu.diagnostics.palette import palette
from jwgpu.diagnostics.subject import Subject

DIFFERENCE = "RdBu_r"


class Viewer:
    """What `jw.show` returns. Its controls are attributes, so that a notebook can set them too.

    Attributes
    ----------
    integration, group, array, stretch, percent, low, high, same, colours
        ipywidgets controls; set `.value` to change what is shown.
    flags : Layers
        Set `.value` to the names of flags to lay over the images.
    canvas : Canvas
        The images in the browser.
    """

    def __init__(self, subjects: list[Subject], references: dict, marks=()):
        widgets, canvas_class = packages()
        self.subjects, self.references = subjects, references
        self._quiet, self._window = True, None
        self._controls(widgets)
        _, columns = subjects[0].shape
        self.canvas = canvas_class(self._looked, self._said, shape=self._shape(), marks=list(marks),
                                   pixel=[columns // 2, self._first_row + subjects[0].shape[0] // 2])  # fmt: skip
        self.details = details.Details(widgets, self)
        self.canvas.observe(self._picked, names="pixel")
        self.flags.opacity.observe(lambda change: setattr(self.canvas, "opacity", change["new"]), names="value")
        limits = [self.stretch, self.percent, self.low, self.high, self.same, self.colours]
        wrap = widgets.Layout(flex_flow="row wrap")
        indices = widgets.HBox([self.array, self.integration, self.group], layout=wrap)
        limits = widgets.HBox(limits, layout=wrap)
        self.box = widgets.VBox([indices, limits, self.flags.box, self.canvas, self.details.box])
        self._quiet = False
        self._look(480)
        self.redraw()

    @property
    def _first_row(self) -> int:
        return self.subjects[0].first_row

    def _shape(self) -> list[int]:
        return [self._first_row, *self.subjects[0].shape]

    def _controls(self, widgets) -> None:
        integrations, groups = (max(s.axes[i] for s in self.subjects) for i in (0, 1))
        self.integration = slider(widgets, "integration", integrations, 1, "integration that is shown")
        planes = "group" if any(s.is_ramp for s in self.subjects) else "plane"
        self.group = slider(widgets, planes, groups, groups if planes == "group" else 1, f"{planes} that is shown")
        common = [name for name in self.subjects[0].arrays if all(name in s.arrays for s in self.subjects)]
        first = [next(iter(s.arrays)) for s in self.subjects]
        self.array = menu(widgets, "array", common or [first[0]], (common or first)[0], "array that is shown")
        self.array.layout.display = None if len(common) > 1 else "none"
        self.stretch = menu(widgets, "stretch", windows.STRETCHES, "asinh", "how values become colours", "170px")
        self.percent = widgets.FloatSlider(
            value=99.0, min=80.0, max=100.0, step=0.1, description="% shown", readout_format=".1f",
            tooltip="per cent of the pixels that lie between the limits", style={"description_width": "60px"},
            layout=widgets.Layout(width="240px"),
        )  # fmt: skip
        self.low = number(widgets, "from", 0.0, "value of the darkest colour; overrides the per cent")
        self.high = number(widgets, "to", 1.0, "value of the lightest colour; overrides the per cent")
        self._held = False
        self.same = widgets.Checkbox(value=False, description="same limits", indent=False,
                                     layout=widgets.Layout(width="110px"))  # fmt: skip
        self.same.layout.display = None if self._comparable else "none"
        self.colours = menu(widgets, "colours", PALETTES, PALETTES[0], "colour map", "170px")
        names = {n for s in self.subjects for n in _names_of(s)}
        self.flags = Layers(widgets, names, self.redraw)
        for control in (self.integration, self.group, self.array, self.stretch, self.same, self.colours):
            control.observe(lambda _: self.redraw(), names="value")
        self.percent.observe(self._released, names="value")
        for control in (self.low, self.high):
            control.observe(self._hold, names="value")

    @property
    def _comparable(self) -> bool:
        """Whether differences of the two make sense."""
        if len(self.subjects) < 2:
            return False
        a, b = self.subjects
        return a.unit == b.unit and type(a.noun) is type(b.noun)

    def _released(self, _) -> None:
        self._held = False
        self.redraw()

    def _hold(self, _) -> None:
        if not self._quiet:
            self._held = True
            self.redraw()

    def _indices(self) -> tuple[int, int]:
        return self.integration.value - 1, self.group.value - 1

    def _array_of(self, subject: Subject) -> str:
        return self.array.value if self.array.value in subject.arrays else next(iter(subject.arrays))

    def planes(self) -> list:
        """Return the planes that are shown, on their device; the difference is not among them."""
        return [s.plane(self._array_of(s), *self._indices()) for s in self.subjects]

    def pick(self, x: int, y: int) -> None:
        """Choose the pixel that is shown in detail (0-based, x first)."""
        self.canvas.pixel = [int(x), int(y)]

    @property
    def pixel(self) -> tuple[int, int]:
        """Column and row of that pixel, in the arrays."""
        x, y = self.canvas.pixel
        return x, y - self._first_row

    def _picked(self, _) -> None:
        if self._quiet:
            return
        self.canvas.readout = self._said(*self.canvas.pixel)
        self.details.redraw()

    def _look(self, pixels: int, x0=None, x1=None, y0=None, y1=None) -> None:
        rows, columns = self.subjects[0].shape
        if x0 is None:
            x0, x1, y0, y1 = 0, columns, 0, rows
        self._window = windows.window((rows, columns), x0, x1, y0, y1, pixels)

    def _looked(self, x0, x1, y0, y1, pixels) -> None:
        """Show another part of the image: the browser has zoomed or panned."""
        self._look(pixels, x0, x1, y0 - self._first_row, y1 - self._first_row)
        self._paint()

    def redraw(self) -> None:
        """Show what the controls say."""
        if self._quiet:
            return
        self._paint()
        last = self.subjects[-1]
        self.flags.count(last.flag_counts(*self._indices()), last.shape[0] * last.shape[1])
        self.canvas.readout = self._said(*self.canvas.pixel)
        self.details.redraw()

    def put(self, subjects: list[Subject]) -> None:
        """Show other versions in the place of those that are shown."""
        self.subjects = subjects
        self.canvas.shape = self._shape()
        x, y = self.canvas.pixel
        inside = min(max(y, self._first_row), self._first_row + subjects[0].shape[0] - 1)
        seen = self._window
        if seen.y0 + seen.rows > subjects[0].shape[0] or seen.x0 + seen.columns > subjects[0].shape[1]:
            self._look(480)
        self._quiet = True
        self.canvas.pixel = [min(x, subjects[0].shape[1] - 1), inside]
        names = {n for s in subjects for n in _names_of(s)}
        if not names <= set(self.flags.names):
            shown, names = self.flags.value, names | set(self.flags.names)
            self.flags.renew(names, shown)
        self._quiet = False
        self.redraw()

    def show_new_flags(self, most: int = 3) -> None:
        """Lay over the images the flags that more or fewer pixels carry after than before."""
        before, after = (s.flag_counts(*self._indices()) for s in (self.subjects[0], self.subjects[-1]))
        changed = [name for name in after if after[name] != before.get(name, 0)]
        if changed:
            self.flags.value = changed[:most]

    def limits(self) -> list[tuple[float, float]]:
        """Return the display limits of each version."""
        if self._held and self.high.value > self.low.value:
            return [(self.low.value, self.high.value)] * len(self.subjects)
        found = [
            windows.limits(plane, self.percent.value, s.flagged("REFERENCE_PIXEL", *self._indices()))
            for s, plane in zip(self.subjects, self.planes())
        ]
        if self.same.value and self._comparable:
            found = [(min(low for low, _ in found), max(high for _, high in found))] * len(found)
        self._quiet = True
        self.low.value, self.high.value = (float(f"{v:.6g}") for v in found[-1])
        self._quiet = False
        return found

    def _paint(self) -> None:
        """Send the panels to the browser."""
        seen, planes, limits = self._window, self.planes(), self.limits()
        shown = [windows.mean(plane, seen) for plane in planes]
        sent = [windows.as_bytes(v, *pair, self.stretch.value) for v, pair in zip(shown, limits)]
        panels = [self._panel(s, *pair) for s, pair in zip(self.subjects, limits)]
        palettes = [palette(self.colours.value)] * len(planes)
        if self._comparable:
            change = shown[1] - shown[0]
            top = max(abs(v) for v in windows.limits(change, self.percent.value)) or 1.0
            sent.append(windows.as_bytes(change, -top, top, "linear"))
            unit = self.subjects[0].unit
            words = "difference" if bool((change != 0).any()) else "difference: none"
            panels.append(_described(words, unit, -top, top, "after minus before"))
            palettes.append(palette(DIFFERENCE))
        layers = [self._layer(s, seen) for s in self.subjects] if self.flags.value else []
        if layers and len(sent) > len(layers):
            layers.append(layers[-1])
        tile = {"x0": seen.x0, "y0": seen.y0 + self._first_row, "step": seen.step, "width": seen.width,
                "height": seen.height}  # fmt: skip
        self.canvas.put(panels=panels, palettes=b"".join(palettes), colours=self.flags.colours, tile=tile,
                        pixels=_together(sent), layers=_together(layers))  # fmt: skip

    def _layer(self, subject: Subject, seen):
        xp = backend.namespace(next(iter(subject.arrays.values())))
        layer = xp.zeros((seen.height, seen.width), np.uint8)
        for name in self.flags.value:
            found = subject.flagged(name, *self._indices())
            if found is not None:
                layer[windows.any_of(found, seen)] = self.flags.names.index(name) + 1
        return layer

    def _panel(self, subject: Subject, low: float, high: float) -> dict:
        name = self._array_of(subject)
        unit = subject.unit if name in ("data", "err") else ""
        kind = f"{self.stretch.value} stretch, colours {self.colours.value}"
        return _described(self.title(subject), unit, low, high, kind)

    def title(self, subject: Subject) -> str:
        """Say what a panel shows."""
        integration, group = self._indices()
        name = self._array_of(subject)
        words = [subject.label if name == "data" else f"{subject.label}, {name}"]
        array = subject.arrays[name]
        if array.ndim == 4:
            words.append(f"group {min(group + 1, array.shape[1])} of {array.shape[1]}")
        elif array.ndim == 3:
            words.append(f"integration {integration + 1}" if self.integration.max > 1 else f"plane {group + 1}")
        return ": ".join(words)

    def _said(self, x: int, y: int) -> str:
        row, name = y - self._first_row, self.array.value
        words = [f"<b>x={x}, y={y}</b>"]
        if sky := next(filter(None, (s.sky(x, row) for s in self.subjects)), None):
            words.append(f"RA {sky[0]:.6f}&deg; Dec {sky[1]:+.6f}&deg;")
        for subject in self.subjects:
            name = self._array_of(subject)
            value = subject.value(name, x, row, *self._indices())
            flags = " ".join(subject.flags_at(x, row, *self._indices()))
            unit = subject.unit if name in ("data", "err") else ""
            label = f"{html.escape(subject.label)}: " if len(self.subjects) > 1 else ""
            words.append(f"{label}<b>{value:.6g}</b> {unit} <i>{flags}</i>")
        return " &nbsp; ".join(words)

    def figure(self):
        """Return what is shown, the whole image, as a matplotlib Figure: for a page without a kernel, for a paper."""
        return draw.viewer(self)

    def _repr_mimebundle_(self, **kwargs):
        return bundle(self, **kwargs)

    def __repr__(self) -> str:
        return f"<Viewer of {', '.join(f'{s.noun.name} ({s.label})' for s in self.subjects)}>"


def _described(title: str, unit: str, low: float, high: float, kind: str) -> dict:
    words = {"low": f"{low:.4g}", "high": f"{high:.4g}"}
    alt = f"Image, {title}: from {words['low']} to {words['high']} {unit}, {kind}"
    return {"title": title, "unit": unit, "alt": alt, **words}


def _together(parts) -> bytes:
    """Return bytes of all panels on the host, in one crossing of the bus."""
    if not parts:
        return b""
    return backend.to_host(backend.namespace(parts[0]).stack(parts)).tobytes()


def _names_of(subject: Subject) -> set[str]:
    """Return the flags that any pixel carries in any group."""
    found = 0
    for name in ("groupdq", "pixeldq", "dq"):
        array = subject.arrays.get(name)
        if array is not None and array.dtype.kind == "u":
            found |= _union(_merged(array))
    return set(PIXEL.names(found))


def _merged(array):
    """Return the OR of all planes of an array, (y, x)."""
    if array.ndim == 2:
        return array.read() if isinstance(array, backend.FileArray) else array
    merged = None
    for index in np.ndindex(*array.shape[:-2]):
        merged = array[index].copy() if merged is None else merged | array[index]
    return merged


def _union(plane) -> int:
    """Return the OR of all pixels, by halving: `bitwise_or.reduce` is not in every array library."""
    flat = plane.reshape(-1)
    while flat.size > 1:
        half = flat.size // 2
        rest = flat[2 * half :]
        flat = flat[:half] | flat[half : 2 * half]
        if rest.size:
            flat[:1] |= rest
    return int(flat[0]) if flat.size else 0
