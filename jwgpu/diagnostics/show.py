"""`jw.show`: look at an exposure, a reference, or the same exposure before and after a step."""

from __future__ import annotations

from jwgpu.data import Exposure, Image, Reference, SourceCatalog
from jwgpu.diagnostics.sources import CatalogViewer
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError


def show(
    before: Exposure | Reference,
    after: Exposure | Reference | SourceCatalog | None = None,
    *,
    gain: Reference | None = None,
    readnoise: Reference | None = None,
) -> Viewer | CatalogViewer:
    """Show an exposure or a reference, two versions side by side, or the sources of a catalogue on an image.

    Controls choose the integration, the group, the array, the stretch, the limits, the colours, and flags to lay over
    the images, each with the number of pixels that carry it. The images zoom and pan together (drag; wheel after a
    click; keys); two of them blink or are swiped. A click picks a pixel; below stand its ramp with its flagged groups
    and why they are, the lines fitted to its segments once jumps are known, residuals and neighbours; row and column
    through it; the distribution of values; and the history.

    Whatever is seen is reduced to the resolution of the screen on the device that the exposure lives on.

    Parameters
    ----------
    before, after : Ramp, Image or Reference
        Of the same (y, x) shape. In place of the second, a `SourceCatalog` of the first: each source is outlined, stars
        and extended sources in two colours; a click picks one and says what the catalogue has of it.
    gain, readnoise : Reference, optional
        To compare the steps of a ramp with their noise, and for the weights of the lines.

    Returns
    -------
    Viewer or CatalogViewer
        A widget, displayed as the last expression of a cell; `.figure()` gives a matplotlib figure of it.

    Raises
    ------
    InputError
        Where the shapes differ, there is nothing to see, or the notebook packages are not installed.
    """
    if isinstance(after, SourceCatalog):
        if not isinstance(before, Image):
            raise InputError(f"show: sources are shown on an image, and {before.name} is none; give (image, catalog)")
        return CatalogViewer(before, after)
    subjects = [Subject(noun) for noun in (before, after) if noun is not None]
    if len({s.shape for s in subjects}) > 1:
        a, b = subjects
        raise InputError(
            f"show: {a.noun.name} is {a.shape} and {b.noun.name} is {b.shape} pixels; give two versions of the same "
            "exposure"
        )
    if len(subjects) == 2 and subjects[0].label == subjects[1].label:
        subjects[0].label, subjects[1].label = "before", "after"
    return Viewer(subjects, {"gain": gain, "readnoise": readnoise})
