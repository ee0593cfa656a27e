"""The stage-1 pipeline of an exposure."""

from __future__ import annotations

from jwgpu import steps
from jwgpu.data import Ramp
from jwgpu.errors import InputError
from jwgpu.pipelines import table
from jwgpu.pipelines.core import Call, Pipeline
from jwgpu.provenance import state_path


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
    """Return the stage-1 pipeline that belongs to the EXP_TYPE and instrument of `ramp`.

    For a ramp that has been through some of the steps, it starts after the last of them: no correction is applied
    twice.

    Raises
    ------
    InputError
        For a rate or another product that is past these steps.
    """
    pipeline = guider(ramp) if str(ramp.meta.exposure.type).upper() in table.GUIDER_MODES else detector1(ramp)
    done = [name for name in pipeline.names() if ramp.meta.get(state_path(name)) == "COMPLETE"]
    if not isinstance(ramp, Ramp) or done[-1:] == pipeline.names()[-1:]:
        raise InputError(
            f"{ramp.name} has been through stage 1 already ({', '.join(done) or 'not a ramp'}); give a raw exposure "
            "(_uncal.fits) or a ramp"
        )
    return pipeline.from_(pipeline.names()[pipeline.names().index(done[-1]) + 1]) if done else pipeline


def _pipeline(name: str, names: tuple[str, ...]) -> Pipeline:
    return Pipeline(name, tuple(Call(steps.get(step)) for step in names))
