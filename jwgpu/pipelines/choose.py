"""The stage-1 pipeline of an exposure."""

from __future__ import annotations

from jwgpu import steps
from jwgpu.data import Exposure, Ramp
from jwgpu.errors import InputError
from jwgpu.pipelines import table
from jwgpu.pipelines.core import Call, Pipeline
from jwgpu.pipelines.origins import CODE
from jwgpu.provenance import state_path


def detector1(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a ramp to rates, for the detector `ramp` was read from.

    Parameters
    ----------
    ramp : Ramp, optional
        Decides between the near-infrared and the MIRI order of steps; near-infrared without it.
    """
    return _pipeline("detector1, MIRI" if _is_miri(ramp) else "detector1, near-infrared")


def dark(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a dark exposure to a corrected ramp, of which dark references are made.

    Parameters
    ----------
    ramp : Ramp, optional
        As for `detector1`.
    """
    return _pipeline("dark, MIRI" if _is_miri(ramp) else "dark, near-infrared")


def guider(ramp: Ramp | None = None) -> Pipeline:
    """Return the pipeline from a guider exposure to calibrated count-rate images, the same for every guider mode."""
    return _pipeline("guider")


def choose(ramp: Ramp) -> Pipeline:
    """Return the stage-1 pipeline that belongs to the EXP_TYPE and instrument of `ramp`.

    For a ramp that has been through some of the steps, it starts after the last of them: no correction is applied
    twice.

    Raises
    ------
    InputError
        For a rate or another product that is past these steps.
    """
    pipeline = _of(ramp)
    names = pipeline.names()
    here = {record.step for record in ramp.history if record.status == "COMPLETE"}
    done = [name for name in names if name in here or ramp.meta.get(state_path(name)) == "COMPLETE"]
    rest = names[names.index(done[-1]) + 1 :] if done else names
    if not isinstance(ramp, Ramp) or not rest:
        raise InputError(
            f"{ramp.name} has been through stage 1 already ({', '.join(done) or 'not a ramp'}); give a raw exposure "
            "(_uncal.fits) or a ramp"
        )
    return pipeline.from_(rest[0])


def single(name: str, exposure: Exposure) -> Pipeline:
    """Return a pipeline of one step, for what the parameter files of the exposure's own pipeline say of it.

    Parameters
    ----------
    name : str
        The step, whether it stands in the pipeline of the exposure or not.
    exposure : Ramp or Image
    """
    return Pipeline(_of(exposure).name, (Call(steps.get(name)),))


def _of(exposure: Exposure) -> Pipeline:
    exp_type = str(exposure.meta.exposure.type).upper()
    made = guider if exp_type in table.GUIDER_MODES else dark if exp_type in table.DARK_MODES else detector1
    return made(exposure)


def _is_miri(ramp: Ramp | None) -> bool:
    return ramp is not None and str(ramp.meta.instrument.name).upper() == "MIRI"


def _pipeline(label: str) -> Pipeline:
    name, order = table.TABLES[label]
    off = {True: {"skip": CODE}, False: {}}
    calls = [Call(steps.get(step), skip=step in table.OFF, origins=off[step in table.OFF]) for step in order]
    return Pipeline(name, tuple(calls))
