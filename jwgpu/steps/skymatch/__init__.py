"""Measure the sky of exposures, and bring them to one level."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import Exposures, Image, Reference
from jwgpu.data.flags import usable
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.sky_level import Level, Statistic, level
from jwgpu.step import Skip, note, progress, step
from jwgpu.steps.skymatch import match, plane, user
from jwgpu.steps.skymatch.regions import Outline, inside, whole

Matching = Literal["offset", "plane"]
_WHY_NOT = {
    "match": "no two exposures overlap where they have usable pixels",
    "one": "no other exposure overlaps it where both have usable pixels",
    "alone": "no usable pixels",
}

Method = Literal["local", "global", "match", "global+match", "user"]


@step(unit=None, wanted={"skylist": lambda images, parameters: parameters["skymethod"] == "user"})
def skymatch(
    images: Exposures,
    skylist: Reference | None = None,
    *,
    skymethod: Method = "match",
    match_down: bool = True,
    subtract: bool = False,
    stepsize: int | None = None,
    dqbits: str | None = "~DO_NOT_USE+NON_SCIENCE",
    statistic: Statistic = Statistic(),
    matching: Matching = "offset",
) -> Exposures:
    """Measure the sky of exposures, and find the levels that bring them together.

    Exposures taken at the same time are a group and get one level. The methods:

    `local`
        Each group has a level of its own: the lowest of its exposures.
    `global`
        All have the lowest of those.
    `match`
        Levels even out the differences between groups where they overlap, in the sense of least squares. The lowest
        is 0; with `match_down` off, the highest.
    `global+match`
        The differences of `match`, and in addition the lowest level that is left once they are taken off.
    `user`
        Levels from a list.

    Where two groups overlap, each exposure of the one is measured in the pixels that lie in an exposure of the other;
    those of a group are averaged, weighted with the number of pixels. A measurement takes the values within `lower`
    .. `upper` that sigma clipping leaves (see `numerics.sky_level`). With s_ij the level of group i where j sees it
    too, and w the mean number of their pixels there, the levels d of `match` are those with the least::

        Q = sum_ij w**2 ((d_i - d_j) - (s_ij - s_ji))**2

    Parameters
    ----------
    images : Exposures
        `data` (y, x), `dq`, `wcs` of each. Levels that were subtracted before (`meta.background`) are added to.
    skylist : Reference, optional
        Of the method `user`: a text file with a name and a level on each line, one for each exposure, in the order of
        your choice. Only you can give it.
    skymethod : {"match", "global+match", "global", "local", "user"}
    match_down : bool
        Whether the lowest of the exposures is the one that stays as it is.
    subtract : bool
        Take the level off the data. Otherwise it is only noted, for `outlier_detection` and `resample` to take off.
    stepsize : int, optional
        Pixels between vertices along the edge of an exposure, for outlines that distortion bends; corners alone where
        it is not given.
    dqbits : str, optional
        Flags that a pixel may have: names or values joined by `+`, after `~` all but those. None lets all pass. What
        is not finite never counts.
    statistic : Statistic
        `skystat` "mode", "median", "midpt" or "mean" of the values; `lower`, `upper` limits of the values, in the unit
        of the data; `nclip` how often is clipped at `lsigma` below and `usigma` above the mean; `binwidth` of the
        histogram that mode and midpt are read from, in standard deviations.

    matching : {"offset", "plane"}
        Of the methods with `match`: "plane" evens out skies that are tilted against each other. A tilt does not fit
        into a header: it is taken off the data at once, whether `subtract` is on or not, and the level is that in the
        middle of the exposure. Levels are then means of the medians of blocks of 16 x 16 pixels, compared in pieces of
        sky of 4 x 4 blocks, and `skystat` and the like serve the global part alone. A tilt that all have stays.

    Returns
    -------
    Exposures
        With `meta.background.level`, `meta.background.method` and `meta.background.subtracted`, and the level taken
        off `data` where that is asked for. An exposure whose level cannot be told (no overlap, no usable pixel) stays
        as it is.

    Raises
    ------
    InputError
        An exposure has no WCS or more than one plane, its header is at odds with itself or with `subtract`, a number
        or a flag cannot be, or the list lacks an exposure.

    Skips when
    ----------
    No level can be told: no two groups overlap (`match`), or no exposure has a usable pixel.

    Differs from jwst
    -----------------
    Whether exposures wait in memory or in files is a matter of the set, not of a parameter `in_memory`. `lower` and
    `upper` refer to the data as they come in, also where `subtract` and `global+match` measure after matching. An
    exposure without usable pixels does not fail the methods `global` and `local`. The midpt of values in a single bin
    is their median, not their number. The official step has no planes.
    """
    _check(images, subtract, statistic)
    tilts: dict = {}
    if skymethod == "user":
        total = np.array(user.levels(images, skylist))
    else:
        outlines = [Outline.of(image, stepsize) for image in images]
        groups = images.groups()
        tilted = matching == "plane" and "match" in skymethod
        paired, alone = _levels(images, groups, outlines, skymethod, dqbits, statistic, pairs=not tilted)
        matched = np.full(len(images), np.nan)
        if tilted:
            matched, tilts = _planes(images, groups, outlines, dqbits)
        elif "match" in skymethod:
            note(overlaps=len(paired) // 2, sets=match.sets(paired, len(groups)))
            for value, group in zip(match.differences(paired, len(groups)), groups):
                matched[list(group)] = value
        total = _combine(matched, alone, groups, skymethod, match_down)
    if np.isnan(total).all():
        raise Skip(_WHY_NOT["match" if skymethod == "match" else "alone"])
    before = [m.meta.get("background.level", 0.0) if subtract and skymethod != "user" else 0.0 for m in images]
    note(levels=[None if np.isnan(v) else float(v) for v in total])
    if (left := np.flatnonzero(np.isnan(total))).size:
        note(left_out={str(k): _WHY_NOT["one" if skymethod == "match" else "alone"] for k in left})
    return images.with_members(
        _with_level(images, k, before[k], float(total[k]), skymethod, subtract, tilts.get(k))
        for k in range(len(images))
    )


def _check(images: Exposures, subtract: bool, statistic: Statistic) -> None:
    """Refuse numbers that cannot be, and headers that tell of another way of matching before this one."""
    if statistic.nclip < 0 or min(statistic.lsigma, statistic.usigma, statistic.binwidth) <= 0:
        raise InputError("skymatch: nclip is 0 or more, and lsigma, usigma and binwidth are more than 0")
    for image in images:
        done, known = image.meta.background.subtracted, image.meta.background.level
        if (done is None) != (known is None):
            raise InputError(
                f"{image.name} has a background level or says whether one was subtracted, but not both; set both "
                "meta.background.level and meta.background.subtracted, or neither"
            )
        if done is not None and done != subtract:
            raise InputError(
                f"the level of {image.name} was {'' if done else 'not '}subtracted before; go on with "
                f"subtract={bool(done)}, or start from the exposure as it was"
            )


def _levels(images: Exposures, groups, outlines, method: str, dqbits, statistic, pairs: bool) -> tuple[dict, dict]:
    """Return levels of (group, other group) where they overlap, and of each exposure as a whole."""
    group_of = {member: a for a, group in enumerate(groups) for member in group}
    measured: dict[tuple[int, int], list[Level]] = {}
    alone: dict[int, Level] = {}
    for k in range(len(images)):
        seen = {}
        if "match" in method and pairs:
            for b, other in enumerate(groups):
                runs = [run for m in other for run in outlines[k].seen_by(outlines[m])] if b != group_of[k] else []
                seen |= {b: runs} if runs else {}
        if not seen and method == "match":
            continue
        values = _values(images, k, dqbits)
        for b, runs in seen.items():
            measured.setdefault((group_of[k], b), []).append(level(inside(values, runs), statistic))
        if method != "match":
            alone[k] = level(whole(values), statistic)
        progress((k + 1) / len(images))
    return {pair: match.together(found) for pair, found in measured.items()}, alone


def _planes(images: Exposures, groups, outlines, dqbits) -> tuple[np.ndarray, dict]:
    """Return the values of planes in the middle of each exposure, and what gives its tilt."""
    sky = plane.Sky.around(outlines)
    found = [plane.cells(_values(images, k, dqbits), outlines[k], sky) for k in range(len(images))]
    values, tilts = np.full(len(images), np.nan), {}
    for fitted, group in zip(plane.fit(found, groups), groups):
        for k in group if np.isfinite(fitted).all() else ():
            values[k] = plane.middle(fitted, outlines[k], sky)
            tilts[k] = functools.partial(plane.tilt, fitted, outlines[k], sky)
    return values, tilts


def _values(images: Exposures, k: int, dqbits: str | None):
    """Return the data of a member with infinity for what is not to be used."""
    data, dq = images.rows(k, "data"), images.rows(k, "dq")
    xp = namespace(data)
    values = xp.empty(data.shape, np.float32)

    def fill(rows):
        good = xp.isfinite(data[rows])
        if dq is not None:
            good &= usable(dq[rows], dqbits)
        values[rows] = xp.where(good, data[rows], np.float32(np.inf))

    over_rows(fill, data)
    return values


def _combine(matched: np.ndarray, alone: dict, groups, method: str, match_down: bool) -> np.ndarray:
    """Return the level of each exposure, NaN where none can be told."""
    own = np.full(len(matched), np.nan)
    for group in groups:
        known = [alone[k].value for k in group if k in alone and alone[k].value is not None]
        own[list(group)] = min(known, default=np.nan)
    total = matched
    if not np.isnan(total).all():
        total = total - (np.nanmin(total) if match_down else np.nanmax(total))
    if method == "local":
        return own
    if "global" in method and not np.isnan(own).all():
        total = np.where(np.isnan(total), 0, total)
        total = total + np.nanmin(own - total)
    return total


def _with_level(images: Exposures, k: int, before: float, value: float, method: str, subtract: bool, tilt) -> Image:
    """Return a member with its level noted, and taken off where that is asked for; a tilt is taken off in any case."""
    image = images[k]
    if np.isnan(value):
        return image
    words = {
        "background.level": before + value, "background.method": method, "background.subtracted": subtract,
    }  # fmt: skip
    if not subtract and tilt is None:
        return image.replace(meta=image.meta.set(words))
    image = images.load(k)
    data = image.own("data")
    if subtract:
        data -= np.float32(value)
    if tilt is not None:
        data -= tilt(data)
    return images.put(image.replace(data=data, meta=image.meta.set(words)), k)
