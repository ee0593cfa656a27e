"""Align exposures with each other, and with a catalogue of the sky."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.numerics.sources import Stars
from jwgpu.step import Skip, byproduct, note, progress, step
from jwgpu.steps.tweakreg import align, report
from jwgpu.steps.tweakreg.align import Fit, Match
from jwgpu.steps.tweakreg.find import Finder, Segments, find
from jwgpu.steps.tweakreg.members import Member
from jwgpu.wcs import catalogues, gaia


@dataclass(frozen=True)
class Absolute:
    """How the exposures, as they lie together, are aligned with a catalogue.

    Attributes
    ----------
    abs_refcat : str, optional
        A file with columns `ra` and `dec` in degrees (or `sky_centroid`, as catalogues of source_catalog have), or one
        of GAIADR3, GAIADR2, GAIADR1, GAIAREFCAT, which are fetched; None or empty for no catalogue.
    save_abs_catalog : bool
        Leave the catalogue as a by-product.
    abs_minobj, abs_fitgeometry, abs_nclip, abs_sigma
        As of `Fit`.
    abs_searchrad, abs_use2dhist, abs_separation, abs_tolerance
        As of `Match`.
    """

    abs_refcat: str | None = ""
    save_abs_catalog: bool = False
    abs_minobj: int = 15
    abs_fitgeometry: Literal["shift", "rshift", "rscale", "general"] = "rshift"
    abs_nclip: int = 3
    abs_sigma: float = 3.0
    abs_searchrad: float = 6.0
    abs_use2dhist: bool = True
    abs_separation: float = 1.0
    abs_tolerance: float = 0.7

    @property
    def catalogue(self) -> str:
        """Name of the catalogue, or an empty string."""
        return (self.abs_refcat or "").strip()

    @property
    def fit(self) -> Fit:
        """How to fit."""
        return Fit(minobj=self.abs_minobj, fitgeometry=self.abs_fitgeometry, nclip=self.abs_nclip, sigma=self.abs_sigma)

    @property
    def match(self) -> Match:
        """How to match."""
        return Match(self.abs_searchrad, self.abs_use2dhist, self.abs_separation, self.abs_tolerance)


@dataclass(frozen=True)
class Approximation:
    """The SIP polynomials in the headers, as of assign_wcs."""

    sip_approx: bool = True
    sip_max_pix_error: float = 0.01
    sip_degree: int | None = None
    sip_max_inv_pix_error: float = 0.01
    sip_inv_degree: int | None = None
    sip_npoints: int = 12


@step(unit=None)
def tweakreg(
    images: Exposures,
    *,
    save_catalogs: bool = False,
    use_custom_catalogs: bool = False,
    catalog_format: Literal["ecsv", "fits"] = "ecsv",
    catfile: str = "",
    finder: Finder = Finder(),
    stars: Stars = Stars(),
    segments: Segments = Segments(),
    fit: Fit = Fit(),
    match: Match = Match(),
    absolute: Absolute = Absolute(),
    approximation: Approximation = Approximation(),
) -> Exposures:
    """Align exposures with each other, and with a catalogue of the sky.

    Sources are found in every exposure. Those of the first group of exposures (detectors that exposed at the same time)
    are the reference for the other groups, one after the other: sources are matched in a tangent plane, and an affine
    map is fitted that becomes part of the WCS of each exposure of the group::

        x_reference = A x + t

    Then, with `abs_refcat`, all exposures are
    aligned together with a catalogue. What was matched, how well it fits, and which exposures stayed where they were
    and why, is in the by-product `tweakreg`.

    Parameters
    ----------
    images : Exposures
        Calibrated images with WCS, sky or no sky.
    save_catalogs : bool
        Save the sources of each exposure beside the report.
    use_custom_catalogs : bool
        Take the sources that catalogues list instead of searching for them.
    catalog_format : {"ecsv", "fits"}
        Format of the catalogues that are saved.
    catfile : str
        Text file that names, in each line, an exposure and its catalogue (columns `x`, `y` in pixels from 0), relative
        to the text file; without one, headers may name them.
    finder, stars, segments : Finder, Stars, Segments
        How sources are found: `starfinder`, `snr_threshold`, `kernel_fwhm`, `bkg_boxsize`, `refine`; for the finders
        `dao` and `iraf`: `minsep_fwhm`, `sigma_radius`, `sharplo`, `sharphi`, `roundlo`, `roundhi`, `brightest`,
        `peakmax`; for `segmentation`: `npixels`, `connectivity`, `nlevels`, `contrast`, `multithresh_mode`,
        `localbkg_width`, `apermask_method`, `kron_params`, `deblend`.
    fit, match : Fit, Match
        How groups are aligned: `enforce_user_order`, `expand_refcat`, `minobj`, `fitgeometry`, `nclip`, `sigma`;
        `searchrad`, `use2dhist`, `separation`, `tolerance`, `xoffset`, `yoffset`.
    absolute : Absolute
        The catalogue, `abs_refcat`, and how all are aligned with it: `abs_minobj` and so on.
    approximation : Approximation
        The SIP polynomials in the headers: `sip_approx` and so on.

    Returns
    -------
    Exposures
        With `wcs` and `meta.wcsinfo` of the aligned exposures changed; arrays are shared.

    Raises
    ------
    InputError
        An exposure has no WCS that can be corrected, a catalogue cannot be read or fetched, or parameters cannot be.

    Skips when
    ----------
    There is a single group of exposures and no catalogue, no group could be aligned, or the corrections are larger than
    the search allows for.

    Differs from jwst
    -----------------
    Groups that fail are said to have failed and why, in the history and in the by-product. A fit that cannot be made
    leaves its group as it is; the official step ends there. Corrections that are too large are dropped before the
    alignment with a catalogue; the official step keeps them. With `expand_refcat`, overlaps are those of the convex
    hulls of sources in a plane. Sources of one star in several exposures count once, at their mean place, in the
    alignment with a catalogue; the official step takes the southernmost or northernmost of them, which moves everything
    by about the scatter of a single place. `refine` is new. `save_abs_catalog` leaves the catalogue as a by-product.

    References
    ----------
    Stetson 1987, doi:10.1086/131977 (sources).
    """
    align.check(fit, match)
    if absolute.catalogue:
        align.check(absolute.fit, absolute.match, "abs_")
    groups = images.groups()
    if len(groups) == 1 and not absolute.catalogue and not save_catalogs:
        raise Skip("there is a single group of exposures, and no catalogue to align it with")
    names = catalogues.listed(catfile) if use_custom_catalogs and catfile.strip() else {}
    members = _members(images, finder, stars, segments, names if use_custom_catalogs else None)
    outcomes = align.relative(members, groups, _growing(fit, absolute), match)
    aligned = any(outcome.status == "aligned" for outcome in outcomes)
    problem = "" if aligned else "no group of exposures could be aligned: " + report.reasons(outcomes)
    if aligned and not align.small(members, match):
        aligned, problem = False, "the exposures would move by more than the search allows for"
        for member, outcome in zip(members, outcomes):
            member.plane = member.before
            outcome.status, outcome.reason = "failed", problem
    placed = None
    if absolute.catalogue:
        placed = _place(images, members, absolute)
    note(**report.notes([member.name for member in members], outcomes, placed))
    made = report.alignment(images, groups, members, outcomes, placed, catalog_format if save_catalogs else "")
    byproduct(tweakreg=made)
    if absolute.catalogue and placed[0].status != "aligned":
        raise Skip(f"the exposures could not be aligned with {absolute.catalogue}: {placed[0].reason}")
    if not aligned and not absolute.catalogue:
        raise Skip(problem)
    name = f"FIT-LVL3-{absolute.catalogue}" if absolute.catalogue else None
    done = [o.status == "aligned" or bool(placed) for o in outcomes]
    return images.with_members(
        _moved(image, member, name, approximation) if moved else image
        for image, member, moved in zip(images, members, done)
    )


def _growing(fit: Fit, absolute: Absolute) -> Fit:
    """Return how to fit: with a catalogue to come, the reference grows, so that no source counts twice."""
    return dataclasses.replace(fit, expand_refcat=True) if absolute.catalogue else fit


def _members(images: Exposures, finder: Finder, stars: Stars, segments: Segments, names) -> list[Member]:
    """Return the exposures with their sources, one exposure at a time, of whose arrays some alone are read."""
    needed = {"data", "dq", "err"} if finder.starfinder == "segmentation" else {"data", "dq"}
    lean = images.with_members(m.replace(**dict.fromkeys(m.arrays().keys() - needed)) for m in images)
    found = []
    for k, image in enumerate(lean.loaded(), 1):
        found.append(_member(image, finder, stars, segments, names))
        progress(0.9 * k / len(images))
    return found


def _member(image: Image, finder: Finder, stars: Stars, segments: Segments, names) -> Member:
    """Return an exposure with its sources: those that a catalogue lists, else those that are found."""
    if image.data.ndim != 2:
        raise InputError(f"{image.name} has a plane per integration; tweakreg aligns images of one plane")
    listed = None
    if names is not None:  # the list goes before the header
        listed = names.get(image.name, "") or None if image.name in names else image.meta.get("tweakreg_catalog")
    found = catalogues.sources(listed) if listed else find(image, finder, stars, segments)
    return Member.of(image, found)


def _place(images: Exposures, members: list[Member], absolute: Absolute) -> list[align.Outcome]:
    """Align all exposures together with a catalogue."""
    named = absolute.catalogue
    if named.upper() in gaia.CATALOGUES:
        corners = np.concatenate([member.corners() for member in members], axis=1)
        middle = corners.mean(axis=1)
        middle /= np.linalg.norm(middle)
        ra, dec = np.degrees(np.arctan2(middle[1], middle[0])) % 360, np.degrees(np.arcsin(middle[2]))
        radius = np.degrees(np.arccos(np.clip(middle @ corners, -1, 1)).max())
        stars = gaia.fetch(named.upper(), float(ra), float(dec), float(radius), _epoch(images))
    else:
        stars = catalogues.sky(named)
    if absolute.save_abs_catalog:
        byproduct(abs_catalog=report.table(images, f"fit_{named.lower()}_ref", stars))
    weight = stars["weight"] if (stars["weight"] != 1).any() else None
    reference = align.Catalogue(stars["ra"], stars["dec"], weight)
    if len(stars) < absolute.abs_minobj:
        reason = f"the catalogue has {len(stars)} sources here, fewer than abs_minobj = {absolute.abs_minobj}"
        return [align.Outcome(reason=reason) for _ in members]
    return align.absolute(members, reference, absolute.fit, absolute.match)


def _epoch(images: Exposures) -> float:
    """Return when the first exposure was taken, as a year and its fraction."""
    day = datetime.date.fromisoformat(str(images[0].meta.require("observation.date", "tweakreg")))
    first, after = datetime.date(day.year, 1, 1), datetime.date(day.year + 1, 1, 1)
    return day.year + (day - first).days / (after - first).days


def _moved(image: Image, member: Member, name: str | None, rules: Approximation) -> Image:
    """Return an exposure with its correction in its WCS and header."""
    from jwgpu.wcs import sip
    from jwgpu.wcs.outline import outline

    wcs = member.aligned()
    if name:
        wcs.gwcs.name = name
    values = {"wcsinfo.s_region": outline(wcs)}
    if rules.sip_approx:
        values |= sip.keywords(
            image.meta,
            wcs,
            max_pix_error=rules.sip_max_pix_error,
            degree=rules.sip_degree or sip.DEGREES,
            max_inv_pix_error=rules.sip_max_inv_pix_error,
            inv_degree=rules.sip_inv_degree or sip.DEGREES,
            npoints=rules.sip_npoints,
        )[0]
    return image.replace(wcs=wcs, meta=image.meta.set(values))
