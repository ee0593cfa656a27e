"""What widgets are made of: ipywidgets, and a canvas of ipympl that leaves the session's backend alone."""

from __future__ import annotations

import warnings

from jwgpu.errors import InputError


def notebook_packages():
    """Return ipywidgets, and the canvas and the figure manager of ipympl.

    Raises
    ------
    InputError
        They are not installed.
    """
    import matplotlib

    # Importing ipympl makes it the backend of every figure of the session; that choice is the user's.
    use, matplotlib.use = matplotlib.use, lambda *_, **__: None
    try:
        import ipywidgets
        from ipympl.backend_nbagg import Canvas, FigureManager
    except ImportError as error:
        raise InputError(f"jw.show needs the notebook packages ({error}): pip install 'jwgpu[notebook]'") from error
    finally:
        matplotlib.use = use
    return ipywidgets, Canvas, FigureManager


def canvas_of(figure, canvas_class, manager_class):
    """Return a canvas with a figure on it, and its manager, without header and footer."""
    canvas = canvas_class(figure)
    with warnings.catch_warnings():
        # ipympl's toolbar hands its canvas to traitlets, which deprecates that.
        warnings.simplefilter("ignore", DeprecationWarning)
        manager = manager_class(canvas, 0)
    canvas.header_visible = False
    canvas.footer_visible = False
    return canvas, manager
