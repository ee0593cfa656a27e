"""MIRI: four amplifiers that read every fourth column each, with reference pixels at the left and the right."""

from __future__ import annotations

import itertools

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Ramp
from jwgpu.data.detector import AMPLIFIERS
from jwgpu.numerics.blocks import over_planes
from jwgpu.numerics.stripes import clipped_mean
from jwgpu.step import Skip, note

FULL = (1024, 1032)
N = len(AMPLIFIERS)


def correct(ramp: Ramp, odd_even_rows: bool, siglimit: float) -> Ramp:
    """Return the ramp without the drifts of its amplifiers since the first group; see the step."""
    if ramp.shape[-2:] != FULL and ramp.meta.get("subarray.name") != "FULL":
        raise Skip("reference pixels of MIRI subarrays are not used")
    xp = namespace(ramp.data)
    parts = (slice(0, None, 2), slice(1, None, 2)) if odd_even_rows else (slice(None),)
    right = ramp.shape[-1] - N
    usable = (ramp.pixeldq & PIXEL.DO_NOT_USE) == 0
    border = xp.concatenate([usable[:, :N], usable[:, right:]], axis=1)
    lacking = sum(~border[rows].any(axis=0).all() for rows in parts)
    if bool(lacking):
        raise Skip("an amplifier has no usable reference pixel in the rows of one parity at one side")
    note(side_pixels=int(border.sum()))
    data = ramp.own("data")
    for integration in data:
        edge = xp.concatenate([integration[:, :, :N], integration[:, :, right:]], axis=2)
        edge = xp.where(border, edge[1:] - edge[:1], xp.nan)
        drifts = xp.empty((edge.shape[0], len(parts), N))
        for (number, rows), amplifier in itertools.product(enumerate(parts), range(N)):
            sides = [clipped_mean(edge[:, rows, column], siglimit) for column in (amplifier, N + amplifier)]
            drift = 0.5 * (sides[0] + sides[1])
            drifts[:, number, amplifier] = xp.where(xp.isfinite(drift), drift, 0)
        along_x = drifts[:, :, xp.arange(ramp.shape[-1]) % N]

        def subtract(group, later=integration[1:], along_x=along_x):
            for rows, offset in zip(parts, along_x[group]):
                later[group, rows] -= offset

        over_planes(subtract, along_x)
    return ramp.replace(data=data)
