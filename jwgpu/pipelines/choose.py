"""The stage-1 pipeline of an exposure."""

from __future__ import annotations

from jwgpu import steps
from jwgpu.data import Ramp
from jwgpu.pipelines import table
from jwgpu.pipelines.core import Call, Pipeline


def detector1(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a ramp to rates, for the detector `ramp` was read from.

    Parameters
    ----------
    ramp : Ramp, optional
        Decides between the near-infrared and the MIRI order of steps; near-infrared without it.
    """
    miri = ramp is not None and str(ramp.meta.instrument.name).upper() == "MIRI"
    return _pipeline("detector1", table.MIRI if miri else table.NEAR_INFRARED)


def guider(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a guider exposure to calibrated count-rate images, the same for every guider mode."""
    return _pipeline("guider", table.GUIDER)


def choose(ramp: Ramp) -> Pipeline:
    """Return the stage-1 pipeline that belongs to the EXP_TYPE and instrument of `ramp`."""
    if str(ramp.meta.exposure.type).upper() in table.GUIDER_MODES:
        return guider(ramp)
    return detector1(ramp)


def _pipeline(name: str, names: tuple[str, ...]) -> Pipeline:
    return Pipeline(name, tuple(Call(steps.get(step)) for step in names))
