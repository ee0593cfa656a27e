"""Run a pipeline: fetch references, donate buffers nobody keeps, show progress, keep what was asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace

from jwgpu.data import Exposure, Image
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, left_out
from jwgpu.provenance import Record
from jwgpu.step import Step, byproducts


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a pipeline made.

    Attributes
    ----------
    products : mapping
        Final exposures by name: `rate` and `rateints`, or `image` (guider), or `ramp` for a pipeline cut short.
        Each is an attribute too: `run.rate`.
    kept : mapping
        Results of the steps named in `keep`: `run["jump"]`, `run["ramp_fit"].rate`.
    byproducts : mapping
        What steps were asked to leave beside their results, by name: `run.byproducts["fitopt"]`.
    """

    pipeline: object
    products: Mapping[str, Exposure]
    kept: Mapping[str, object]
    byproducts: Mapping[str, Exposure] = dataclasses.field(default_factory=dict)

    def __getattr__(self, name: str):
        products = self.__dict__.get("products", {})
        if name in products:
            return products[name]
        raise AttributeError(f"this run made {', '.join(products) or 'nothing'}, no {name!r}")

    def __getitem__(self, step: str):
        if step not in self.kept:
            kept = ", ".join(self.kept) or "nothing"
            raise KeyError(f"the result of {step!r} was not kept (kept: {kept}); run with keep=[{step!r}]")
        return self.kept[step]

    @property
    def history(self) -> tuple[Record, ...]:
        """Records of all steps, of the first product."""
        return next(iter(self.products.values())).history

    @property
    def seconds(self) -> float:
        """Time spent inside steps, in seconds."""
        return sum(record.seconds for record in self.history)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (step, seconds, outcome) for each record."""
        return [
            (
                r.step,
                f"{r.seconds:.2f}",
                "skipped: " + r.reason if r.status == "SKIPPED" else r.status.lower(),
            )
            for r in self.history
        ]

    def __repr__(self) -> str:
        lines = [f"  {step:<14} {seconds:>7} s  {outcome}" for step, seconds, outcome in self.rows()]
        return "\n".join([f"run of {self.pipeline.name}: {', '.join(self.products)}", *lines])


def run(
    pipeline,
    exposure,
    references=None,
    *,
    keep: Iterable[str] = (),
    progress: bool = True,
    donate: bool = False,
    after_step: Callable[[str, Mapping[str, Exposure]], None] | None = None,
) -> Run:
    """Run `pipeline` on `exposure` (see `Pipeline.run`)."""
    keep = [keep] if isinstance(keep, str) else list(keep)
    for name in keep:
        pipeline[name]  # an unknown name is an error now, not after an hour
    if references is None:
        from jwgpu.reference import references as find

        references = find(exposure)
    references = references.overridden(pipeline.files) if pipeline.files else references
    branches = {"image" if isinstance(exposure, Image) else "ramp": exposure}
    protected = [] if donate else [exposure]
    del exposure
    kept: dict[str, object] = {}
    left: dict[str, Exposure] = {}
    with _bar(len(pipeline), progress) as bar:
        for call in pipeline.calls:
            bar.set_description(call.name, refresh=False)
            if call.skip:
                record = Record(step=call.name, status="SKIPPED", reason=left_out(call.origin("skip")))
                branches = {name: part.recorded(record) for name, part in branches.items()}
            else:
                branches = _advance(call, branches, references, [*protected, *left.values()], left)
                if after_step is not None:
                    after_step(call.name, branches)
            if call.name in keep:
                kept[call.name] = next(iter(branches.values())) if len(branches) == 1 else SimpleNamespace(**branches)
                protected += branches.values()
            bar.update()
    return Run(pipeline, branches, kept, left)


def _advance(call, branches: dict, references, protected: list, left: dict) -> dict:
    outcome = {}
    for name in list(branches):
        exposure = branches.pop(name)
        arguments = [
            references.get(kind, required=needed, step=call.name) if call.wants(kind, exposure) else None
            for kind, needed in call.references.items()
        ]
        # References made in memory may be on the other device.
        arguments = [None if reference is None else reference.to(exposure.device) for reference in arguments]
        exposure = exposure.donate(keep=(*protected, *branches.values(), *outcome.values()))
        with byproducts() as beside:
            made = call.step(exposure, *arguments, **call.parameters)
        del exposure, arguments
        # Of the product of each integration, as `rateints` is beside `rate`.
        left.update({f"{key}ints" if name == "rateints" else key: part for key, part in beside.items()})
        made = _attributed(made, call)
        if not isinstance(call.step, Step) and isinstance(made, Exposure):
            origins = {key: call.origin(key) for key in call.parameters}
            made = made.recorded(Record(step=call.name, parameters=dict(call.parameters), origins=origins))
        if isinstance(made, Image) and name == "ramp":
            outcome["image"] = made
        elif isinstance(made, Exposure):
            outcome[name] = made
        elif hasattr(made, "_fields"):
            outcome |= {field: part for field, part in zip(made._fields, made) if part is not None}
        else:
            raise InputError(f"step {call.name} returned {type(made).__name__}, not an exposure")
    return outcome


def _attributed(made, call):
    """Say in the record that a step has just left who set its parameters."""
    parameters = call.step.parameters if isinstance(call.step, Step) else ()
    origins = {name: origin for name in parameters if (origin := call.origin(name)) != CODE}
    if not origins or made is None:
        return made
    if hasattr(made, "_fields"):
        return type(made)(*(_attributed(part, call) for part in made))
    *before, last = made.history
    return made.replace(history=(*before, dataclasses.replace(last, origins=origins)))


def _bar(total: int, progress: bool):
    from tqdm.auto import tqdm

    return tqdm(total=total, disable=not progress, delay=2, unit="step", leave=False)
