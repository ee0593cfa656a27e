"""Small sets of dithered images, in each of which one thing is amiss that a step on many exposures puts right."""

from __future__ import annotations

import functools

import numpy as np

from jwgpu import backend, simulate
from jwgpu.data import PIXEL, Exposures, Image
from jwgpu.diagnostics import draw
from jwgpu.diagnostics.figures import empty
from jwgpu.diagnostics.sources import sky
from jwgpu.step import Step

_PERFECT = dict(size=128, pointing_error=0.0, roll_error=0.0, background_step=0.0, cosmic_rays=0.0, siaf=False, seed=3)
_AMISS = {
    "assign_mtwcs": dict(offsets=[(0.0, 0.0), (0.7, 0.3), (1.4, 0.6), (2.1, 0.9)]),
    "tweakreg": dict(pointing_error=0.04, n_stars=60, separation=0.3, size=200),
    "skymatch": dict(background_step=0.2),
    "outlier_detection": dict(cosmic_rays=1e-3),
    "resample": {},
}
_PARAMETERS = {
    "tweakreg": {"separation": 0.3, "tolerance": 0.1},
    "skymatch": {"subtract": True},
    "source_catalog": {"ci1_star_threshold": 1.8, "ci2_star_threshold": 1.45},
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Of the exposures; told apart by colour-blind readers."""


def case(step: Step):
    """Return (before, after, truth) of a step on many exposures, or on one with the help of others; None for others."""
    if step.name == "bkg_subtract":
        return _background(step)
    if step.name == "source_catalog":
        made, mosaic = _mosaic()
        references = made.references.apcorr, made.references.abvegaoffset
        return mosaic, step(mosaic, *references, **_PARAMETERS[step.name]), made.truth
    if step.name not in _AMISS:
        return None
    made = simulate.dithers(4, **{**_PERFECT, **_AMISS[step.name]})
    images = made.images
    if step.name == "assign_mtwcs":
        images = [_tracked(image) for image in images]
    before = Exposures.of(images, "dithers")
    return before, step(before, **_PARAMETERS.get(step.name, {})), made.truth


def _background(step: Step):
    """Return a field on a tilted sky, and what is left when three exposures of that sky alone are subtracted."""
    options = {**_PERFECT, "background_tilt": 0.6, "background": 1.0}
    field = simulate.dithers(1, **options)[0]
    empty_sky = simulate.dithers(3, **{**options, "n_stars": 0, "n_galaxies": 0, "cosmic_rays": 2e-4, "seed": 4})
    return field, step(field, Exposures.of(empty_sky.images, "background")), None


@functools.cache
def _mosaic():
    from jwgpu import steps

    made = simulate.dithers(4, **_PERFECT)
    return made, steps.resample(Exposures.of(made.images, "dithers"))


def _tracked(image: Image) -> Image:
    """Return an image on which the telescope followed a target: it is in the middle of every exposure."""
    ra, dec = _middle(image)
    return image.replace(meta=image.meta.set({"wcsinfo.mt_ra": ra, "wcsinfo.mt_dec": dec, "target.type": "MOVING"}))


def _middle(image: Image) -> tuple[float, float]:
    rows, columns = image.shape
    ra, dec = image.wcs((columns - 1) / 2, (rows - 1) / 2)
    return float(ra), float(dec)


def figure(name: str, before: Exposures, after, truth):
    """Return a set before and after a step as a matplotlib Figure."""
    drawn = empty(13, 3.9)
    panels = drawn.subplots(1, 3)
    _DRAWN[name](panels, before, after, truth)
    for axes in panels:
        axes.tick_params(labelsize=8)
    return drawn


def _first(axes, images: Exposures) -> None:
    image = images[0]
    sky(axes, backend.to_host(image.data), f"the first of {len(images)} exposures", image.unit)


def _follow(panels, before: Exposures, after: Exposures, _) -> None:
    _first(panels[0], before)
    origin = _middle(before[0])
    for axes, images, words in zip(panels[1:], (before, after), ("as pointed", "after assign_mtwcs")):
        for k, (image, colour) in enumerate(zip(images, _COLOURS)):
            corners = np.vstack([image.wcs.footprint(), image.wcs.footprint()[:1]])
            axes.plot(*draw.arcsec(*corners.T, origin), color=colour, lw=1.5)
            axes.plot(*draw.arcsec(*_middle(image), origin), "o", color=colour, ms=11 - 2 * k, mfc="none", mew=1.5,
                      label=f"target, exposure {k + 1}")  # fmt: skip
        axes.set(xlabel="east (arcsec)", ylabel="north (arcsec)", aspect="equal")
        axes.set_title(f"frames and target, {words}", fontsize=10)
    panels[1].legend(fontsize=7, frameon=False, loc="upper right")


def _align(panels, before: Exposures, after: Exposures, truth) -> None:
    _first(panels[0], before)
    catalogue, reach = truth.catalogue, 0.0
    for axes, images, words in zip(panels[1:], (before, after), ("as pointed", "after tweakreg")):
        spread = []
        for k, (image, colour) in enumerate(zip(images, _COLOURS)):
            x, y = truth.positions(k)
            inside = (x > 4) & (y > 4) & (x < image.shape[1] - 5) & (y < image.shape[0] - 5)
            ra, dec = image.wcs(x[inside], y[inside])
            east = (ra - catalogue["ra"][inside]) * np.cos(np.radians(dec)) * 3.6e6
            north = (dec - catalogue["dec"][inside]) * 3.6e6
            axes.plot(east, north, "o", color=colour, ms=9 - 2 * k, mfc="none", mew=1, label=f"exposure {k + 1}")
            spread.append((np.median(east), np.median(north)))
            reach = max(reach, np.abs(east).max(), np.abs(north).max())
        apart = max(np.hypot(*np.subtract(a, b)) for a in spread for b in spread)
        axes.set_title(f"{words}: at most {apart:.2g} mas apart", fontsize=10)
        axes.set(xlabel="catalogued minus true, east (mas)", ylabel="north (mas)", aspect="equal")
    for axes in panels[1:]:
        axes.set(xlim=(-1.1 * reach, 1.1 * reach), ylim=(-1.1 * reach, 1.1 * reach))
    panels[2].legend(fontsize=7, frameon=False)


def _level(panels, before: Exposures, after: Exposures, _) -> None:
    strips = [_square(images) for images in (before, after)]
    middles = [np.nanmedian(strip) for strip in strips]
    spread = float(np.nanpercentile(np.abs(strips[0] - middles[0]), 90))
    words = ("side by side", "after skymatch (subtract=True)")
    for axes, strip, middle, title in zip(panels, strips, middles, words):
        draw.image(axes, strip, title, before.unit, limits=(middle - spread, middle + 2 * spread))
    for image, later, colour in zip(before, after, _COLOURS):
        for noun, style in ((image, ":"), (later, "-")):
            values = backend.to_host(noun.data)
            values = values[np.isfinite(values)]
            low, high = middles[0] - 3 * spread, middles[0] + 3 * spread
            panels[2].hist(values, np.linspace(low, high, 80), histtype="step", color=colour, ls=style, lw=1.3)
    panels[2].set_title("values: dotted before, full after", fontsize=10)
    panels[2].set_xlabel(before.unit, fontsize=9)


def _square(images: Exposures) -> np.ndarray:
    """Return four images as one, two by two."""
    planes = [backend.to_host(image.data) for image in images]
    return np.block([planes[2:], planes[:2]])


def _clean(panels, before: Exposures, after: Exposures, truth) -> None:
    image, later = before[0], after[0]
    sky(panels[0], backend.to_host(image.data), "the first exposure, with hits", image.unit)
    sky(panels[1], backend.to_host(later.data), "after outlier_detection", image.unit)
    flagged = (backend.to_host(later.dq) & PIXEL.OUTLIER) != 0
    hit = truth.mask(0)
    for where, mark, colour, words in (
        (flagged & hit, "o", _COLOURS[0], "hit and flagged"),
        (~flagged & hit, "x", _COLOURS[1], "hit, not flagged"),
        (flagged & ~hit, "^", _COLOURS[2], "flagged, no hit"),
    ):
        y, x = np.nonzero(where)
        panels[2].plot(x, y, mark, color=colour, ms=5, mfc="none", ls="none", label=f"{words}: {x.size}")
    panels[2].set(xlim=(0, image.shape[1]), ylim=(0, image.shape[0]), aspect="equal")
    panels[2].set_title("beside the truth", fontsize=10)
    panels[2].legend(fontsize=7, frameon=True, loc="upper right")


def _drizzle(panels, before: Exposures, after: Image, _) -> None:
    _first(panels[0], before)
    sky(panels[1], backend.to_host(after.data), "after resample", after.unit)
    count = np.bitwise_count(backend.to_host(after.con).astype(np.uint32)).sum(axis=0)
    draw.image(panels[2], count, "exposures in each pixel", limits=(0, len(before)))


_DRAWN = {
    "assign_mtwcs": _follow,
    "tweakreg": _align,
    "skymatch": _level,
    "outlier_detection": _clean,
    "resample": _drizzle,
}
