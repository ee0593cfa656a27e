"""One figure of a rate, and, where the truth is known, of how well it was recovered."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL, Image, Ramp
from jwgpu.diagnostics import draw
from jwgpu.diagnostics.recovery import pulls
from jwgpu.diagnostics.subject import Subject


def picture(path, ramp: Ramp, rate: Image, truth_rate: np.ndarray | None = None) -> Path:
    """Write a PNG of the last group of a ramp, its rate and its flags; with the truth, of the pull too.

    Parameters
    ----------
    path : where the PNG is written
    ramp : Ramp
        DN, as opened.
    rate : Image
        (y, x), DN / s.
    truth_rate : (y, x), DN / s, optional
        What the rate should be.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    data, err, dq = (backend.to_host(a) for a in (rate.data, rate.err, rate.dq))
    draw.image(axes[0, 0], backend.to_host(Subject(ramp).plane("data")), "raw: last group", "DN", 98.0)
    draw.image(axes[0, 1], data, "calibrated: rate", "DN / s", 98.0)
    draw.image(axes[1, 0], _flag_map(dq), "flags: 1 do not use, 2 saturated, 3 jump", "", limits=(0, 3), cmap="magma")
    if truth_rate is None:
        draw.image(axes[1, 1], err, "error", "DN / s", 98.0)
    else:
        _pulls(axes[1, 1], rate, truth_rate)
    figure.suptitle(rate.name)
    figure.savefig(path, dpi=110)
    return Path(path)


def _flag_map(dq: np.ndarray) -> np.ndarray:
    shown = np.zeros(dq.shape, np.float32)
    for value, flag in ((3, PIXEL.JUMP_DET), (2, PIXEL.SATURATED), (1, PIXEL.DO_NOT_USE)):
        shown[dq & flag != 0] = value
    return shown


def _pulls(axes, rate: Image, truth_rate: np.ndarray) -> None:
    _, pull = pulls(rate, truth_rate)
    edges = np.linspace(-5, 5, 101)
    axes.hist(pull, edges, density=True, color=draw.COLOURS[0], alpha=0.7, label="(rate - truth) / error")
    axes.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi), color=draw.COLOURS[1], label="unit normal")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 1)
    axes.set_title(f"pull of {pull.size} good pixels: median {np.median(pull):+.3f}", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
