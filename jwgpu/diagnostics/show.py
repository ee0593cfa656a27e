"""`jw.show`: look at an exposure, a reference, a set of exposures, an alignment, or something before and after."""

from __future__ import annotations

from typing import Literal

from jwgpu.data import Alignment, Exposure, Exposures, Image, Reference, SourceCatalog
from jwgpu.diagnostics.linked import on_grid
from jwgpu.diagnostics.members import MembersViewer
from jwgpu.diagnostics.residuals import Residuals
from jwgpu.diagnostics.sources import CatalogViewer
from jwgpu.diagnostics.subject import Subject
from jwgpu.diagnostics.viewer import Viewer
from jwgpu.errors import InputError


def show(
    before: Exposure | Reference,
    after: Exposure | Reference | SourceCatalog | None = None,
    *,
    link: Literal["pixels", "sky"] | None = None,
    gain: Reference | None = None,
    readnoise: Reference | None = None,
) -> Viewer | CatalogViewer | MembersViewer | Residuals:
    """Show an exposure, a reference, a set of exposures or an alignment; two versions side by side; sources.

    Controls choose the integration, the group, the array, the stretch, the limits, the colours, and flags to lay over
    the images, each with the number of pixels that carry it. The images zoom and pan together (drag; wheel after a
    click; keys); two of them blink or are swiped. A click picks a pixel; below stand its ramp with its flagged groups
    and why they are, the lines fitted to its segments once jumps are known, residuals and neighbours; row and column
    through it; the distribution of values; and the history.

    Whatever is seen is reduced to the resolution of the screen on the device that the exposure lives on.

    >>> jw.show(ramp, flagged)                  # before and after a step
    >>> jw.show(run.i2d, run.catalog)           # sources on their mosaic
    >>> jw.show(f200w, f444w)                   # two images on other grids, by sky coordinates
    >>> jw.show(run.images, run.i2d)            # exposures one by one, and where they lie on the mosaic
    >>> jw.show(run.byproducts["tweakreg"])     # residuals of the alignment

    Parameters
    ----------
    before, after : Exposure or Reference
        Ramps, images or references. After an image, a `SourceCatalog` of it: each source is outlined, stars and
        extended sources in two colours; a click picks one and says what the catalogue has of it. `Exposures` are shown
        one by one, beside a second version of the set, or with their footprints on a mosaic. An `Alignment` is shown
        by its residuals.
    link : {"pixels", "sky"}, optional
        What two images share: the pixels, as versions of one exposure do, or the sky, for which the second one is
        interpolated at the pixels of the first. Pixels, if not given, where both have as many.
    gain, readnoise : Reference, optional
        To compare the steps of a ramp with their noise, and for the weights of the lines.

    Returns
    -------
    Viewer, CatalogViewer, MembersViewer or Residuals
        A widget, displayed as the last expression of a cell; `.figure()` gives a matplotlib figure of it.

    Raises
    ------
    InputError
        Two versions have nothing to share, there is nothing to see, or the notebook packages are not installed.
    """
    if link not in (None, "pixels", "sky"):
        raise InputError(f"show: link={link!r} is not known; give 'pixels' or 'sky'")
    if isinstance(before, Alignment):
        return Residuals(before)
    if isinstance(before, Exposures):
        if not (after is None or isinstance(after, (Exposures, Image))):
            raise InputError(f"show: beside exposures, give another version of them or their mosaic, not {after.name}")
        is_mosaic = isinstance(after, Image)
        return MembersViewer(before, None if is_mosaic else after, after if is_mosaic else None)
    if isinstance(after, SourceCatalog):
        if not isinstance(before, Image):
            raise InputError(f"show: sources are shown on an image, and {before.name} is none; give (image, catalog)")
        return CatalogViewer(before, after)
    subjects = [Subject(noun) for noun in (before, after) if noun is not None]
    apart = len({s.shape for s in subjects}) > 1
    if len(subjects) == 2 and (link == "sky" or (apart and link is None and _have_sky(before, after))):
        subjects[1] = Subject(on_grid(after, before))
        first, second = (noun.name.removesuffix(".fits") for noun in (before, after))
        subjects[0].label, subjects[1].label = first, f"{second} on the grid of the first"
    elif apart:
        a, b = subjects
        raise InputError(
            f"show: {a.noun.name} is {a.shape} and {b.noun.name} is {b.shape} pixels; give two versions of the same "
            "exposure, or images with a WCS, which are shown on one grid"
        )
    if len(subjects) == 2 and subjects[0].label == subjects[1].label:
        subjects[0].label, subjects[1].label = "before", "after"
    return Viewer(subjects, {"gain": gain, "readnoise": readnoise})


def _have_sky(*nouns) -> bool:
    return all(isinstance(noun, Image) and noun.wcs is not None and noun.data.ndim == 2 for noun in nouns)
