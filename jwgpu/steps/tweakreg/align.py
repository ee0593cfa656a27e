"""Alignment: sources of one group of exposures after the other are matched with those of a reference, and fitted.

Matching and fitting are those of tweakwcs: a histogram of all differences gives the offset, sources within a tolerance
are matched, and an affine map is fitted with clipping.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jwgpu.errors import InputError
from jwgpu.steps.tweakreg.members import Member, direction
from jwgpu.steps.tweakreg.overlap import hull, overlap
from jwgpu.wcs import matching

_SAME = 2.0  # pixels between sources of one star in exposures that are aligned

LEAST = {"shift": 1, "rshift": 2, "rscale": 2, "general": 3}  # matches that each geometry needs


@dataclass(frozen=True)
class Fit:
    """How the exposures are aligned with each other.

    Attributes
    ----------
    enforce_user_order : bool
        Align in the order given; otherwise, where the reference grows, in that of overlap.
    expand_refcat : bool
        Whether sources of aligned exposures that the reference does not have are added to it.
    minobj : int
        Matches, at least.
    fitgeometry : {"shift", "rshift", "rscale", "general"}
        Shift; with rotation; with one scale; with skew and two scales.
    nclip : int
        Rounds of clipping.
    sigma : float
        Limit of clipping, in units of the rms residual.
    """

    enforce_user_order: bool = False
    expand_refcat: bool = False
    minobj: int = 15
    fitgeometry: Literal["shift", "rshift", "rscale", "general"] = "rshift"
    nclip: int = 3
    sigma: float = 3.0


@dataclass(frozen=True)
class Match:
    """How sources are matched; all in arcsec.

    Attributes
    ----------
    searchrad : float
        Largest offset, along either axis, that is looked for.
    use2dhist : bool
        Look for the offset in a histogram; otherwise it is `xoffset`, `yoffset`.
    separation : float
        Sources closer to each other than this are left out.
    tolerance : float
        Largest distance of a match once the offset is known; `separation` is 1.4 times as large at least.
    xoffset, yoffset : float
        The offset that is not looked for.
    """

    searchrad: float = 2.0
    use2dhist: bool = True
    separation: float = 1.0
    tolerance: float = 0.7
    xoffset: float = 0.0
    yoffset: float = 0.0


@dataclasses.dataclass
class Outcome:
    """What became of one exposure."""

    status: str = "failed"
    reason: str = ""
    fit: dict = dataclasses.field(default_factory=dict)
    matches: list = dataclasses.field(default_factory=list)  # structured arrays of residuals


@dataclasses.dataclass(eq=False)
class Catalogue:
    """Positions that exposures are aligned with: right ascension, declination (degrees), and weight."""

    ra: np.ndarray
    dec: np.ndarray
    weight: np.ndarray | None = None

    def add(self, ra, dec) -> None:
        """Add positions."""
        self.ra, self.dec = np.append(self.ra, ra), np.append(self.dec, dec)
        if self.weight is not None:
            self.weight = np.append(self.weight, np.ones(len(ra)))


RESIDUAL = np.dtype([("source", "i4"), ("east", "f8"), ("north", "f8"), ("used", "?")])


def check(fit: Fit, match: Match, prefix: str = "") -> None:
    """Refuse parameters that cannot be."""
    for name in ("searchrad", "separation", "tolerance"):
        if not getattr(match, name) > 0:
            raise InputError(f"tweakreg.{prefix}{name} = {getattr(match, name)}: give a positive number of arcseconds")
    if match.separation <= 2**0.5 * match.tolerance:
        raise InputError(
            f"tweakreg.{prefix}separation = {match.separation} is too small for {prefix}tolerance = {match.tolerance}: "
            f"sources would be confused; make it larger than {2**0.5 * match.tolerance:.3g}"
        )
    if fit.nclip < 0 or not fit.sigma >= 0:
        raise InputError(f"tweakreg.{prefix}nclip = {fit.nclip}, {prefix}sigma = {fit.sigma}: neither can be negative")


def relative(members: list[Member], groups: list[tuple[int, ...]], fit: Fit, match: Match) -> list[Outcome]:
    """Align groups of exposures with each other; return what became of each exposure.

    The members get their corrections. The first group with sources is the reference, unless the reference may grow and
    the order is free: then it is one of the two that overlap most.
    """
    outcomes = [Outcome(reason="no sources") for _ in members]
    waiting = [group for group in groups if any(len(members[k].sources) for k in group)]
    if len(waiting) < 2:
        for group in waiting:
            _say(outcomes, group, "failed", "there is no other exposure with sources")
        return outcomes
    by_overlap = fit.expand_refcat and not fit.enforce_user_order
    outlines = {group: [hull(direction(*members[k].sky())) for k in group if len(members[k].sources)]
                for group in waiting} if fit.expand_refcat else {}  # fmt: skip
    first = _first(waiting, outlines) if by_overlap and len(waiting) > 2 else waiting[0]
    waiting.remove(first)
    reference = Catalogue(*_positions(members, first))
    _say(outcomes, first, "reference")
    covered = list(outlines.get(first, ()))
    while waiting:
        areas = [overlap(covered, outlines[group]) for group in waiting] if fit.expand_refcat else [1.0]
        group = waiting.pop(int(np.argmax(areas)) if by_overlap else 0)
        area = areas[int(np.argmax(areas)) if by_overlap else 0]
        matched = _align(members, group, reference, fit, match, outcomes)
        if fit.expand_refcat and (outcomes[group[0]].status == "aligned" or not area):
            ra, dec = _positions(members, group)
            new = np.setdiff1d(np.arange(len(ra)), matched)
            reference.add(ra[new], dec[new])
            covered += outlines[group]
    return outcomes


def _first(groups: list, outlines: dict):
    """Return, of the two groups that overlap most, the one that overlaps more with all others."""
    area = np.zeros((len(groups),) * 2)
    for j in range(len(groups)):
        for i in range(j):
            area[i, j] = area[j, i] = overlap(outlines[groups[i]], outlines[groups[j]])
    i, j = np.unravel_index(area.argmax(), area.shape)
    return groups[i] if area[i].sum() >= area[j].sum() else groups[j]


def absolute(members: list[Member], reference: Catalogue, fit: Fit, match: Match) -> list[Outcome]:
    """Align all exposures together, as they lie relative to each other, with a catalogue."""
    outcomes = [Outcome(reason="no sources") for _ in members]
    if any(len(member.sources) for member in members):
        _align(members, tuple(range(len(members))), reference, fit, match, outcomes, together=True)
    return outcomes


def small(members: list[Member], match: Match) -> bool:
    """Say whether no corner of an exposure has moved by more than twice what matching allows for."""
    most = match.searchrad if match.use2dhist else max(abs(match.xoffset), abs(match.yoffset))
    limit = 2 * np.radians((most + match.tolerance) / 3600)
    for member in members:
        now = member.corners()
        plane, member.plane = member.plane, member.before
        before = member.corners()
        member.plane = plane
        if not (np.linalg.norm(now - before, axis=0) < limit).all():
            return False
    return True


def _say(outcomes: list[Outcome], group, status: str, reason: str = "") -> None:
    for k in group:
        outcomes[k].status, outcomes[k].reason = status, reason


def _positions(members: list[Member], group) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination of the sources of a group."""
    return tuple(np.concatenate(column) for column in zip(*(members[k].sky() for k in group)))


