"""The images of a viewer in the browser (`canvas.js`): what Python tells it, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class Canvas(anywidget.AnyWidget):
    """Panels that zoom and pan together.

    Attributes
    ----------
    shape : [first row, rows, columns]
    panels : list of dict
        `title`, `unit`, `low`, `high` and `alt` (the text in place of the picture) of each panel.
    tile : dict
        Where what was sent lies: `x0`, `y0` its first pixel, `step` the pixels to one of its own, `width`, `height`.
    pixels : bytes
        Of each panel, row by row: place in its palette, 255 where there is no value.
    palettes : bytes
        256 colours (red, green, blue) of each panel.
    layers : bytes
        As `pixels`: 0, or the number, from 1, of the colour of a flag.
    colours : list of str
        `#rrggbb`
    opacity : float
        Of the flags, from 0 to 1.
    marks : list of dict
        Circles, `x`, `y`, `radius` in pixels, or ellipses, `a`, `b`, `angle` in degrees; `colour`, `line` (its width),
        and `panel` where it belongs to one.
    pixel : [x, y]
        The one that was picked.
    readout : str
        What is said of it, HTML.
    """

    _esm = _HERE / "canvas.js"
    _css = _HERE / "canvas.css"

    shape = traitlets.List([0, 1, 1]).tag(sync=True)
    panels = traitlets.List([]).tag(sync=True)
    tile = traitlets.Dict({"x0": 0, "y0": 0, "step": 1, "width": 0, "height": 0}).tag(sync=True)
    pixels = traitlets.Bytes(b"").tag(sync=True)
    palettes = traitlets.Bytes(b"").tag(sync=True)
    layers = traitlets.Bytes(b"").tag(sync=True)
    colours = traitlets.List([]).tag(sync=True)
    opacity = traitlets.Float(0.9).tag(sync=True)
    marks = traitlets.List([]).tag(sync=True)
    pixel = traitlets.List([0, 0]).tag(sync=True)
    readout = traitlets.Unicode("").tag(sync=True)

    def __init__(self, window: Callable, hover: Callable, **state):
        """Make a canvas.

        Parameters
        ----------
        window : function of (x0, x1, y0, y1, pixels)
            Called when another part of the image is looked at, `pixels` wide on the screen; puts it on the canvas.
        hover : function of (x, y)
            Returns what is said of the pixel under the pointer, HTML.
        """
        super().__init__(**state)
        self._window, self._hover = window, hover
        self.on_msg(self._asked)

    def _asked(self, _, content: dict, buffers) -> None:
        kind = content.pop("kind")
        if kind == "window":
            self._window(**content)
        else:
            self.send({"kind": "readout", "text": self._hover(**content)})

    def put(self, **state) -> None:
        """Put panels on the canvas, in one message."""
        with self.hold_sync():
            for name, value in state.items():
                setattr(self, name, value)
        self.send({"kind": "painted"})
