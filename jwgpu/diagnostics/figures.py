"""Figures that belong to no window: for widgets, pages and files."""

from __future__ import annotations

import base64
import html
import io


def empty(width: float, height: float):
    """Return an empty figure of some inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure, dpi: int = 72) -> bytes:
    """Return a figure as the bytes of a PNG."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    return stream.getvalue()


def bundle(shown, **kwargs) -> dict:
    """Return a widget (`box`) as Jupyter wants it, and its `figure()` and `repr` for where no kernel runs."""
    picture = base64.b64encode(png(shown.figure())).decode()
    return {**shown.box._repr_mimebundle_(**kwargs), "image/png": picture, "text/plain": repr(shown)}


def as_html(figure, words: str, dpi: int = 80) -> str:
    """Return a figure as an image in a page, with the words that stand for it."""
    data = base64.b64encode(png(figure, dpi)).decode()
    return f"<img alt='{html.escape(words, quote=True)}' style='max-width:100%' src='data:image/png;base64,{data}'>"
