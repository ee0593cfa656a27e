"""The values of parameter references, taken over into a pipeline."""

from __future__ import annotations

import dataclasses

from jwgpu import steps
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import USER
from jwgpu.reference import References
from jwgpu.reference.parameters import ParameterFile, pipeline_kind, read, step_kind
from jwgpu.step import Parameter, ParameterError, Step

HOUSEKEEPING = frozenset(
    "pre_hooks post_hooks input_dir output_dir output_ext output_file output_use_index output_use_model "
    "search_output_file suffix maximum_cores prefetch_references update_hdrtab logcfg in_memory".split()
)
"""Parameters of every official step that, like all whose name begins with `save_`, say where files go and how many
processes run: nothing about the numbers."""


def with_parameters(pipeline, sources):
    """Apply parameter references (see `Pipeline.with_parameters`)."""
    own = pipeline_kind(pipeline.name)
    for source in sources:
        if isinstance(source, References):
            files = source.parameter_files([*map(step_kind, pipeline.names()), own])
        else:
            files = [source if isinstance(source, ParameterFile) else read(source)]
        for file in files:
            if file.kind.endswith("pipeline") and file.kind != own:
                raise InputError(
                    f"{file.name} holds parameters of type {file.kind}, and this is the pipeline {pipeline.name} "
                    f"({own}); give a file of that type or of one of its steps"
                )
            pipeline = _apply(pipeline, file)
    return pipeline


def _apply(pipeline, file: ParameterFile):
    """Apply one file; what cannot be applied becomes a remark."""
    if file.kind.endswith("pipeline"):
        sections = file.steps
        refused = [f"{key} = {value!r}" for key, value in file.values.items() if _matters(key, value) and key != "skip"]
    else:
        name = next((name for name in steps.names() if step_kind(name) == file.kind), file.kind)
        sections, refused = {name: file.values}, []
    for name, values in sections.items():
        if name in pipeline.names():
            call, more = _take(pipeline[name], values, file.name)
            pipeline = pipeline._change(name, call)
            refused += [f"{name}.{words}" for words in more]
        elif name not in steps.names() and values.get("skip") is False:
            refused.append(f"step {name}")
    if not refused:
        return pipeline
    remark = f"{file.name} asks for what jwgpu does not have, not applied: {', '.join(refused)}"
    return dataclasses.replace(pipeline, remarks=(*pipeline.remarks, remark))


def _take(call, values: dict, origin: str):
    """Return the call with those values that it can take and the user has not set, and in words the others."""
    taken, refused = {}, []
    for key, value in values.items():
        if call.origin(key.removeprefix("override_")) == USER:
            continue
        if key == "skip":
            call = call.switched(str(value).lower() == "true", origin)
        elif isinstance(call.step, Step) and key in call.step.parameters:
            try:
                taken[key] = _converted(call.step.parameters[key], value, call.name)
            except ParameterError:
                refused.append(f"{key} = {value!r} (expected {call.step.parameters[key].words()})")
        elif key.removeprefix("override_") in call.references:
            if value not in (None, ""):
                taken[key.removeprefix("override_")] = value
        elif _matters(key, value):
            refused.append(f"{key} = {value!r}")
    return call.take(taken, origin), refused


def _matters(key: str, value) -> bool:
    """Say whether a parameter that jwgpu does not have asks for anything."""
    return key not in HOUSEKEEPING and not key.startswith("save_") and value not in (None, "")


def _converted(parameter: Parameter, value, step: str):
    """Return a value as the step wants it: files write numbers as words, and whole numbers with a point."""
    if isinstance(value, float) and value.is_integer():
        try:
            return parameter.check(value, step)
        except ParameterError:
            return parameter.check(int(value), step)
    try:
        return parameter.check(value, step)
    except ParameterError:
        if not isinstance(value, str):
            raise
        return parameter.parse(value, step)
