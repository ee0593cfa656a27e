"""Controls of the widgets: sliders, menus, and layers of flags with their counts."""

from __future__ import annotations

import contextlib
import html

from jwgpu.data import PIXEL
from jwgpu.errors import InputError

FLAG_COLOURS = ("#d55e00", "#0072b2", "#cc79a7", "#f0e442", "#56b4e9", "#e69f00", "#009e73", "#ffffff")
"""Told apart by colour-blind readers too (Okabe & Ito), and by their names."""
SHADES = (1.0, 0.6, 0.8, 0.4)
"""Past eight flags the colours come again, darker: no two flags share one, though only eight are told apart by all."""
FIRST = ("DO_NOT_USE", "SATURATED", "JUMP_DET", "DROPOUT", "OUTLIER", "PERSISTENCE", "CHARGELOSS", "NON_SCIENCE",
         "NO_FLAT_FIELD", "REFERENCE_PIXEL")  # fmt: skip
"""What an exposure is looked at for; defects of the detector stand behind a button."""
PALETTES = ("viridis", "cividis", "gray", "gray_r", "inferno")
"""Colour maps that grow lighter, or darker, all the way."""


def packages():
    """Return ipywidgets and the canvas.

    Raises
    ------
    InputError
        The packages for notebooks are not installed.
    """
    try:
        import ipywidgets

        from jwgpu.diagnostics.canvas import Canvas
    except ImportError as error:
        raise InputError(f"widgets need the notebook packages ({error}): pip install 'jwgpu[notebook]'") from error
    return ipywidgets, Canvas


def slider(widgets, text: str, top: int, value: int, tip: str):
    """Return a slider from 1 to `top`, which is not there where there is nothing to choose."""
    made = widgets.IntSlider(value=value, min=1, max=top, description=text, continuous_update=True, tooltip=tip,
                             style={"description_width": "76px"}, layout=widgets.Layout(width="330px"))  # fmt: skip
    made.layout.display = None if top > 1 else "none"
    return made


def menu(widgets, text: str, options, value, tip: str, width: str = "200px"):
    """Return a menu."""
    return widgets.Dropdown(options=options, value=value, description=text, tooltip=tip,
                            style={"description_width": "76px"}, layout=widgets.Layout(width=width))  # fmt: skip


def number(widgets, text: str, value: float, tip: str, width: str = "130px"):
    """Return a field for a number."""
    return widgets.FloatText(value=value, description=text, tooltip=tip, style={"description_width": "34px"},
                             layout=widgets.Layout(width=width))  # fmt: skip


def notice(text: str, wrong: bool = False) -> str:
    """Return words as HTML, red where something is wrong."""
    colour = "color:#b00020;" if wrong else ""
    return f"<span style='{colour}font-size:13px'>{html.escape(text)}</span>" if text else ""


class Layers:
    """A box to tick for each flag: its colour, its name, how many pixels carry it.

    Attributes
    ----------
    value : tuple of str
        The flags that are laid over the image; may be set.
    opacity : ipywidgets slider
        How much of the image the flags cover, from 0 (nothing) to 1.
    box : ipywidgets box
    """

    def __init__(self, widgets, names, changed):
        self._widgets, self._changed, self._quiet = widgets, changed, False
        self.box = widgets.VBox([])
        self.opacity = widgets.FloatSlider(
            value=0.9, min=0.0, max=1.0, step=0.05, description="opacity", readout_format=".2f",
            tooltip="how much of the image the flags cover", style={"description_width": "60px"},
            layout=widgets.Layout(width="240px"),
        )  # fmt: skip
        self.renew(names)

    def renew(self, names, shown=()) -> None:
        """Offer other flags; those of `shown` are ticked."""
        widgets, self._ticks = self._widgets, {}
        self.names = sorted(names, key=lambda name: (name not in FIRST, list(PIXEL).index(name)))
        for k, name in enumerate(self.names):
            tick = widgets.Checkbox(value=name in shown, indent=False, description_allow_html=True, description=name,
                                    layout=widgets.Layout(width="auto", margin="0 14px 0 0"))  # fmt: skip
            tick.add_class("jw-flag")
            tick.observe(self._ticked, names="value")
            tick.tooltip = f"lay the pixels flagged {name} over the image"
            self._ticks[name] = (tick, self.colour(k))
        wrap = widgets.Layout(flex_flow="row wrap")
        first = [tick for name, (tick, _) in self._ticks.items() if name in FIRST]
        others = [tick for name, (tick, _) in self._ticks.items() if name not in FIRST]
        more = widgets.ToggleButton(value=False, description=f"{len(others)} more flags", tooltip="defects of pixels",
                                    layout=widgets.Layout(width="110px", height="24px"))  # fmt: skip
        hidden = widgets.HBox(others, layout=widgets.Layout(flex_flow="row wrap", display="none"))
        more.observe(lambda change: setattr(hidden.layout, "display", None if change["new"] else "none"), names="value")
        more.layout.display = None if others else "none"
        self.box.children = [widgets.HBox([*first, more, self.opacity], layout=wrap), hidden]
        self.box.layout.display = None if self.names else "none"

    @staticmethod
    def colour(place: int) -> str:
        """Return the colour of the flag at a place."""
        again, which = divmod(place, len(FLAG_COLOURS))
        parts = (int(FLAG_COLOURS[which][i : i + 2], 16) for i in (1, 3, 5))
        return "#" + "".join(f"{round(part * SHADES[again]):02x}" for part in parts)

    @property
    def colours(self) -> list[str]:
        """Colours of all flags, in order."""
        return [colour for _, colour in self._ticks.values()]

    @property
    def value(self) -> tuple[str, ...]:
        """The flags that are shown; of those set, the ones that no pixel carries are not among them."""
        return tuple(name for name, (tick, _) in self._ticks.items() if tick.value)

    @value.setter
    def value(self, names) -> None:
        names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            if name not in PIXEL:
                there = ", ".join(self.names) or "none"
                raise InputError(f"no flag is called {name!r}; of those there are, pixels carry: {there}")
        self._quiet = True
        with contextlib.suppress(ValueError):
            for name, (tick, _) in self._ticks.items():
                tick.value = name in names
        self._quiet = False
        self._changed()

    def count(self, counts: dict[str, int], total: int) -> None:
        """Say how many pixels carry each flag."""
        for name, (tick, colour) in self._ticks.items():
            n = counts.get(name, 0)
            share = f"{n / total:.1%}" if n >= total / 1000 or not n else f"{n / total:.1g}"
            chip = f"<span style='color:{colour};text-shadow:0 0 1px #000' aria-hidden='true'>&#9632;</span>"
            text = f"{chip} {name} {n} ({share})" if n else f"{chip} {name} 0"
            if tick.description != text:
                tick.description = text

    def _ticked(self, _) -> None:
        if not self._quiet:
            self._changed()
