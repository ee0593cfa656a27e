"""Panels: one image, its flags, one pixel's ramp. Each draws on given axes."""

from __future__ import annotations

import numpy as np

from jwgpu.data import GROUP, Exposure, Ramp
from jwgpu.diagnostics import planes

COLOURS = ("#1f6fb4", "#d9541e")
"""One colour for before, one for after; told apart also by colour-blind readers."""
MARKS = {"SATURATED": ("s", "#8a2be2"), "JUMP_DET": ("^", "#c1121f"), "DO_NOT_USE": ("x", "#444444")}


def image(axes, array: np.ndarray, title: str, unit: str = "", percent: float = 99.5, limits=None, cmap="viridis"):
    """Draw `array` (y, x) between percentile limits, with a colour bar in `unit`."""
    low, high = limits or planes.limits(array, percent)
    shown = axes.imshow(array, origin="lower", vmin=low, vmax=high, cmap=cmap, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(unit, fontsize=8)
    return shown


def difference(axes, array: np.ndarray, unit: str, percent: float) -> None:
    """Draw after - before, symmetric about zero."""
    top = max(abs(limit) for limit in planes.limits(array, percent)) if np.any(array) else 1.0
    image(axes, array, "difference", unit, limits=(-top, top), cmap="RdBu_r")
    axes.set_gid("image")


def histogram(axes, arrays, labels, units) -> None:
    """Draw how the values of each plane are distributed, between its display limits."""
    for array, label, unit, colour in zip(arrays, labels, units, COLOURS):
        low, high = planes.limits(array, 98.0)
        values = array[np.isfinite(array)]
        axes.hist(values, np.linspace(low, high, 100), histtype="step", color=colour, label=f"{label} ({unit})")
    axes.set_yscale("log")
    axes.set_title("distribution of values", fontsize=10)
    axes.set_ylabel("pixels", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False)


def flag_overlay(axes, mask: np.ndarray) -> None:
    """Lay the flagged pixels of `mask` over an image, in red."""
    layer = np.zeros((*mask.shape, 4), np.float32)
    layer[mask] = (0.85, 0.1, 0.15, 0.9)
    axes.imshow(layer, origin="lower", interpolation="nearest")


def fitted(axes, ramp: Ramp, found, colour: str) -> None:
    """Draw the lines through the segments of a ramp, each with its slope."""
    for segment in found:
        at = np.array([segment.start, segment.stop - 1])
        if at[0] == at[1]:  # a single group, measured from the reset
            at = at + np.array([-0.3, 0.3])
        counts = segment.line(at, ramp.meta.exposure.group_time)
        text = "least squares" if segment is found[0] else None
        axes.plot(at + 1, counts, "-", color=colour, lw=5, alpha=0.35, solid_capstyle="butt", label=text)
        axes.annotate(
            f"{segment.slope:.4g} DN/s", (at.mean() + 1, counts.mean()), (0, 9), textcoords="offset points",
            color=colour, fontsize=8, ha="center",
        )  # fmt: skip
    axes.margins(y=0.15)


def ramps(axes, exposures, labels, integration: int, y: int, x: int, lines=None) -> None:
    """Draw the ramp of pixel (y, x) of each exposure, its flagged groups marked.

    `lines` holds, for each exposure, the segments to be drawn, or None.
    """
    named = set()
    for exposure, colour, found in zip(exposures, COLOURS, lines or ()):
        if found is not None:
            fitted(axes, exposure, found, colour)
    for exposure, label, colour in zip(exposures, labels, COLOURS):
        if not isinstance(exposure, Ramp):
            continue
        data, groupdq = planes.pixel_ramp(exposure, integration, y, x)
        groups = np.arange(1, data.size + 1)
        axes.plot(groups, data, "o-", color=colour, ms=4, lw=1, label=label)
        for name, (mark, tint) in MARKS.items():
            hit = groupdq & GROUP[name] != 0
            if hit.any():
                text = None if name in named else name
                named.add(name)
                axes.plot(groups[hit], data[hit], mark, color=tint, ms=9, mfc="none", mew=1.5, ls="none", label=text)
    axes.set_title(f"ramp of pixel x={x}, y={y}, integration {integration + 1}", fontsize=10)
    axes.set_xlabel("group", fontsize=9)
    axes.set_ylabel("DN", fontsize=9)
    axes.tick_params(labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)


def title(exposure: Exposure, label: str, integration: int, group: int) -> str:
    """Say what a panel shows."""
    if isinstance(exposure, Ramp):
        return f"{label}: group {group + 1} of {exposure.n_groups}"
    if exposure.data.ndim == 3:
        return f"{label}: integration {integration + 1}"
    return label


def label(exposure: Exposure, fallback: str) -> str:
    """Return the last completed step of an exposure, as its label."""
    done = [record.step for record in exposure.history if record.status == "COMPLETE"]
    return f"after {done[-1]}" if done else fallback