def _together(places: np.ndarray, owner: np.ndarray, distance: float) -> np.ndarray:
    """Return which star each of the sources at (n, 2) places is of: those of different exposures that lie together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    ahead = np.flatnonzero(np.isfinite(places).all(axis=1))
    pairs = ahead[KDTree(places[ahead]).query_pairs(distance, output_type="ndarray")]
    pairs = pairs[owner[pairs[:, 0]] != owner[pairs[:, 1]]]
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(places),) * 2)
    return connected_components(links, directed=False)[1]


def _means(places: np.ndarray, star: np.ndarray) -> np.ndarray:
    """Return the mean place of the sources of each star, (m, 2)."""
    return np.stack([np.bincount(star, column) for column in places.T], axis=1) / np.bincount(star)[:, None]


def _align(
    members, group, reference: Catalogue, fit: Fit, match: Match, outcomes, together: bool = False
) -> np.ndarray:  # fmt: skip
    """Align a group with a reference, if that can be; return which of its sources are matched.

    With `together`, sources of several exposures that are of one star count as one, at their mean place. (Matching
    takes one of sources that lie close to each other, the first from below, which is not where the star is.)
    """
    nothing = np.zeros(0, int)
    there = members[group[0]]
    ours, theirs = (there.project(*p).T for p in (_positions(members, group), (reference.ra, reference.dec)))
    star = np.arange(len(ours))
    if together:
        owner = np.repeat(np.arange(len(group)), [len(members[k].sources) for k in group])
        star = _together(ours, owner, _SAME * there.scale())
        ours = _means(ours, star)
    try:
        known, found = matching.matched(theirs, ours, there.scale(), **dataclasses.asdict(match))
    except matching.ConfusedError as error:
        _say(outcomes, group, "failed", str(error))
        return nothing
    least = max(fit.minobj, LEAST[fit.fitgeometry])
    if len(found) < least:
        _say(outcomes, group, "failed", f"{len(found)} matches, fewer than minobj = {least}")
        for k in group:
            outcomes[k].fit = {"n_matches": len(found)}
        return nothing
    weight = None if reference.weight is None else reference.weight[known]
    try:
        made = matching.fitted(theirs[known], ours[found], weight, fit.fitgeometry, fit.nclip, fit.sigma)
    except matching.ConfusedError as error:
        _say(outcomes, group, "failed", str(error))
        return nothing
    for k in group:
        members[k].correct(there, made["matrix"], made["shift"])
    # From stars back to their sources.
    row = np.full(len(ours), -1)
    row[found] = np.arange(len(found))
    matched = np.flatnonzero(row[star] >= 0)
    _report(members, group, made, matched, row[star[matched]], reference, known, outcomes)
    return matched


def _report(members, group, made, matched, row, reference: Catalogue, known, outcomes) -> None:
    """Write down the fit of a group, and the residuals of its sources: `row` is the match that each source is of."""
    used = made["used"]
    fit = {**made, "n_matches": len(known), "n_used": int(used.sum()), "shift_x": made["shift"][0],
           "shift_y": made["shift"][1]}  # fmt: skip
    first = 0
    for k in group:
        member, outcome = members[k], outcomes[k]
        last = first + len(member.sources)
        own = (matched >= first) & (matched < last)
        source, match = matched[own] - first, row[own]
        ra, dec = (c[source] for c in member.sky())
        residual = np.zeros(len(source), RESIDUAL)
        residual["source"], residual["used"] = source, used[match]
        east = np.remainder(ra - reference.ra[known[match]] + 180, 360) - 180
        residual["east"] = east * np.cos(np.radians(dec)) * 3600e3
        residual["north"] = (dec - reference.dec[known[match]]) * 3600e3
        outcome.status, outcome.reason, outcome.fit = "aligned", "", fit
        outcome.matches.append(residual)
        first = last
