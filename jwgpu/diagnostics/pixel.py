"""One pixel's ramp: its groups and flags, the lines that are fitted, its differences, its neighbours."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend
from jwgpu.backend import files
from jwgpu.data import GROUP, Ramp, Reference
from jwgpu.diagnostics.draw import COLOURS, MARKS
from jwgpu.diagnostics.reasons import Differences, differences, reasons
from jwgpu.diagnostics.segments import Segment, segments


@dataclasses.dataclass(frozen=True)
class Pixel:
    """What there is to see of a pixel (y, x) in one integration of versions of a ramp.

    Attributes
    ----------
    labels : tuple of str
    ramps : tuple of Ramp
        A row above and one below the pixel, no more.
    x, y, integration : int
        In these ramps.
    first_row : int
        Row of the whole exposure that the first row of the ramps is.
    segments : list of Segment
        Lines through the last version, once jumps are known.
    differences : Differences
        Of the last version.
    """

    ramps: tuple[Ramp, ...]
    labels: tuple[str, ...]
    x: int
    y: int
    integration: int
    segments: list[Segment]
    differences: Differences
    first_row: int = 0

    @property
    def reasons(self) -> list[tuple[int, str, str]]:
        """(group, flags, why) of the flagged groups of the last version."""
        return reasons(self.ramps[-1], self.x, self.y, self.integration, self.differences, self.first_row)

    @property
    def name(self) -> str:
        """What the pixel is called."""
        return f"x={self.x}, y={self.y + self.first_row}, integration {self.integration + 1}"


def pixel(
    ramps, labels, x: int, y: int, integration: int = 0, *, gain: Reference | None = None,
    readnoise: Reference | None = None, fitted: bool | None = None, first_row: int = 0,
) -> Pixel:  # fmt: skip
    """Look at one pixel of a ramp, or of versions of it.

    Parameters
    ----------
    ramps, labels : sequences of Ramp and str
    x, y, integration : int
        Counted from 0.
    gain, readnoise : Reference, optional
        Without them differences are in DN and not compared with their noise.
    fitted : bool, optional
        Whether lines are fitted; by default once `jump` has been done.
    """
    rows = slice(max(y - 1, 0), y + 2)  # the neighbours': a ramp may lie in a file
    n_rows = ramps[-1].shape[-2]
    gain, readnoise = (None if r is None else r.rows(rows, n_rows) for r in (gain, readnoise))
    ramps = [_rows(ramp, rows) for ramp in ramps]
    first_row, y, last = first_row + rows.start, y - rows.start, ramps[-1]
    if fitted is None:
        fitted = any(r.step in ("jump", "ramp_fit") and r.status == "COMPLETE" for r in last.history)
    times = [last.meta.get(f"exposure.{name}") for name in ("group_time", "frame_time", "nframes")]
    ready = fitted and last.unit == "DN" and None not in times
    found = segments(last, x, y, integration, gain=gain, readnoise=readnoise) if ready else []
    steps = differences(last, x, y, integration, gain, readnoise)
    return Pixel(tuple(ramps), tuple(labels), x, y, integration, found, steps, first_row)


def _rows(ramp: Ramp, rows: slice) -> Ramp:
    names = ("data", "groupdq", "pixeldq", "average_dark_current")
    cut = {name: None if getattr(ramp, name) is None else files.read(getattr(ramp, name), rows=rows) for name in names}
    return ramp.replace(zeroframe=None, refout=None, **cut)


def draw(figure, look: Pixel) -> None:
    """Draw a pixel on a figure: ramp and neighbours, residuals from the lines, differences of groups."""
    figure.clear()
    left, middle, right = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1.7, 1, 1.2]})
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.16, top=0.9, wspace=0.28)
    _ramp(left, look)
    _residuals(middle, look)
    _differences(right, look)
    for axes in (left, middle, right):
        axes.tick_params(labelsize=8)
        axes.xaxis.label.set_size(9)
        axes.yaxis.label.set_size(9)
        axes.title.set_size(10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.04)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.get_major_formatter().set_useOffset(False)


def _column(ramp: Ramp, x: int, y: int, integration: int) -> np.ndarray:
    return backend.to_host(ramp.data[integration, :, y, x]).astype(np.float64)


def _ramp(axes, look: Pixel) -> None:
    last = look.ramps[-1]
    groups = np.arange(1, last.n_groups + 1)
    own = _column(last, look.x, look.y, look.integration)
    rows, columns = last.shape[-2:]
    around = ((0, 1), (0, -1), (1, 0), (-1, 0))
    inside = [(look.y + dy, look.x + dx) for dy, dx in around if 0 <= look.y + dy < rows and 0 <= look.x + dx < columns]
    for k, (y, x) in enumerate(inside):  # from where this pixel begins, so that steps can be compared
        line = _column(last, x, y, look.integration)
        axes.plot(groups, line - line[0] + own[0], "-", color="0.75", lw=1, label=None if k else "neighbours, shifted")
    for segment in look.segments:
        at = np.array([segment.start, segment.stop - 1]) + (
            [-0.3, 0.3] if segment.stop - segment.start == 1 else [0, 0]
        )
        line = segment.line(at, last.meta.exposure.group_time)
        axes.plot(at + 1, line, "-", color=COLOURS[1], lw=5, alpha=0.35, solid_capstyle="butt",
                  label="least squares" if segment is look.segments[0] else None)  # fmt: skip
        axes.annotate(f"{segment.slope:.4g} DN/s", (at.mean() + 1, line.mean()), (0, 9), textcoords="offset points",
                      color=COLOURS[1], fontsize=8, ha="center")  # fmt: skip
    for ramp, label, colour in zip(look.ramps, look.labels, COLOURS):
        axes.plot(groups[: ramp.n_groups], _column(ramp, look.x, look.y, look.integration), "o-", color=colour, ms=4,
                  lw=1, label=label)  # fmt: skip
    _marks(axes, look, groups, own)
    axes.set(title=f"ramp of pixel {look.name}", xlabel="group", ylabel=last.unit)
    axes.margins(y=0.12)
    axes.legend(fontsize=8, frameon=False)


def _marks(axes, look: Pixel, at, values) -> None:
    groupdq = backend.to_host(look.ramps[-1].groupdq[look.integration, :, look.y, look.x])
    for name, (mark, tint) in MARKS.items():
        hit = groupdq & GROUP[name] != 0
        if hit.any():
            axes.plot(at[hit], values[hit], mark, color=tint, ms=9, mfc="none", mew=1.5, ls="none", label=name)


def _residuals(axes, look: Pixel) -> None:
    last = look.ramps[-1]
    data = _column(last, look.x, look.y, look.integration)
    axes.axhline(0, color="0.6", lw=1)
    for segment in look.segments:
        at = np.arange(segment.start, segment.stop)
        left = data[at] - segment.line(at, last.meta.exposure.group_time)
        axes.plot(at + 1, left, "o-", color=COLOURS[1], ms=4, lw=1)
    if not look.segments:
        axes.set_yticks([])
        axes.text(
            0.5, 0.6, "no fit yet: jump comes first", transform=axes.transAxes, ha="center", fontsize=9, color="0.4"
        )
    axes.set(title="residuals from the lines", xlabel="group", ylabel=last.unit, xlim=(0.5, last.n_groups + 0.5))


def _differences(axes, look: Pixel) -> None:
    found = look.differences
    at = np.arange(2, found.values.size + 2)
    unit = "electron" if np.isfinite(found.sigma) else "DN"
    if np.isfinite(found.median):
        axes.axhline(found.median, color=COLOURS[0], lw=1)
    if np.isfinite(found.sigma) and np.isfinite(found.median):
        reach = found.threshold * found.sigma
        axes.axhspan(found.median - reach, found.median + reach, color=COLOURS[0], alpha=0.13, lw=0,
                     label=f"within {found.threshold:g} sigma")  # fmt: skip
        axes.legend(fontsize=8, frameon=False)
    axes.plot(at[found.usable], found.values[found.usable], "o", color="0.25", ms=4)
    axes.plot(at[~found.usable], found.values[~found.usable], "x", color="0.6", ms=5)
    groupdq = backend.to_host(look.ramps[-1].groupdq[look.integration, 1:, look.y, look.x])
    hit = groupdq & GROUP.JUMP_DET != 0
    mark, tint = MARKS["JUMP_DET"]
    axes.plot(at[hit], found.values[hit], mark, color=tint, ms=9, mfc="none", mew=1.5)
    axes.set(title="step up from the group before", xlabel="group", ylabel=unit)
