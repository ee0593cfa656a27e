"""Putting superstripes together: what was read in turns becomes one frame, as if it had been read at once."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Ramp
from jwgpu.data.multistripe import Stripes
from jwgpu.errors import InputError
from jwgpu.step import note


def collate(ramp: Ramp) -> Ramp:
    """Return a ramp of whole frames, one integration for each turn of the superstripes.

    Stripes that are repeated within a frame become groups of their own, whose times go into the metadata. Rows that no
    stripe holds are NaN, with REFERENCE_PIXEL in `pixeldq`; rows of MSTR_RD1 are left out.
    """
    stripes = Stripes.of(ramp.meta, ramp.shape)
    n = ramp.n_superstripes
    if stripes is None or stripes.superstripes != n or ramp.n_integrations % n or ramp.superstripe(0):
        declared = 0 if stripes is None else stripes.superstripes
        raise InputError(
            f"{ramp.name}: {ramp.n_integrations} integrations from number "
            f"{ramp.meta.get('exposure.integration_start', 1)} on cannot be put together from {n} superstripes in turn "
            f"(SSTR_NST = {declared}); give all integrations of each turn together, or correct SSTR_NST and INTSTART"
        )
    xp = namespace(ramp.data)
    _, plane = stripes.window(ramp.shape)
    n_integrations, repeats = ramp.n_integrations // n, stripes.repeats
    shape = (n_integrations, ramp.n_groups * repeats, *plane)
    made = {
        "data": xp.full(shape, np.nan, dtype=np.float32),
        "groupdq": xp.zeros(shape, dtype=np.uint8),
        "pixeldq": xp.full(plane, PIXEL.REFERENCE_PIXEL, dtype=np.uint32),
    }
    if ramp.zeroframe is not None:
        made["zeroframe"] = xp.full((n_integrations, *plane), np.nan, dtype=np.float32)
    for repeat in range(repeats):
        for stripe in range(n):
            here, there = stripes.place(stripe, repeat)
            for name in ("data", "groupdq"):
                made[name][:, repeat::repeats][there] = getattr(ramp, name)[stripe::n][here]
            made["pixeldq"][there] = ramp.pixeldq[stripe][here]
            if ramp.zeroframe is not None:
                made["zeroframe"][there] = ramp.zeroframe[stripe::n][here]
    note(superstripes=n, repeats=repeats)
    meta = stripes.collated(ramp.meta, shape[1], ramp.shape)
    return ramp.replace(**made, meta=meta, tables={**ramp.tables, **_times(ramp, meta)})


def _times(ramp: Ramp, meta) -> dict[str, np.ndarray]:
    """Return the times of the new integrations, from the first stripe to the last, and those of the stripes."""
    old, n = ramp.tables.get("int_times"), ramp.n_superstripes
    if old is None or not len(old):
        return {}
    if len(old) % n:
        raise InputError(
            f"{ramp.name}: its table INT_TIMES has {len(old)} rows, which is not a multiple of its {n} superstripes; "
            "correct the table, or leave it out of the exposure's tables"
        )
    number = meta.get("exposure.integration_start") + np.arange(len(old) // n)
    new = old[::n].copy()
    new["integration_number"] = number
    for scale in ("MJD_UTC", "BJD_TDB"):
        start, mid, end = (f"int_{when}_{scale}" for when in ("start", "mid", "end"))
        new[end] = old[n - 1 :: n][end]
        new[mid] = (new[end] - new[start]) / 2 + new[start]
    fields = old.dtype.descr
    each = np.empty(len(old), [fields[0], ("stripe_number", "i4"), *fields[1:]])
    for name in old.dtype.names:
        each[name] = old[name]
    each["integration_number"] = np.repeat(number, n)
    each["stripe_number"] = np.arange(len(old)) % n + 1
    return {"int_times": new, "int_times_stripe": each}
