"""A small simulated case in which a step has something to do."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from jwgpu import pipelines, simulate
from jwgpu.data import Exposure, Exposures, Image
from jwgpu.diagnostics import dithered
from jwgpu.pipelines.core import Call
from jwgpu.step import Skip, Step

_MODES = ("nircam", "miri", "nircam_ipc", "miri_emi", "fgs_acq1", "nirspec_sub", "nirspec_picture_frame")
_PARAMETERS = {"persistence": {"persistence_time": 300}, "charge_migration": {"signal_threshold": 5000.0}}
"""Without which these steps have nothing to do on small cases."""


def _wrongly_averaged(ramp):
    """Return the ramp as it would come from five frames to a group whose sum is divided by eight on board."""
    told = {"exposure.nframes": 5, "exposure.frame_divisor": 8}
    return ramp.replace(data=ramp.data * np.float32(5 / 8), meta=ramp.meta.set(told))


_AMISS = {"group_scale": _wrongly_averaged}
"""What these steps put right, which no small case has."""


@dataclasses.dataclass(frozen=True)
class Example:
    """What went into a step and what came out, of which kind of exposure, and the truth where it is told."""

    mode: str
    before: Exposure
    after: Exposure
    truth: object = None


def example(step: Step) -> Example | None:
    """Return a case in which the step is complete; None where there is none among the small ones."""
    if (case := dithered.case(step)) is not None:
        return Example("dithered", *case)
    for mode in _MODES:
        made, chain = _chain(mode)
        names = [call.name for call in chain.calls]
        if step.name not in names and Exposures in step.nouns:
            continue
        found = _at(step, made, chain)
        if found is not None:
            return Example(mode, *found)
    return None


@functools.lru_cache(maxsize=len(_MODES))
def _chain(mode: str):
    made = simulate.tiny(mode)
    return made, pipelines.choose(made.ramp)


def _at(step: Step, made, chain):
    names = chain.names()
    if step.name in names:
        position = names.index(step.name)
        first = dataclasses.replace(chain, calls=chain.calls[:position])
    elif Image in step.nouns:
        first = chain
    else:
        return None
    before = made.ramp
    if first.calls:
        products = first.run(before, made.references, progress=False).products
        before = next(iter(products.values()))
    if step.name not in names:  # of stage 2: whatever of it comes before
        later = pipelines.image2(before)
        calls = later.calls[: later.names().index(step.name)] if step.name in later.names() else later.calls
        products = (
            dataclasses.replace(later, calls=calls).run(before, made.references, progress=False).products
            if calls
            else {}
        )
        before = next(iter(products.values()), before)
    if not isinstance(before, step.nouns):
        return None
    before = _AMISS.get(step.name, lambda noun: noun)(before)
    call = Call(step).set(**_PARAMETERS.get(step.name, {}))
    arguments = {k: made.references.get(k) for k in step.references if call.wants(k, before)}
    try:
        after = step(before, **arguments, **call.parameters)
    except (Skip, ValueError, TypeError):
        return None
    after = after if isinstance(after, Exposure) else after[0]
    return (before, after) if after.history[-1].status == "COMPLETE" else None
