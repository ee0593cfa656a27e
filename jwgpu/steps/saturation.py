"""Flag groups whose well is full, and readings at the floor of the converter."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import GROUP, PIXEL, Ramp, Reference
from jwgpu.data.irs2 import is_irs2, science_rows
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.masks import grow
from jwgpu.step import count, step

# One above the highest number that the 16-bit converter gives: a threshold no reading reaches.
_UNREACHABLE = np.float32(65536)


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    # What spreads to neighbours makes the group before suspect, which spreads again.
    flags = GROUP.SATURATED | GROUP.DO_NOT_USE | GROUP.AD_FLOOR
    return Cut("rows", halo=2 * parameters["n_pix_grow_sat"], sets=int(flags))


@step(unit="DN", streams=_cut, superstripes=True)
def saturation(
    ramp: Ramp,
    saturation: Reference,
    superbias: Reference | None = None,
    *,
    n_pix_grow_sat: int = 1,
    use_readpatt: bool = True,
) -> Ramp:
    """Flag saturated groups and the readings at or below zero.

    With the threshold t of a pixel, and k the first group that reaches it::

        groupdq[j] = groupdq[j] | SATURATED        j >= k        S[k] >= t

    1. From the first group in which a pixel reaches its threshold, this and every later group is SATURATED, and so
       are the `n_pix_grow_sat` rows of neighbours around it, into which charge spills.
    2. A reading <= 0 is AD_FLOOR and DO_NOT_USE, in its own group only.
    3. A group is the mean of n frames, so one whose last frames saturated can lie below the threshold t. Where the
       next group is saturated and this one is above t * (mean frame number / last frame number), the value a ramp
       that reaches t in the last frame would have, this group and its neighbours are DO_NOT_USE.
    4. In the second group, a late hit of a cosmic ray can hide deeper still. If the ramp of the first group would
       not have brought the third one to saturation, the third one is saturated, and the step from the first to
       the second is larger than (t - first) / n, the second group is DO_NOT_USE.

    In NIRSpec IRS2 format the rules see the science pixels as if they lay side by side; the reference pixels between
    them get no flags. As officially, three things are other there: SATURATED flags that were there before do not
    spread, rule 3 is left out, and rule 4 makes the second group SATURATED, with neighbours, where the third group
    itself reaches the threshold.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), `zeroframe` (integration, y, x), DN, as read: bias still in.
    saturation : Reference
        `data` (y, x): threshold t, DN. NaN, or NO_SAT_CHECK in `dq`: the pixel is not checked. For IRS2, of the
        science pixels alone; for superstripes, one plane each.
    superbias : Reference, optional
        `data` (y, x), DN, for rule 4; 0 without it. For IRS2, in that format; for superstripes, one plane each.
    n_pix_grow_sat : int
        Neighbours flagged on every side; 1 flags eight.
    use_readpatt : bool
        Apply rules 3 and 4, which need the number of frames of a group (`meta.exposure.nframes`).

    Returns
    -------
    Ramp
        `groupdq` with the flags above; `pixeldq` with those of the reference, and NO_SAT_CHECK where the threshold
        is NaN; `zeroframe` 0 where it is saturated (with neighbours) or at the floor.

    Raises
    ------
    InputError
        For a negative `n_pix_grow_sat`; where a reference has another shape than the exposure, or the number of
        frames is needed and not given; where an IRS2 frame has its fast axis along x.

    Skips when
    ----------
    There is no saturation reference for the exposure.
    """
    xp = namespace(ramp.data, saturation.data)
    if n_pix_grow_sat < 0:
        raise InputError(f"saturation.n_pix_grow_sat = {n_pix_grow_sat}: expected 0 or more")
    rows = science_rows(ramp.meta, ramp.shape, xp) if is_irs2(ramp.meta, ramp.shape) else None
    shape = ramp.pixeldq.shape if rows is None else (rows.size, ramp.shape[-1])
    flags = saturation.check_shape("dq", shape)
    threshold = saturation.check_shape("data", shape)
    undefined = xp.isnan(threshold)
    unchecked = undefined | ((flags & PIXEL.NO_SAT_CHECK) != 0)
    threshold = xp.where(unchecked, _UNREACHABLE, threshold)
    flags = flags | xp.where(undefined, PIXEL.NO_SAT_CHECK, np.uint32(0))
    pixeldq = ramp.own("pixeldq")
    if rows is None:
        pixeldq |= flags
    else:
        pixeldq[rows] |= flags
    n_frames = int(ramp.meta.require("exposure.nframes", "saturation with use_readpatt")) if use_readpatt else 1
    bias = None if superbias is None else superbias.check_shape("data", ramp.pixeldq.shape)

    groupdq = ramp.own("groupdq")
    full = xp.zeros(shape, dtype=bool)
    late = use_readpatt and ramp.n_groups > 2
    for integration, (data, dq) in enumerate(zip(ramp.data, groupdq)):
        if rows is not None:
            offset = bias[rows] if late and bias is not None else None
            full |= _irs2(xp, data, dq, rows, threshold, offset, n_frames if late else 0, n_pix_grow_sat)
            continue
        limit = ramp.plane(threshold, integration)
        reached = ramp.plane(full, integration)
        reached |= _threshold_pass(xp, data, dq, limit, n_pix_grow_sat)
        if n_frames > 1:
            _average_pass(xp, data, dq, limit, ramp.plane(unchecked, integration), n_frames, n_pix_grow_sat)
        if late:
            there = ((dq[2] & GROUP.SATURATED) != 0) & ((dq[1] & GROUP.SATURATED) == 0)
            offset = None if bias is None else ramp.plane(bias, integration)
            late_hits = _late_hits(xp, data[0], data[1], there, limit, offset, n_frames)
            dq[1] |= late_hits.astype(np.uint8) * GROUP.DO_NOT_USE
    count(saturated_pixels=full, unchecked_pixels=unchecked)
    zeroframe = None
    if ramp.zeroframe is not None:
        zeroframe = ramp.own("zeroframe")
        for integration, frame in enumerate(zeroframe):
            if rows is None:
                _clear(frame, ramp.plane(threshold, integration), n_pix_grow_sat)
            else:
                frame[rows] = _clear(frame[rows], threshold, n_pix_grow_sat)
    return ramp.replace(groupdq=groupdq, pixeldq=pixeldq, zeroframe=zeroframe)


def _threshold_pass(xp, data, dq, threshold, n_grow):
    """Apply rules 1 and 2 to one integration; return the pixels that are saturated in its last group."""
    # Flags that were there before count and grow too, in their own group.
    given = ((flags & GROUP.SATURATED) != 0 for flags in dq)
    given = [mask if bool(mask.any()) else None for mask in given]
    full = xp.zeros(threshold.shape, dtype=bool)

    def flag(rows):
        near, own = _with_neighbours(rows, n_grow, len(threshold))
        reached = xp.zeros(threshold[near].shape, dtype=bool)
        for plane, flags, before in zip(data, dq, given):
            reached |= plane[near] >= threshold[near]
            here = grow(reached if before is None else reached | before[near], n_grow)[own]
            flags[rows] |= here.astype(np.uint8) * GROUP.SATURATED
            flags[rows] |= (plane[rows] <= 0).astype(np.uint8) * (GROUP.AD_FLOOR | GROUP.DO_NOT_USE)
        full[rows] = here

    over_rows(flag, data)
    return full


def _with_neighbours(rows: slice, n: int, n_rows: int) -> tuple[slice, slice]:
    """Return some rows with `n` more on either side, as far as there are, and the rows themselves within those."""
    near = slice(max(rows.start - n, 0), min(rows.stop + n, n_rows))
    return near, slice(rows.start - near.start, rows.stop - near.start)


def _average_pass(xp, data, dq, threshold, unchecked, n_frames, n_grow):
    """Apply rule 3 to one integration. Few pixels saturate in the next group, so only those are looked at."""
    closed = GROUP.SATURATED | GROUP.DO_NOT_USE
    suspect = xp.zeros((data.shape[0] - 1, *threshold.shape), dtype=bool)

    def look(rows):
        for group in range(data.shape[0] - 1):
            frames = _frame_numbers(group, n_frames)
            candidate = (dq[group, rows] & closed) == 0
            candidate &= (dq[group + 1, rows] & GROUP.SATURATED) != 0
            candidate &= ~unchecked[rows]
            at = xp.flatnonzero(candidate)
            # The threshold is scaled in float64: rounded to float32, it can pass the reading it is compared with.
            limit = threshold[rows].reshape(-1)[at].astype(np.float64) * (frames.mean() / frames[-1])
            suspect[group, rows].reshape(-1)[at] = data[group, rows].reshape(-1)[at] >= limit

    def flag(rows):
        near, own = _with_neighbours(rows, n_grow, len(threshold))
        for group, found in enumerate(suspect):
            if bool(found[near].any()):
                dq[group, rows] |= grow(found[near], n_grow)[own].astype(np.uint8) * GROUP.DO_NOT_USE

    over_rows(look, data)
    over_rows(flag, data)


def _late_hits(xp, first, second, saturated, threshold, bias, n_frames):
    """Return where rule 4 holds, of the pixels that are `saturated` in the third group."""
    y, x = xp.nonzero(saturated)
    before, after, limit = first[y, x], second[y, x], threshold[y, x]
    zero = np.float32(0) if bias is None else bias[y, x]
    # Extrapolated in float64, for the reason given above.
    slope = (before - zero).astype(np.float64) / _frame_numbers(0, n_frames).mean()
    calm = slope * _frame_numbers(2, n_frames)[-1] + zero < limit
    leap = after - before > (limit - before) / np.float32(n_frames)
    suspect = xp.zeros(threshold.shape, dtype=bool)
    suspect[y, x] = calm & leap
    return suspect


def _irs2(xp, data, dq, rows, threshold, bias, n_frames, n_grow):
    """Apply rules 1, 2 and, where `n_frames` is not 0, 4 to the science pixels, `rows`, of one integration."""
    reached = xp.zeros(threshold.shape, dtype=bool)
    full = reached
    for group, (plane, flags) in enumerate(zip(data, dq)):
        science = plane[rows]
        here = science >= threshold
        if group == 2 and n_frames:
            hits = _late_hits(xp, data[0][rows], data[1][rows], here, threshold, bias, n_frames)
            dq[1][rows] |= grow(hits, n_grow).astype(np.uint8) * GROUP.SATURATED
        reached |= here
        full = grow(reached, n_grow)
        new = full.astype(np.uint8) * GROUP.SATURATED
        new |= (science <= 0).astype(np.uint8) * (GROUP.AD_FLOOR | GROUP.DO_NOT_USE)
        flags[rows] |= new
    return full


def _frame_numbers(group: int, n_frames: int) -> np.ndarray:
    """Return the numbers, from 1, of the frames averaged into a group; frames dropped between groups do not count."""
    return np.arange(1, n_frames + 1, dtype=np.float64) + group * n_frames


def _clear(frame, threshold, n_grow):
    """Return the zero frame, changed in place, with 0, which stands for no value, where saturated or at the floor."""
    frame[grow(frame >= threshold, n_grow) | (frame <= 0)] = 0
    return frame
