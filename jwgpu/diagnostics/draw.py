"""Panels of figures: an image, its flags, profiles, the distribution of values. Each draws on what it is given."""

from __future__ import annotations

import textwrap

import numpy as np

from jwgpu import backend
from jwgpu.diagnostics import windows

COLOURS = ("#1f6fb4", "#d9541e")
"""One colour for before, one for after; told apart also by colour-blind readers."""
MARKS = {"SATURATED": ("s", "#8a2be2"), "JUMP_DET": ("^", "#c1121f"), "DO_NOT_USE": ("x", "#444444")}
TITLE = 44  # letters of a line
SIDE = 640  # pixels of a side of an image in a figure: more cannot be seen there


def image(axes, array: np.ndarray, title: str, unit: str = "", percent: float = 99.5, limits=None, cmap="viridis",
          stretch: str = "linear", extent=None):  # fmt: skip
    """Draw `array` (y, x) between percentile limits, with a colour bar in `unit`."""
    low, high = limits or windows.limits(array, percent)
    drawn = windows.stretched(array, low, high, stretch) if stretch != "linear" else array
    edges = (0, 1) if stretch != "linear" else (low, high)
    shown = axes.imshow(drawn, origin="lower", vmin=edges[0], vmax=edges[1], cmap=cmap, interpolation="nearest",
                        extent=extent)  # fmt: skip
    axes.set_title(textwrap.fill(title, TITLE), fontsize=10)
    axes.tick_params(labelsize=8)
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(unit, fontsize=8)
    if stretch != "linear":
        bar.set_ticks([0, 1], labels=[f"{low:.3g}", f"{high:.3g}"])
        bar.set_label(f"{unit}, {stretch}".strip(", "), fontsize=8)
    return shown


def reduced(plane) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Return a plane as it can be seen in a figure, on the host, and the pixels that its edges are at: an `extent`."""
    seen = windows.whole(plane.shape, SIDE)
    return backend.to_host(windows.mean(plane, seen)), (-0.5, seen.columns - 0.5, -0.5, seen.rows - 0.5)


def arcsec(ra, dec, origin) -> tuple[np.ndarray, np.ndarray]:
    """Return how far places of the sky (degrees) lie east and north of another one, in arcsec; for small fields."""
    ra, dec = np.asarray(ra), np.asarray(dec)
    turned = (ra - origin[0] + 180) % 360 - 180
    return 3600 * turned * np.cos(np.radians(origin[1])), 3600 * (dec - origin[1])


def viewer(shown):
    """Return what a viewer shows as a figure: the whole images, flags, and the tab below them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    planes, limits = shown.planes(), shown.limits()
    rows, columns = shown.subjects[0].shape
    seen = windows.whole((rows, columns), SIDE)
    first = shown.subjects[0].first_row
    extent = (-0.5, seen.columns - 0.5, first - 0.5, first + seen.rows - 0.5)
    arrays = [backend.to_host(windows.mean(plane, seen)) for plane in planes]
    n = len(arrays) + shown._comparable
    tall = min(max(12 / max(n, 2) * 0.8 * rows / columns, 1.2), 5.0)
    figure = Figure(figsize=(12, tall + 3.3), layout=None)
    FigureCanvasAgg(figure)
    top, bottom = figure.subfigures(2, 1, height_ratios=[tall, 3.1])
    axes = top.subplots(1, max(n, 2), squeeze=False)[0]
    for axis, subject, array, pair in zip(axes, shown.subjects, arrays, limits):
        unit = subject.unit if shown._array_of(subject) in ("data", "err") else ""
        image(axis, array, shown.title(subject), unit, limits=pair, cmap=shown.colours.value,
              stretch=shown.stretch.value, extent=extent)  # fmt: skip
        for name in shown.flags.value:
            found = subject.flagged(name, *shown._indices())
            if found is not None:
                colour = shown.flags.colours[shown.flags.names.index(name)]
                flag_overlay(axis, backend.to_host(windows.any_of(found, seen)), colour, extent,
                             shown.flags.opacity.value)  # fmt: skip
        _marks(axis, shown)
    if shown._comparable:
        change = arrays[1] - arrays[0]
        reach = max(abs(v) for v in windows.limits(change, shown.percent.value)) or 1.0
        image(axes[2], change, "difference", shown.subjects[1].unit, limits=(-reach, reach), cmap="RdBu_r",
              extent=extent)  # fmt: skip
    elif n == 1:
        _histogram(axes[1], shown)
    top.subplots_adjust(left=0.04, right=0.95, top=0.9, bottom=0.08, wspace=0.35)
    shown.details.draw(bottom, shown.details.names[0])
    return figure


