"""`jw.show(exposures)`: the members of a set one after the other, and where each lies on the sky."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Exposures, Image
from jwgpu.diagnostics import draw
from jwgpu.diagnostics.controls import packages, slider
from jwgpu.diagnostics.figures import empty
from jwgpu.diagnostics.sources import sky
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError

FOOTPRINTS = "footprints"
_CHOSEN, _OTHERS = "#d55e00", "#0072b2"


class MembersViewer(Viewer):
    """The widget behind `jw.show(exposures)`: a viewer of one member at a time, or of two versions of it.

    Attributes
    ----------
    exposure : ipywidgets IntSlider
        Number of the member that is shown, from 1 on.
    """

    def __init__(self, images: Exposures, after: Exposures | None = None, mosaic: Image | None = None):
        if after is not None and len(after) != len(images):
            raise InputError(
                f"show: {images.name} has {len(images)} exposures and {after.name} has {len(after)}; give two "
                "versions of the same set"
            )
        if mosaic is not None and (mosaic.wcs is None or mosaic.data.ndim != 2):
            raise InputError(f"show: {mosaic.name} has no WCS, so that footprints have no place on it")
        self.images, self.after, self.mosaic = images, after, mosaic
        widgets, _ = packages()
        self.exposure = slider(widgets, "exposure", len(images), 1, "member of the set that is shown")
        super().__init__(self._subjects(0), {})
        self.exposure.observe(lambda change: self.put(self._subjects(change["new"] - 1)), names="value")
        self.box.children = [self.exposure, *self.box.children]
        if any(member.wcs is not None for member in images):
            self.details.add(FOOTPRINTS, self._drawn, lambda: self.exposure.value)
            self.details.box.selected_index = self.details.names.index(FOOTPRINTS)

    def _subjects(self, k: int) -> list[Subject]:
        sets = [images for images in (self.images, self.after) if images is not None]
        labels = [self.images[k].name.removesuffix(".fits")] if len(sets) == 1 else ["before", "after"]
        return [Subject(images.load(k), label) for images, label in zip(sets, labels)]

    def _drawn(self, figure) -> str:
        figure.clear()
        figure.set_size_inches(10.5, 5.2)
        axes = figure.subplots()
        figure.subplots_adjust(left=0.08, right=0.75, bottom=0.1, top=0.93)
        self._footprints(axes)
        return ""

    def _footprints(self, axes) -> None:
        """Draw the outlines of all members, on the mosaic or on the sky, the one that is shown in another colour."""
        corners = {k: m.wcs.footprint() for k, m in enumerate(self.after or self.images) if m.wcs is not None}
        known = {k: c for k, c in corners.items() if np.isfinite(c).all()}
        if not known:
            axes.set_title("no exposure has a place on the sky", fontsize=10)
            return
        if self.mosaic is not None:
            shown, extent = draw.reduced(self.mosaic.data)
            sky(axes, shown, self.mosaic.name, self.mosaic.unit, extent=extent)
        middle = np.median(np.concatenate([*known.values()]), axis=0)
        for k in sorted(known, key=lambda k: k == self.exposure.value - 1):
            x, y = self._on(known[k], middle)
            chosen = k == self.exposure.value - 1
            axes.fill(x, y, fill=False, ec=_CHOSEN if chosen else _OTHERS, lw=2.2 if chosen else 1.0)
        if self.mosaic is None:
            axes.set_title(f"{len(known)} exposures around RA {middle[0] % 360:.5f}, Dec {middle[1]:+.5f}", fontsize=10)
            axes.set_xlabel("east (arcsec)", fontsize=9)
            axes.set_ylabel("north (arcsec)", fontsize=9)
            axes.set_aspect("equal", adjustable="datalim")
            axes.invert_xaxis()
            axes.tick_params(labelsize=8)

    def _on(self, corners: np.ndarray, middle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return corners as pixels of the mosaic, or in arcsec from the middle of all."""
        if self.mosaic is not None:
            return self.mosaic.wcs.invert(*corners.T, with_bounding_box=False)
        return draw.arcsec(*corners.T, middle)

    def figure(self):
        """Return the member that is shown, and the footprints of all, as a matplotlib Figure."""
        figure = empty(11, 4.8)
        left, right = figure.subplots(1, 2)
        subject, limits = self.subjects[-1], self.limits()[-1]
        array, extent = draw.reduced(self.planes()[-1])
        draw.image(left, array, self.title(subject), subject.unit, limits=limits, cmap=self.colours.value,
                   stretch=self.stretch.value, extent=extent)  # fmt: skip
        self._footprints(right)
        return figure

    def __repr__(self) -> str:
        return f"<Viewer of {self.images!r}>"
