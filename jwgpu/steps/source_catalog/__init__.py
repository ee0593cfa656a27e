"""Make a catalogue of the sources of an image: positions, shapes, fluxes and magnitudes.

`calibration` reads the apertures of the instrument, `finding` finds sources, `table` puts down what was measured.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from jwgpu.data import PIXEL, Image, Reference, SourceCatalog
from jwgpu.errors import InputError
from jwgpu.numerics import apertures as circles
from jwgpu.numerics import daofind, empty_apertures, kron, smooth
from jwgpu.numerics.apertures import Ellipses
from jwgpu.numerics.sources import Stars
from jwgpu.step import Skip, note, step
from jwgpu.steps.source_catalog import calibration, finding, table
from jwgpu.steps.source_catalog.finding import Grouping

__all__ = ["Grouping", "Stars", "source_catalog"]


@step(unit="MJy/sr")
def source_catalog(
    image: Image,
    apcorr: Reference | None = None,
    abvegaoffset: Reference | None = None,
    *,
    aperture_ee1: int = 30,
    aperture_ee2: int = 50,
    aperture_ee3: int = 70,
    ci1_star_threshold: float = 2.0,
    ci2_star_threshold: float = 1.8,
    starfinder: Literal["dao", "iraf", "segmentation"] = "segmentation",
    snr_threshold: float = 3.0,
    bkg_boxsize: int = 1000,
    kernel_fwhm: float = 2.0,
    stars: Stars = Stars(),
    grouping: Grouping = Grouping(),
    correlated_noise: Literal["none", "measured"] = "none",
) -> SourceCatalog:
    """Make a catalogue of the sources of an image.

    Sources are what stands `snr_threshold` times the noise above the background in the smoothed image, in at least
    `npixels` connected pixels; those that touch are told apart::

        smoothed image > background + snr_threshold noise

    Each is measured in three circles that hold a known
    part of the light of a star, less the background of a ring around it; in the pixels that belong to it (isophotal);
    and in an ellipse of its own size (Kron).

    The errors in the image say how uncertain a pixel is. Pixels of a resampled image share what they were made of, so
    that errors of sums over them, added as if pixels were independent, are not what they should be: too small by the
    factor NOISESCL of the header, about four where pixels are a quarter as large as the detector's, if errors of pixels
    are their scatter; `err` of a mosaic makes up for it, and errors of small circles are too large by up to 30%.
    `correlated_noise` corrects that: circles laid at random on empty sky are measured as sources are, and what they
    scatter, in units of their errors, is what the errors are multiplied with [1]_. It is measured for each of the three
    circles, and as a power law of the area, a sqrt(A)**b, for other apertures. It is the noise of the sky that is
    corrected, with the wings of stars where they are everywhere. What small circles lose when they are centred beside a
    star, or as it falls on the pixels, is in no error: of simulated stars of a FWHM of 2.1 pixels in four dithers,
    light in the circles of 30, 50 and 70% scatters by 3, 1.7 and 1.1% for that alone.

    Corrections of a reference are for pixels as large as the detector's. Over smaller ones light is spread less, and
    corrected fluxes of stars are too high.

    Parameters
    ----------
    image : Image
        (y, x), MJy/sr, with `err`, a WCS and the area of its pixels (`meta.photometry.pixelarea_steradians`). Pixels
        of no weight (`wht`), without an error, or, of an image without weights, flagged DO_NOT_USE hold no sources.
    apcorr : Reference, optional
        Table `apcorr_table` with, for each optics, `eefraction`, `radius` (detector pixels), `apcorr`, and `skyin` and
        `skyout`, the radii of the ring. Without it circles of 1, 2 and 3 pixels serve and nothing is corrected.
    abvegaoffset : Reference, optional
        Table `abvega_offset`: AB less Vega magnitude, for each optics. 0 without it.
    aperture_ee1, aperture_ee2, aperture_ee3 : int
        Percent of the light of a star in the three circles.
    ci1_star_threshold, ci2_star_threshold : float
        A source is extended where the ratios of its fluxes in the second and the first, and in the third and the
        second circle are larger than these.
    starfinder : {"dao", "iraf", "segmentation"}
        Groups of pixels, or stars as DAOFIND or IRAF's starfind find them, which know no shapes.
    snr_threshold : float
    bkg_boxsize : int
        Pixels: side of the boxes in which the background is taken.
    kernel_fwhm : float
        Pixels: full width at half maximum of the Gaussian that the image is smoothed with; 0 for none.
    stars : Stars
        What "dao" and "iraf" take for a star.
    grouping : Grouping
        How "segmentation" groups pixels to sources.
    correlated_noise : {"none", "measured"}
        Whether errors of fluxes are corrected for the correlation of the noise.

    Returns
    -------
    SourceCatalog
        One row for each source, perhaps none, and the history says why; with the segmentation (none with star
        finders). Fluxes in Jy.

    Raises
    ------
    InputError
        The image has no error, no WCS or no pixel area, a parameter is out of range, a reference has no such aperture,
        or there is no empty sky to measure noise on.

    Skips when
    ----------
    A reference has no row for the optics of the image, or the image is a stack of integrations.

    Differs from jwst
    -----------------
    Four Kron columns at the end, with magnitudes and radius, are not in the official catalogue, whose parameters of
    Kron apertures change nothing in it. Where nothing is found, the catalogue has no rows; the official step makes
    none. `peakmax` is in MJy/sr. The suffix of the file is the business of `save`.

    References
    ----------
    .. [1] Labbe et al. 2003, doi:10.1086/346140
    .. [2] Bertin & Arnouts 1996, doi:10.1051/aas:1996164
    .. [3] Kron 1980, doi:10.1086/190669
    """
    where = calibration.apertures(image, apcorr, (aperture_ee1, aperture_ee2, aperture_ee3))
    offset = calibration.vega_offset(image, abvegaoffset)
    jansky = 1e6 * image.meta.require("photometry.pixelarea_steradians", "fluxes in Jy")
    image = _checked(image, snr_threshold, bkg_boxsize, kernel_fwhm, grouping, starfinder).to("cpu")
    hidden = _hidden(image)
    nothing = "there is no usable pixel"
    if hidden.all():
        found = finding.none(image.data, starfinder == "segmentation")
    else:
        above, noise = finding.background(image.data, hidden, bkg_boxsize)
        if starfinder == "segmentation":
            found = finding.by_segments(above, image.err, noise, snr_threshold, kernel_fwhm, grouping)
        else:
            found = finding.by_stars(above, noise, starfinder, snr_threshold, kernel_fwhm, stars)
        scatter = float(np.median(noise))
        nothing = (
            f"the image scatters by {scatter:.3g} MJy/sr around its background, and nothing that counts "
            f"as a source stands {snr_threshold:g} times that above it; where the sky itself varies, as in a nebula, "
            f"a bkg_boxsize smaller than {bkg_boxsize} pixels follows it"
        )
    if not found.x.size:
        note(remark=f"no sources: {nothing}")
    note(
        sources=found.x.size, aperture_ee=where.energy, aperture_radii=where.radius, abvega_offset=offset,
        aperture_corrections=where.correction, bkg_aperture_inner_radius=where.inner,
        bkg_aperture_outer_radius=where.outer,
    )  # fmt: skip
    grown = _growth(image, hidden, found, where, correlated_noise)
    columns = table.Columns(found.x.size)
    table.positions(columns, found.x, found.y, _sky(image, found.x, found.y))
    _in_circles(columns, image, found, where, offset, jansky, grown, (ci1_star_threshold, ci2_star_threshold))
    sharpness, roundness = daofind.shapes(image.data, found.x, found.y, kernel_fwhm / smooth.FWHM)
    table.looks(columns, sharpness, roundness, _nearest(found.x, found.y))
    _in_pixels(columns, image, found, offset, jansky, grown, grouping)
    return SourceCatalog(
        table=columns.table(), columns=columns.about, segmentation=found.labels, wcs=image.wcs, meta=image.meta,
        history=image.history,
    )  # fmt: skip


def _checked(image: Image, snr: float, box: int, fwhm: float, grouping: Grouping, finder: str) -> Image:
    """Return the image if it can be measured as the parameters say."""
    if image.per_integration:
        raise Skip("sources are catalogued in one image, not in a stack of integrations")
    for name in ("err", "wcs"):
        if getattr(image, name) is None:
            remedy = "resample makes images that have it" if name == "err" else "run assign_wcs before"
            raise InputError(f"source_catalog: {image.name} has no {name}; {remedy}")
    wide = fwhm > 0 or (fwhm == 0 and finder == "segmentation")
    limits = {"snr_threshold": snr > 0, "bkg_boxsize": box > 0, "kernel_fwhm": wide,
              "npixels": grouping.npixels > 0, "connectivity": grouping.connectivity in (4, 8),
              "nlevels": grouping.nlevels > 0, "contrast": 0 <= grouping.contrast <= 1,
              "localbkg_width": grouping.localbkg_width >= 0,
              "kron_params": len(grouping.kron_params or (0, 0)) in (2, 3)}  # fmt: skip
    wrong = [name for name, right in limits.items() if not right]
    if wrong:
        raise InputError(f"source_catalog: {wrong[0]} is out of range; jwgpu list source_catalog shows the defaults")
    return image


def _hidden(image: Image) -> np.ndarray:
    """Return the pixels in which nothing was seen, (y, x) bool."""
    hidden = ~np.isfinite(image.err) | ~np.isfinite(image.data)
    weight = getattr(image, "wht", None)
    if weight is not None:
        hidden |= weight == 0
    elif image.dq is not None:
        hidden |= image.dq & np.uint32(PIXEL.DO_NOT_USE) != 0
    return hidden


def _growth(image: Image, hidden, found, where, kind: str) -> empty_apertures.Growth | None:
    """Return by how much errors are too small; None where that is not asked for."""
    if kind == "none":
        return None
    taken = hidden if found.labels is None else hidden | (found.labels > 0)
    growth = empty_apertures.measure(found.data, image.err, taken, where.radius, (where.inner, where.outer))
    if growth is None:
        raise InputError(
            f"source_catalog: {image.name} has too little empty sky to measure its noise on; switch correlated_noise "
            "off, or raise snr_threshold"
        )
    note(error_factors=[round(f, 4) for f in growth.circles], law=[round(v, 4) for v in (growth.a, growth.b)])
    return growth


def _in_circles(columns, image, found, where, offset, jansky, growth, limits) -> None:
    """Add what circles hold."""
    ring = circles.annulus(image.data, found.x, found.y, where.inner, where.outer)
    light, error = [], []
    for k, radius in enumerate(where.radius):
        circle = Ellipses.circles(found.x, found.y, radius)
        flux, spread = circles.photometry(image.data, image.err, circle)
        light.append(jansky * (flux - ring[0] * circle.area))
        error.append(jansky * spread * (1 if growth is None else growth.circles[k]))
    table.apertures(columns, where, [jansky * v for v in ring], light, error, offset)
    table.concentration(columns, where, light, limits)


def _in_pixels(columns, image, found, offset, jansky, growth, grouping) -> None:
    """Add what the pixels of the sources say; a star finder leaves most of it open."""
    north = _north(image)
    if found.segments is None:
        unknown = np.full(found.x.size, np.nan)
        table.isophotal(columns, jansky * found.light, unknown, offset, unknown)
        table.shapes(columns, unknown, unknown, found.angle, north)
        table.corners(columns, dict.fromkeys(("ll", "ul", "lr", "ur"), np.stack((unknown, unknown), axis=-1)))
        return
    seen = found.segments
    level = np.zeros(found.x.size)
    if grouping.localbkg_width:
        level = finding.isophotes.surroundings(found.data, found.labels, seen.box, grouping.localbkg_width)

    def grown(error, area):
        return jansky * error * (1 if growth is None else growth(area))

    isophotal = jansky * (seen.flux - level * seen.area)
    table.isophotal(columns, isophotal, grown(seen.error, seen.area), offset, seen.area)
    table.shapes(columns, seen.a, seen.b, np.degrees(seen.angle), north)
    # The right and the upper side lie one pixel outside, as officially.
    x0, x1, y0, y1 = seen.box + np.array([-0.5, 0.5, -0.5, 0.5])[:, None]
    table.corners(columns, {name: _sky(image, *corner) for name, corner in
                            {"ll": (x0, y0), "ul": (x0, y1), "lr": (x1, y0), "ur": (x1, y1)}.items()})  # fmt: skip
    scene = kron.Scene(found.data, image.err, found.labels, grouping.apermask_method)
    ellipses, radius = kron.ellipses(scene, seen, *grouping.kron())
    flux, error = kron.photometry(scene, ellipses, level)
    table.kron(columns, radius, jansky * flux, grown(error, ellipses.area), offset)


def _sky(image: Image, x, y) -> np.ndarray:
    """Return right ascension and declination, (n, 2)."""
    return np.stack(image.wcs(x, y), axis=-1) if len(x) else np.zeros((0, 2))


def _nearest(x, y) -> tuple[np.ndarray, np.ndarray]:
    """Return the label of the nearest source, -1 for none, and its distance, NaN for none."""
    label, distance = np.full(x.size, -1, np.int32), np.full(x.size, np.nan)
    known = np.flatnonzero(np.isfinite(x + y))
    if known.size > 1:
        from scipy.spatial import KDTree

        places = np.stack((x, y), axis=-1)[known]
        far, which = KDTree(places).query(places, k=2)
        label[known], distance[known] = known[which[:, 1]] + 1, far[:, 1]
    return label, distance


def _north(image: Image) -> float:
    """Return the angle from the x axis to north, degrees, at the reference point of the image."""
    ny, nx = image.shape
    place = image.meta.get("wcsinfo.crpix1", (nx + 1) / 2) - 1, image.meta.get("wcsinfo.crpix2", (ny + 1) / 2) - 1
    ra, dec = image.wcs(*place, with_bounding_box=False)
    step = 1 / 3600 if dec < 89.9 else -1 / 3600
    x, y = image.wcs.invert(np.array([ra, ra]), np.array([dec, dec + step]), with_bounding_box=False)
    return float(np.degrees(np.arctan2(*((v[1] - v[0]) / step for v in (y, x)))))
