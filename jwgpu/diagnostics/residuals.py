"""`jw.show(alignment)`: where stars lie after alignment, less where they lie in the reference, as arrows and points."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Alignment
from jwgpu.diagnostics.controls import menu, packages
from jwgpu.diagnostics.draw import COLOURS, arcsec
from jwgpu.diagnostics.figures import bundle, empty, png

ALL = "all exposures"
ARROW = 0.06
"""Part of the width of the map that an arrow of the scatter's length takes."""


class Residuals:
    """The residuals of an alignment: a map of arrows, their distribution, and a line for each exposure.

    Attributes
    ----------
    exposure : ipywidgets Dropdown
        Whose residuals are shown: of one exposure on its pixels, or of all of them on the sky.
    absolute : ipywidgets Checkbox
        Whether they are those to the absolute catalogue.
    box : ipywidgets box
    """

    def __init__(self, alignment: Alignment):
        widgets, _ = packages()
        self.alignment = alignment
        names = [(str(row["name"]), k) for k, row in enumerate(alignment.exposures)]
        self.exposure = menu(widgets, "exposure", [(ALL, -1), *names], -1, "whose residuals are shown", "560px")
        both = bool(alignment.residuals["absolute"].any())
        self.absolute = widgets.Checkbox(value=both, description="to the absolute catalogue", indent=False)
        self.absolute.layout.display = None if both else "none"
        self._picture = widgets.Image(format="png", layout=widgets.Layout(width="100%", max_width="1000px"))
        for control in (self.exposure, self.absolute):
            control.observe(lambda _: self.redraw(), names="value")
        words = widgets.HTML(alignment._repr_html_())
        self.box = widgets.VBox([widgets.HBox([self.exposure, self.absolute]), self._picture, words])
        self.redraw()

    def chosen(self) -> np.ndarray:
        """Return the residuals that are shown, rows of `Alignment.residuals`."""
        found = self.alignment.residuals
        found = found[found["absolute"] == self.absolute.value]
        return found if self.exposure.value < 0 else found[found["exposure"] == self.exposure.value]

    def redraw(self) -> None:
        """Draw what the controls say."""
        self._picture.value = png(self.figure(), dpi=96)

    def figure(self):
        """Return the map of residuals, and how they are distributed, as a matplotlib Figure."""
        figure, rows = empty(10.5, 4.6), self.chosen()
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        if not len(rows):
            left.set_visible(False)
            right.set_visible(False)
            figure.suptitle(f"{self._name()}: {self._why_nothing()}", fontsize=10)
            return figure
        self._arrows(left, rows)
        _scatter(right, rows)
        left.set_title(f"{self._name()}\n{said(rows)}", fontsize=10)
        return figure

    def _name(self) -> str:
        k = self.exposure.value
        return ALL if k < 0 else str(self.alignment.exposures["name"][k])

    def _why_nothing(self) -> str:
        k = self.exposure.value
        row = None if k < 0 else self.alignment.exposures[k]
        if row is not None and row["status"] == "reference":
            return "it stays where it is, the others were aligned to it"
        return "no residuals" + (f": {row['reason']}" if row is not None and row["reason"] else "")

    def _arrows(self, axes, rows: np.ndarray) -> None:
        """Draw an arrow for each match: on the pixels of an exposure, or on the sky, east to the left."""
        on_sky = self.exposure.value < 0
        if on_sky:
            x, y = arcsec(rows["ra"], rows["dec"], (np.median(rows["ra"]), np.median(rows["dec"])))
            u, v = rows["east"], rows["north"]
        else:
            x, y = rows["x"], rows["y"]
            u, v = _on_detector(rows)
        used = rows["used"]
        length = float(np.sqrt(np.median(u[used] ** 2 + v[used] ** 2))) if used.any() else 1.0
        length = length or 1.0
        width = max(np.ptp(x), np.ptp(y), 1.0)
        for which, colour, label in ((used, COLOURS[0], "used"), (~used, COLOURS[1], "clipped")):
            if which.any():
                drawn = axes.quiver(x[which], y[which], u[which], v[which], color=colour, angles="xy",
                                    scale_units="xy", scale=length / (ARROW * width), width=0.004,
                                    label=f"{label}: {np.count_nonzero(which)}")  # fmt: skip
        scale = float(f"{2 * length:.1g}")
        axes.quiverkey(drawn, 0.82, 0.05, scale, f"{scale:g} mas", coordinates="axes", labelpos="E",
                       fontproperties={"size": 8})  # fmt: skip
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.08)
        if on_sky:
            axes.invert_xaxis()
        axes.set_xlabel("east (arcsec)" if on_sky else "x (pixels)", fontsize=9)
        axes.set_ylabel("north (arcsec)" if on_sky else "y (pixels)", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, -0.02))

    def _repr_html_(self) -> str:
        return self.alignment._repr_html_()

    def _repr_mimebundle_(self, **kwargs):
        return bundle(self, **kwargs)

    def __repr__(self) -> str:
        return f"<Residuals of {self.alignment!r}>"


def said(rows: np.ndarray) -> str:
    """Say how far residuals scatter, of those that were used."""
    used = rows[rows["used"]]
    if not len(used):
        return "none used"
    east, north = (float(np.sqrt(np.mean(used[name] ** 2))) for name in ("east", "north"))
    return f"{len(used)} of {len(rows)} matches used, rms {east:.2f} mas east, {north:.2f} mas north"


def _scatter(axes, rows: np.ndarray) -> None:
    used = rows["used"]
    for which, colour, mark in ((used, COLOURS[0], "o"), (~used, COLOURS[1], "x")):
        axes.plot(rows["east"][which], rows["north"][which], mark, color=colour, ms=4, alpha=0.6)
    if used.any():
        reach = 1.15 * float(np.percentile(np.abs([rows["east"][used], rows["north"][used]]), 99)) or 1.0
        axes.set_xlim(reach, -reach)
        axes.set_ylim(-reach, reach)
        beyond = int(np.count_nonzero((np.abs(rows["east"]) > reach) | (np.abs(rows["north"]) > reach)))
        axes.set_title(f"aligned less reference{f'; {beyond} outside' if beyond else ''}", fontsize=10)
    axes.axhline(0, color="0.7", lw=1, zorder=0)
    axes.axvline(0, color="0.7", lw=1, zorder=0)
    axes.set_aspect("equal")
    axes.set_xlabel("east (mas)", fontsize=9)
    axes.set_ylabel("north (mas)", fontsize=9)
    axes.tick_params(labelsize=8)


def _on_detector(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn residuals from the sky to the axes of the detector: by the linear map that fits pixels to the sky best."""
    sky = np.stack(arcsec(rows["ra"], rows["dec"], (rows["ra"][0], np.median(rows["dec"]))))
    pixels = np.stack([rows["x"], rows["y"], np.ones(len(rows))])
    if len(rows) < 3:
        return rows["east"], rows["north"]
    linear = np.linalg.lstsq(pixels.T, sky.T, rcond=None)[0][:2].T
    scale = np.sqrt(abs(np.linalg.det(linear)))
    return tuple(np.linalg.solve(linear / scale, np.stack([rows["east"], rows["north"]])))
