"""The step contract. A step is one plain function in one file, and its signature is its specification.

    @step(unit="DN", streams="integration")
    def superbias(ramp: Ramp, superbias: Reference) -> Ramp: ...

The first argument is the noun the step works on: one exposure, or `Exposures` for a step that looks at many. Arguments
before `*` come from outside: a `Reference` named by its CRDS type, or `Exposures` named by the role that they have in
an association. Keyword-only arguments are parameters under their official names. Command-line options, widgets,
parameter files and provenance are all read from this signature; nothing is declared twice.

Many parameters are easier to read in groups: a keyword-only argument may be a frozen dataclass, whose fields have the
official names. They are parameters like all others, so `jump(..., min_sat_area=2.0)` and
`jump(..., snowballs=Snowballs(min_sat_area=2.0))` say the same.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import time
import typing
from collections.abc import Callable, Mapping
from typing import Any

from jwgpu import backend, markup
from jwgpu._version import __version__
from jwgpu.cut import Cut, is_piece
from jwgpu.data import Exposure, Exposures, Reference
from jwgpu.errors import InputError
from jwgpu.parameter import Parameter, ParameterError, members
from jwgpu.provenance import Record
from jwgpu.running import byproduct, byproducts, count, hand_over, listening, note, progress

__all__ = [
    "Parameter",
    "ParameterError",
    "Skip",
    "Step",
    "byproduct",
    "byproducts",
    "count",
    "note",
    "progress",
    "step",
]


class Skip(Exception):
    """Raised by a step that does not apply; its words say why and go to the history and the header."""


def _fields(group) -> dict[str, Any]:
    """Return the fields of a dataclass, by name."""
    return {field.name: getattr(group, field.name) for field in dataclasses.fields(group)}


class Step:
    """A callable that is its function, plus what its signature says.

    Attributes
    ----------
    name : str
    nouns : tuple of type
        Classes that the first argument may have.
    references : dict
        CRDS type: True where the step cannot run without it.
    roles : dict
        Role of other exposures (`"background"`): True where the step cannot run without them.
    parameters : dict
        Name: `Parameter`; those of groups by their own names.
    groups : dict
        Name: frozen dataclass that the function takes some parameters in.
    unit : str or None
        Unit the exposure must be in.
    streams : Cut, str, None or function
        How the exposure may be cut; `cut` says it for an exposure and parameters.
    asks : function of (ramp, parameters), or None
        The question about the whole exposure that the step decides on: a host array of truth values about its
        `groupdq`, each true where it is true of every piece.
    looks : function of the arguments of the step, or None
        Another question like `asks`, which looks at the data too; it is put piece by piece until nothing is true.
    frames : function of (ramp, left, **parameters), or None
        What is left to be done to whole frames once the function has been through all rows, as a second part of it. It
        gets the ramp, whose arrays may lie anywhere (`cut.integration`) and are written over where they are donated,
        and what the function left beside its result; what it takes from there goes no further.
    finish : function of (exposure, notes), or None
        Gives the metadata that follow from the notes.
    superstripes : bool
        Whether it takes superstripes that have not been put together (`data.multistripe`).
    """

    def __init__(
        self, function, unit: str | None, streams, wanted=None, asks=None, looks=None, frames=None, finish=None,
        superstripes: bool = False,
    ):  # fmt: skip
        self.function, self.unit, self.streams, self._wanted = function, unit, streams, dict(wanted or {})
        self.asks, self.looks, self.frames, self.finish = asks, looks, frames, finish
        self.superstripes = superstripes
        self.name = function.__name__
        self.__name__, self.__doc__, self.__module__ = self.name, function.__doc__, function.__module__
        self.__wrapped__ = function
        hints = typing.get_type_hints(function)
        arguments = list(inspect.signature(function).parameters.values())
        self.nouns = members(hints[arguments[0].name])
        self._outside: dict[str, bool] = {}
        self.references: dict[str, bool] = {}
        self.roles: dict[str, bool] = {}
        self.parameters: dict[str, Parameter] = {}
        self.groups: dict[str, type] = {}
        for argument in arguments[1:]:
            kind = hints[argument.name]
            if dataclasses.is_dataclass(kind) and argument.kind is argument.KEYWORD_ONLY:
                self.groups[argument.name] = kind
                types_of = typing.get_type_hints(kind)
                for name, default in _fields(argument.default).items():
                    self.parameters[name] = Parameter(name, types_of[name], default)
            elif argument.kind is argument.KEYWORD_ONLY:
                self.parameters[argument.name] = Parameter(argument.name, kind, argument.default)
            else:
                held = {Reference: self.references, Exposures: self.roles}
                which = next((held[k] for k in held if k in members(kind)), None)
                if which is None:
                    raise TypeError(
                        f"step {self.name}: {argument.name} is no Reference, no Exposures, not keyword-only"
                    )
                which[argument.name] = self._outside[argument.name] = argument.default is argument.empty

    @property
    def works_on(self) -> str:
        """The nouns in words."""
        return " or ".join(f"{'an' if n.__name__[0] in 'AEIO' else 'a'} {n.__name__}" for n in self.nouns)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called `name`, or raise `ParameterError` naming the nearest one."""
        if name not in self.parameters:
            near = difflib.get_close_matches(name, self.parameters, 1, 0.4)
            known = ", ".join(self.parameters) or "none"
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ParameterError(f"step {self.name} has no parameter {name!r}{hint} (it has: {known})")
        return self.parameters[name]

    def wants(self, kind: str, exposure, parameters: Mapping[str, Any]) -> bool:
        """Say whether the step will look at the reference `kind`; what it will not need not be fetched.

        `parameters` are those that differ from the defaults.
        """
        if kind not in self._wanted:
            return True
        return self._wanted[kind](exposure, self.complete(parameters))

    def cut(self, exposure, parameters: Mapping[str, Any], lacking=()) -> Cut:
        """Say how an exposure may be cut for this step.

        `parameters` are those that differ from the defaults; `lacking` are the types of references that there is none
        of. The function that decides gets both: of each type whether there is one. Superstripes
        stay whole until they are put together.
        """
        if getattr(exposure, "n_superstripes", 0):
            return Cut()
        given = self.streams
        if callable(given):
            there = {kind: kind not in lacking for kind in self.references}
            given = given(exposure, there | self.complete(parameters))
        return given if isinstance(given, Cut) else Cut(given)

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters: those given, and the defaults of the others."""
        return {p.name: p.default for p in self.parameters.values()} | dict(parameters)

    def check(self, parameters: dict) -> dict:
        """Return `parameters` by their own names, with their types checked; unknown names are errors."""
        flat: dict = {}
        for name, value in parameters.items():
            kind = self.groups.get(name)
            if kind is not None and not isinstance(value, kind):
                raise ParameterError(f"{self.name}.{name} = {value!r}: expected a {kind.__name__}")
            part = {name: value} if kind is None else _fields(value)
            if twice := part.keys() & flat.keys():
                raise ParameterError(f"step {self.name}: {min(twice)} is given twice, alone and in a group")
            flat |= part
        return {name: self.parameter(name).check(value, self.name) for name, value in flat.items()}

    def grouped(self, parameters: dict) -> dict:
        """Return the keyword arguments of the function: the parameters of groups in their dataclasses."""
        flat = dict(parameters)
        groups = {
            name: kind(**{field.name: flat.pop(field.name) for field in dataclasses.fields(kind)})
            for name, kind in self.groups.items()
        }
        return flat | groups

    def _given(self, positional: tuple, arguments: dict) -> dict[str, Reference | Exposures | None]:
        """Return references and exposures by name, taken out of the arguments of a call and checked."""
        if len(positional) > len(self._outside):
            raise TypeError(f"step {self.name} takes the references {list(self._outside)}, given {len(positional)}")
        given = dict(zip(self._outside, positional))
        given |= {name: arguments.pop(name) for name in list(arguments) if name in self._outside}
        for name, thing in given.items():
            kind = Reference if name in self.references else Exposures
            if thing is not None and not isinstance(thing, kind):
                raise TypeError(f"step {self.name}: {name} must be a {kind.__name__}, not a {type(thing).__name__}")
            if isinstance(thing, Reference) and thing.type != name:
                raise InputError(
                    f"step {self.name}: {thing.name} is a {thing.type} reference, given where {name} is needed; "
                    f"what this step takes is, in order, {', '.join(self._outside)}"
                )
        return given

    def finished(self, outcome, before: Exposure, notes: Mapping):
        """Return the outcome with the metadata that follow from the notes."""
        return outcome if self.finish is None else outcome.replace(meta=outcome.meta.set(self.finish(before, notes)))

    def __call__(self, exposure, *references, **arguments):
        """Run the step: check noun and unit, run, time, append a Record to the history of what comes out."""
        if not isinstance(exposure, self.nouns):
            raise TypeError(f"step {self.name} works on {self.works_on}, not on a {type(exposure).__name__}")
        if self.unit is not None and exposure.unit != self.unit:
            raise ValueError(f"step {self.name} works in {self.unit}, but {exposure.name} is in {exposure.unit}")
        if getattr(exposure, "n_superstripes", 0) and not self.superstripes:
            raise InputError(
                f"step {self.name} needs whole frames, but the superstripes of {exposure.name} have not been put "
                "together; let refpix do that before"
            )
        given = self._given(references, arguments)
        parameters = self.complete(self.check(arguments))
        start = time.perf_counter()
        with backend.counting() as traffic, listening() as (notes, left):
            try:
                for name, needed in self._outside.items():
                    if needed and given.get(name) is None:
                        what = f"is no {name} reference" if name in self.references else f"are no {name} exposures"
                        raise Skip(f"there {what} for this exposure")
                outcome, status, reason = self.function(exposure, **given, **self.grouped(parameters)), "COMPLETE", ""
                if not is_piece():  # of pieces, whoever puts them together does what is left
                    if self.frames is not None:
                        outcome = self.frames(outcome.donate(keep=(exposure,)), left, **self.grouped(parameters))
                    outcome = self.finished(outcome, exposure, notes)
            except Skip as skip:
                outcome, status, reason = exposure, "SKIPPED", str(skip)
        # What the step would not have looked at is not missing.
        named = {
            name: "N/A" if reference is None else reference.name
            for name, reference in given.items()
            if name in self.references and (reference is not None or self.wants(name, exposure, parameters))
        }
        used = {name: [m.name for m in given[name]] for name in self.roles if given.get(name) is not None}
        record = Record(
            step=self.name, status=status, reason=reason, parameters=parameters,
            references=named, exposures=used, notes=notes,
            seconds=time.perf_counter() - start, bytes_up=traffic.bytes_up, bytes_down=traffic.bytes_down,
            device=exposure.device, version=__version__,
        )  # fmt: skip
        rules = next((r.context for r in given.values() if isinstance(r, Reference) and r.context), None)

        def finished(part):
            changes = {"meta": part.meta.set({"ref_file.crds.context_used": rules})} if rules else {}
            return part.recorded(record, **changes)

        hand_over({name: finished(part) for name, part in left.items()})
        if isinstance(outcome, Exposure):
            return finished(outcome)
        return type(outcome)(*(part if part is None else finished(part) for part in outcome))

    def _repr_html_(self) -> str:
        rows = [(name, "parameter", p.words(), repr(p.default)) for name, p in self.parameters.items()]
        held = {"reference": self.references, "exposures": self.roles}
        rows = [(n, what, "needed" if k else "optional", "") for what, h in held.items() for n, k in h.items()] + rows
        title = f"step {self.name}: {self.summary}"
        return markup.table(("name", "what", "takes", "default"), rows, title, [f"Works on {self.works_on}."])

    def __repr__(self) -> str:
        return f"<step {self.name}: {self.summary}>"


def step(
    *,
    unit: str | None,
    streams: Cut | str | Callable | None = None,
    wanted: Mapping[str, Callable] | None = None,
    asks: Callable | None = None,
    looks: Callable | None = None,
    frames: Callable | None = None,
    finish: Callable | None = None,
    superstripes: bool = False,
):
    """Make a step of a function (see the module's docstring).

    `streams` says how an exposure may be cut: a `Cut`, its axis alone, or a function of the exposure and all
    parameters that returns either. `wanted` holds, for optional references that only some exposures or parameters
    call for, a function of the exposure and all parameters that says so. `asks`, `looks`, `frames` and `finish` are
    what a step has that can be cut and yet looks at the whole: see `Step`.
    """
    return lambda function: Step(function, unit, streams, wanted, asks, looks, frames, finish, superstripes)
