"""One call of a pipeline on one exposure, or piece of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from jwgpu.data import Exposure, Exposures, Image
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, left_out
from jwgpu.provenance import Record
from jwgpu.step import Step, byproducts


def leave_out(call, exposure: Exposure) -> Exposure:
    """Return the exposure with the record that a step was left out."""
    return exposure.recorded(Record(step=call.name, status="SKIPPED", reason=left_out(call.origin("skip"))))


def takes(call, exposure: Exposure) -> bool:
    """Say whether the step of `call` works on such an exposure; of a plain function nobody knows."""
    return not isinstance(call.step, Step) or isinstance(exposure, call.step.nouns)


def apply(
    call, name: str, exposure: Exposure, arguments, roles: Mapping[str, Exposures] | None = None
) -> tuple[dict[str, Exposure], dict[str, Exposure]]:
    """Run the step of `call` on the exposure that is called `name`, with its references and other exposures by role.

    Returns
    -------
    outcome : dict
        Exposures by name: that of the exposure, or those of the products of a step that makes several, or both the
        exposure and what the step makes beside it.
    beside : dict
        By-products by name.
    """
    others = {role: those for role, those in (roles or {}).items() if role in call.roles}
    with byproducts() as beside:
        made = call.step(exposure, **dict(zip(call.references, arguments)), **others, **call.parameters)
    # Of the product of each integration, as `rateints` is beside `rate`.
    beside = {f"{key}ints" if name == "rateints" else key: noun for key, noun in beside.items()}
    made = _attributed(made, call)
    if not isinstance(call.step, Step) and isinstance(made, Exposure):
        origins = {key: call.origin(key) for key in call.parameters}
        made = made.recorded(Record(step=call.name, parameters=dict(call.parameters), origins=origins))
    if call.beside and made.history[-1].status == "COMPLETE":
        return {name: exposure, call.beside: made}, beside
    if isinstance(made, Image) and name == "ramp":
        return {"image": made}, beside
    if isinstance(made, Exposure):
        return {name: made}, beside
    if hasattr(made, "_fields"):
        return {field: noun for field, noun in zip(made._fields, made) if noun is not None}, beside
    raise InputError(f"step {call.name} returned {type(made).__name__}, not an exposure")


def _attributed(made, call):
    """Say in the record that a step has just left who set its parameters."""
    parameters = call.step.parameters if isinstance(call.step, Step) else ()
    origins = {name: origin for name in parameters if (origin := call.origin(name)) != CODE}
    if not origins or made is None:
        return made
    if hasattr(made, "_fields"):
        return type(made)(*(_attributed(noun, call) for noun in made))
    *before, last = made.history
    return made.replace(history=(*before, dataclasses.replace(last, origins=origins)))
