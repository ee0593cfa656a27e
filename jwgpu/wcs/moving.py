"""Coordinates that go along with a moving target."""

from __future__ import annotations

import copy

from jwgpu.wcs.wcs import WCS

FRAME = "moving_target"


def follow(wcs: WCS, ra: float, dec: float) -> WCS:
    """Return a WCS that leads one frame further: to the sky moved by `ra` and `dec` (degrees).

    The last frame is called `moving_target`. A WCS that has it already loses it first.
    """
    from astropy.modeling.models import Shift
    from gwcs import WCS as GWCS

    pipeline = [(step.frame, step.transform) for step in wcs.gwcs.pipeline]
    if pipeline[-1][0].name == FRAME:
        pipeline.pop()
    *before, (world, _) = pipeline
    target = copy.deepcopy(world)
    target.name = FRAME
    return WCS(GWCS([*before, (world, Shift(ra) & Shift(dec)), (target, None)]))
