"""A pipeline is a frozen list of calls. Editing returns another pipeline, so that variants can be compared."""

from __future__ import annotations

import dataclasses
import difflib
import os
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from jwgpu.data import Exposure, Ramp
from jwgpu.errors import InputError
from jwgpu.pipelines import adopt, render, table, toml
from jwgpu.pipelines.origins import CODE, USER
from jwgpu.step import Step


@dataclasses.dataclass(frozen=True)
class Call:
    """One step of a pipeline.

    Attributes
    ----------
    step : Step or function of an exposure
    parameters : mapping
        The parameters that differ from the step's defaults.
    skip : bool
        Whether the step is left out.
    files : mapping
        Reference type of the step: the file, or `Reference`, to use in place of the one that would be found; None to
        go without.
    origins : mapping
        Parameter (or `"skip"`): who set it, `"user"` or the name of a parameter file; see `origin`.
    """

    step: Step | Callable
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    skip: bool = False
    origins: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        changed = "".join(f", {name}={value!r}" for name, value in self.changed.items())
        return f"<Call {self.name}{changed}{', skipped' if self.skip else ''}>"

    @property
    def name(self) -> str:
        """Name of the step."""
        return self.step.__name__

    @property
    def references(self) -> Mapping[str, bool]:
        """Reference types the step takes, and whether it needs them; none for a plain function."""
        return getattr(self.step, "references", {})

    @property
    def roles(self) -> Mapping[str, bool]:
        """Roles of other exposures that the step takes, and whether it needs them; none for a plain function."""
        return getattr(self.step, "roles", {})

    @property
    def beside(self) -> str | None:
        """Name of the product that stands beside what it was made of; None where it replaces that.

        What is of another kind than what it was made of, a mosaic of exposures, stands beside it.
        """
        if self.name in table.BESIDE or not isinstance(self.step, Step):
            return table.BESIDE.get(self.name)
        made = typing.get_type_hints(self.step.function).get("return")
        other = isinstance(made, type) and made not in self.step.nouns and issubclass(made, Exposure)
        return self.name if other and Ramp not in self.step.nouns else None

    @property
    def changed(self) -> Mapping[str, Any]:
        """Parameters that differ from the step's defaults, and files."""
        return {**self.parameters, **self.files}

    def origin(self, name: str) -> str:
        """Say who set a parameter, or `"skip"`: `"code"`, `"user"` or the name of a parameter file."""
        changed = self.skip if name == "skip" else name in self.changed
        return self.origins.get(name, USER if changed else CODE)

    def wants(self, kind: str, exposure) -> bool:
        """Say whether the step will look at the reference `kind` for this exposure."""
        return self.step.wants(kind, exposure, self.parameters)

    def set(self, **parameters) -> Call:
        """Return the call with parameters, or files of its references, changed; checked against the signature."""
        return self.take(parameters, USER)

    def take(self, parameters: Mapping[str, Any], origin: str) -> Call:
        """Return the call with parameters changed, as `set`, by someone else than the user."""
        files = {k: v for k, v in parameters.items() if k in self.references}
        parameters = {k: v for k, v in parameters.items() if k not in files}
        if isinstance(self.step, Step):
            parameters = self.step.check(parameters)
        given = tuple(parameters)
        merged = {**self.parameters, **parameters}
        if isinstance(self.step, Step):
            merged = {k: v for k, v in merged.items() if v != self.step.parameters[k].default}
        return dataclasses.replace(
            self,
            parameters=merged,
            files={**self.files, **files},
            origins={**self.origins, **dict.fromkeys((*given, *files), origin)},
        )

    def switched(self, off: bool, origin: str = USER) -> Call:
        """Return the call left out or brought in."""
        return dataclasses.replace(self, skip=off, origins={**self.origins, "skip": origin})


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Pipeline:
    """An ordered list of calls.

    Examples
    --------
    >>> p = jw.pipelines.detector1(ramp)
    >>> p = p.set("jump", rejection_threshold=5.0).without("gain_scale")
    >>> run = p.run(ramp, refs, keep=["jump"])
    """

    name: str
    calls: tuple[Call, ...]
    remarks: tuple[str, ...] = ()
    """What parameter files ask for and is not applied, in words."""

    def names(self) -> list[str]:
        """Return the names of the steps, in order, those left out included."""
        return [call.name for call in self.calls]

    @property
    def files(self) -> dict[str, Any]:
        """Files in place of those that would be found, by step and reference type: `{"jump.gain": ...}`."""
        return {f"{call.name}.{kind}": file for call in self.calls for kind, file in call.files.items()}

    def __getitem__(self, name: str) -> Call:
        return self.calls[self._position(name)]

    def __len__(self) -> int:
        return len(self.calls)

    def __eq__(self, other) -> bool:
        return isinstance(other, Pipeline) and [_value(c) for c in self.calls] == [_value(c) for c in other.calls]

    __hash__ = None

    def set(self, name: str, **parameters) -> Pipeline:
        """Return a pipeline with parameters, or files, of one step changed; misspelt names are errors here.

        >>> p = p.set("jump", rejection_threshold=5.0, gain="my_gain.fits")
        """
        return self._change(name, self[name].set(**parameters))

    def without(self, *names: str) -> Pipeline:
        """Return a pipeline with these steps left out."""
        return self._skip(names, True)

    def including(self, *names: str) -> Pipeline:
        """Return a pipeline with these steps, left out so far, brought in."""
        return self._skip(names, False)

    def with_parameters(self, *sources) -> Pipeline:
        """Return a pipeline with the values of parameter references (CRDS types `pars-*`).

        What the user has set stays. What a file asks for and jwgpu does not have is listed in `remarks`, which are
        printed below the pipeline.

        Parameters
        ----------
        *sources : References, path or ParameterFile
            The references of an exposure, which find the files of this pipeline and of its steps in CRDS or in their
            folder; or files. Later ones go before earlier ones.

        Raises
        ------
        InputError
            CRDS cannot be asked, a file cannot be read, or a file that was named is for another pipeline.
        """
        return adopt.with_parameters(self, sources)

    def table(self, *names: str) -> render.Table:
        """Return every parameter of the steps `names` (of all), its value, and who set it: code, CRDS file or user."""
        return render.Table(self, [self[name] for name in names] or self.calls)

    def after(self, name: str, step: Step | Callable, **parameters) -> Pipeline:
        """Return a pipeline with `step` (a step, or any function of an exposure) inserted after `name`."""
        return self._insert(self._position(name) + 1, step, parameters)

    def before(self, name: str, step: Step | Callable, **parameters) -> Pipeline:
        """Return a pipeline with `step` inserted before `name`."""
        return self._insert(self._position(name), step, parameters)

    def upto(self, name: str) -> Pipeline:
        """Return the pipeline cut after `name`."""
        return dataclasses.replace(self, calls=self.calls[: self._position(name) + 1])

    def from_(self, name: str) -> Pipeline:
        """Return the pipeline that starts with `name`."""
        return dataclasses.replace(self, calls=self.calls[self._position(name) :])

    def diff(self, other: Pipeline) -> list[str]:
        """Return one line for each difference between this pipeline and another."""
        mine, yours = ({c.name: c for c in p.calls} for p in (self, other))
        lines = [f"- {name}" for name in mine if name not in yours]
        lines += [f"+ {name}" for name in yours if name not in mine]
        both = [name for name in mine if name in yours]
        if both != [name for name in yours if name in mine]:
            lines.append("the order of the steps differs")
        for name in both:
            a, b = mine[name], yours[name]
            if a.skip != b.skip:
                lines.append(f"{name}.skip: {a.skip} -> {b.skip}")
            for key in sorted({*a.changed, *b.changed}):
                old, new = (_effective(c, key) for c in (a, b))
                if old != new:
                    lines.append(f"{name}.{key}: {old!r} -> {new!r}")
        return lines

    def run(
        self,
        exposure,
        references=None,
        *,
        roles: Mapping[str, Any] | None = None,
        keep: Iterable[str] = (),
        progress: bool = True,
        donate: bool = False,
        after_step: Callable | None = None,
        max_memory: int | str | None = None,
        scratch: str | os.PathLike | None = None,
    ):
        """Run the pipeline.

        Parameters
        ----------
        exposure : Ramp, Image or Exposures
            Left untouched, unless `donate` is true. An image will do for a pipeline of many.
        references : References, optional
            Where reference files come from; `jw.references(exposure)` by default.
        roles : mapping, optional
            Other exposures by their role, `{"background": Exposures}`.
        keep : names of steps
            Whose results stay in the `Run`. Others are released at once and their buffers used again.
        progress : bool
            Show a progress bar when the run takes longer than two seconds.
        donate : bool
            Let the steps write into the arrays of `exposure` itself, which saves the memory of one copy. The
            exposure must not be used afterwards.
        after_step : function of (step name, mapping of exposures), optional
            Called after every step, for example to save intermediates one at a time.
        max_memory : int or str, optional
            Memory that the run may take: bytes, or words such as `"2G"`. By default most of what is free. What does
            not fit is worked on in pieces, with the same result bit for bit; a ramp among the products then has its
            arrays in files (`array.read()` gives them). Of many exposures it is what tiles of them may take.
        scratch : path, optional
            Folder for what does not fit, and for what becomes of many exposures that are in files; the system's folder
            for temporary files by default. Nothing stays there.

        Returns
        -------
        Run
            With the products as attributes: `run.rate`, `run.rateints`; `run.image`, `run.i2d`; `run.images`,
            `run.i2d`, `run.catalog`; `run.ramp`.
        """
        from jwgpu.pipelines.run import run

        return run(
            self, exposure, references, roles=roles, keep=keep, progress=progress, donate=donate, after_step=after_step,
            max_memory=max_memory, scratch=scratch,
        )  # fmt: skip

    def source(self) -> str:
        """Return the Python cells that do what this pipeline does, ready to paste into a notebook."""
        return render.source(self)

    def save(self, path) -> Path:
        """Write the pipeline to a TOML file of names and values."""
        return toml.save(self, path)

    @classmethod
    def load(cls, path) -> Pipeline:
        """Read a pipeline from a TOML file."""
        return toml.load(cls, Call, path)

    def __repr__(self) -> str:
        return render.table(self)

    def _repr_html_(self) -> str:
        return render.html(self)

    def _position(self, name: str) -> int:
        names = self.names()
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"pipeline {self.name} has no step {name!r}{hint} (it has: {', '.join(names)})")
        return names.index(name)

    def _change(self, name: str, call: Call) -> Pipeline:
        position = self._position(name)
        return dataclasses.replace(self, calls=(*self.calls[:position], call, *self.calls[position + 1 :]))

    def _skip(self, names: tuple[str, ...], skip: bool) -> Pipeline:
        pipeline = self
        for name in names:
            pipeline = pipeline._change(name, pipeline[name].switched(skip))
        return pipeline

    def _insert(self, position: int, step, parameters: dict) -> Pipeline:
        if not callable(step):
            raise InputError(f"{step!r} is not a step: give a step or a function that takes and returns an exposure")
        call = Call(step).set(**parameters)
        if call.name in self.names():
            raise InputError(f"pipeline {self.name} has a step called {call.name!r} already")
        return dataclasses.replace(self, calls=(*self.calls[:position], call, *self.calls[position:]))


def _value(call: Call):
    return call.step, dict(call.changed), call.skip


def _effective(call: Call, name: str):
    if name in call.changed or name in call.references or not isinstance(call.step, Step):
        return call.changed.get(name)
    return call.step.parameters[name].default