def _marks(axis, shown) -> None:
    from matplotlib.patches import Circle

    x, y = shown.canvas.pixel
    axis.plot([x], [y], "s", color="white", ms=8, mfc="none", mew=1.3)
    for mark in shown.canvas.marks:
        axis.add_patch(Circle((mark["x"], mark["y"]), mark["radius"], fill=False, ec=mark["colour"], lw=1))


def flag_overlay(axes, mask: np.ndarray, colour: str = "#d91a26", extent=None, opacity: float = 0.9) -> None:
    """Lay the flagged pixels of `mask` over an image."""
    from matplotlib.colors import to_rgb

    layer = np.zeros((*mask.shape, 4), np.float32)
    layer[mask] = (*to_rgb(colour), opacity)
    axes.imshow(layer, origin="lower", interpolation="nearest", extent=extent)


def profiles(figure, shown) -> None:
    """Draw the row and the column through the pixel that was picked."""
    figure.clear()
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.985, bottom=0.16, top=0.9, wspace=0.2)
    x, y = shown.pixel
    for subject, plane, colour in zip(shown.subjects, shown.planes(), COLOURS):
        row, column = (backend.to_host(line) for line in (plane[y, :], plane[:, x]))
        left.plot(np.arange(row.size), row, color=colour, lw=1, label=subject.label)
        right.plot(np.arange(column.size) + subject.first_row, column, color=colour, lw=1)
    for axes, name, at in (
        (left, f"row y={y + shown.subjects[0].first_row}", x),
        (right, f"column x={x}", y + shown.subjects[0].first_row),
    ):
        axes.axvline(at, color="0.6", lw=1)
        axes.set_title(name, fontsize=10)
        axes.set_ylabel(shown.subjects[0].unit, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(fontsize=8, frameon=False)


def values(figure, shown) -> None:
    """Draw how the values of each plane, and of their difference, are distributed."""
    figure.clear()
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.985, bottom=0.16, top=0.9, wspace=0.2)
    _histogram(left, shown)
    if not shown._comparable:
        right.set_visible(False)
        return
    planes = shown.planes()
    change = _sample(planes[1]) - _sample(planes[0])
    low, high = windows.limits(change, 99.0)
    right.hist(change[np.isfinite(change)], np.linspace(low, high, 100), histtype="step", color="0.25")
    right.set_yscale("log")
    right.set_title("after minus before", fontsize=10)
    right.set_xlabel(shown.subjects[0].unit, fontsize=9)
    right.tick_params(labelsize=8)


def _sample(plane) -> np.ndarray:
    return backend.to_host(plane[:: max(1, plane.shape[0] // 400), :: max(1, plane.shape[1] // 400)])


def _histogram(axes, shown) -> None:
    for subject, plane, colour in zip(shown.subjects, shown.planes(), COLOURS):
        found = _sample(plane)
        low, high = windows.limits(found, 98.0)
        axes.hist(found[np.isfinite(found)], np.linspace(low, high, 100), histtype="step", color=colour,
                  label=f"{subject.label} ({subject.unit})")  # fmt: skip
    axes.set_yscale("log")
    axes.set_title("distribution of values", fontsize=10)
    axes.set_ylabel("pixels of a sample", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)
