"""Run a pipeline: fetch references, donate buffers nobody keeps, show progress, keep what was asked for."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from jwgpu import markup
from jwgpu.backend import files, memory
from jwgpu.cut import visiting
from jwgpu.data import Exposure, Exposures, Image, Ramp
from jwgpu.data.pieces import in_files, loaded
from jwgpu.errors import InputError
from jwgpu.io import output_folder, root
from jwgpu.pipelines import products, sections
from jwgpu.pipelines.apply import apply, leave_out, takes
from jwgpu.pipelines.room import arrange, for_tiles, words
from jwgpu.provenance import Record
from jwgpu.running import watched
from jwgpu.step import Step


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a pipeline made.

    Attributes
    ----------
    products : mapping
        Final exposures by name: `rate` and `rateints`, or `image` (guider), or `ramp` for a pipeline cut short; of
        images `image` and `i2d`, of many `images`, `i2d` and `catalog`. Each is an attribute too: `run.rate`.
    kept : mapping
        Results of the steps named in `keep`: `run["jump"]`, `run["ramp_fit"].rate`.
    byproducts : mapping
        What steps were asked to leave beside their results, by name: `run.byproducts["fitopt"]`.
    """

    pipeline: object
    products: Mapping[str, Exposure]
    kept: Mapping[str, object]
    byproducts: Mapping[str, Exposure] = dataclasses.field(default_factory=dict)
    beginning: str = "exposure"
    """How the names of its files begin."""

    def save(self, out: str | os.PathLike = ".") -> list[Path]:
        """Write products and by-products into a folder, under their official names; return where they are."""
        made = (*self.products.items(), *self.byproducts.items())
        return [
            path
            for name, noun in made
            for path in products.save(noun, name, self.pipeline.name, self.beginning, output_folder(out))
        ]

    def __getattr__(self, name: str):
        made = self.__dict__.get("products", {})
        if name in made:
            return made[name]
        raise AttributeError(f"this run made {', '.join(made) or 'nothing'}, no {name!r}")

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
    def records(self) -> tuple[Record, ...]:
        """What the steps of this run did, whichever product they worked on, in the order of the pipeline."""
        last = {record.step: record for noun in self.products.values() for record in noun.history}
        return tuple(last[name] for name in self.pipeline.names() if name in last)

    @property
    def seconds(self) -> float:
        """Time spent inside steps, in seconds."""
        return sum(record.seconds for record in self.records)

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (step, seconds, outcome) for each record."""
        return [
            (
                r.step,
                f"{r.seconds:.2f}",
                "skipped: " + r.reason if r.status == "SKIPPED" else r.status.lower(),
            )
            for r in self.records
        ]

    def _repr_html_(self) -> str:
        title = f"run of {self.pipeline.name}: {', '.join(self.products)}; {self.seconds:.2f} s"
        return markup.table(("step", "seconds", "outcome"), self.rows(), title)

    def __repr__(self) -> str:
        width = max((len(step) for step, _, _ in self.rows()), default=0)
        lines = [f"  {step:<{width}} {seconds:>7} s  {outcome}" for step, seconds, outcome in self.rows()]
        return "\n".join([f"run of {self.pipeline.name}: {', '.join(self.products)}", *lines])


def run(
    pipeline,
    exposure,
    references=None,
    *,
    roles: Mapping[str, Exposures] | None = None,
    keep: Iterable[str] = (),
    progress: bool = True,
    donate: bool = False,
    after_step: Callable[[str, Mapping[str, Exposure]], None] | None = None,
    max_memory: int | str | None = None,
    scratch: str | os.PathLike | None = None,
) -> Run:
    """Run `pipeline` on `exposure` (see `Pipeline.run`)."""
    keep = [keep] if isinstance(keep, str) else list(keep)
    for name in keep:
        pipeline[name]  # an unknown name is an error now, not after an hour
    exposure = _as_wanted(pipeline, exposure)
    beginning = products.stem(exposure)
    if references is None:
        from jwgpu.reference import references as find

        references = find(exposure)
    references = references.overridden(pipeline.files) if pipeline.files else references
    protected = [] if donate else [exposure]
    exposure, room = arrange(exposure, pipeline, max_memory, scratch, donate)
    branches = {next(name for name, kind in _NAMES.items() if isinstance(exposure, kind)): exposure}
    del exposure
    kept: dict[str, object] = {}
    left: dict[str, Exposure] = {}
    calls, ends = list(pipeline.calls), pipeline.names() if after_step is not None else keep
    with _bar(len(pipeline), progress) as bar, for_tiles(max_memory), memory.garbage_of_now_on():
        while calls:
            section = sections.first(calls, next(iter(branches.values())), references, ends, room)
            del calls[: len(section.calls)]
            last = section.calls[-1]
            bar.set_description(" ".join(dict.fromkeys((section.calls[0].name, last.name))), refresh=False)
            shown = sections.moved(bar.update)
            with watched(shown):
                branches = _advance(section, branches, references, roles, room, protected, left, bar.update)
            if after_step is not None and not last.skip:
                after_step(last.name, branches)
            if last.name in keep:
                result = {n: part if isinstance(part, Exposures) else loaded(part) for n, part in branches.items()}
                kept[last.name] = next(iter(result.values())) if len(result) == 1 else SimpleNamespace(**result)
                protected += result.values()
            if not section.in_pieces:
                shown(1.0)
    return Run(pipeline, branches, kept, left, beginning)


_LOOKED_AT = ("data", "err", "dq", "wht")
"""Arrays of a mosaic in files that are read for a step that works on it."""

_NAMES = {"ramp": Ramp, "image": Image, "images": Exposures}
"""What exposures are called among the products, before steps make others of them."""


def _as_wanted(pipeline, exposure):
    """Return an image as a set of one where the pipeline begins with a step of many."""
    first = next((call.step for call in pipeline.calls if isinstance(call.step, Step)), None)
    if isinstance(exposure, Image) and first is not None and first.nouns == (Exposures,):
        return Exposures.of([exposure], product_name=root(exposure.name))
    return exposure


def _advance(section, branches: dict, references, roles, room, protected: list, left: dict, show) -> dict:
    """Take all branches through a section."""
    call, outcome = section.calls[0], {}
    for name in list(branches):
        exposure = branches.pop(name)
        if not (takes(call, exposure) or isinstance(exposure, Ramp)):
            outcome[name] = exposure
            continue
        if not section.in_pieces and call.skip:
            outcome[name] = leave_out(call, exposure)
            continue
        if not section.in_pieces and getattr(call.step, "nouns", None) == (Image,) and isinstance(exposure, Ramp):
            reason = "it works on rates, and none were made: the fit of the ramps was left out, or had nothing to fit"
            outcome[name] = exposure.recorded(Record(step=call.name, status="SKIPPED", reason=reason))
            continue
        held = (*protected, *left.values(), *branches.values(), *outcome.values())
        if section.in_pieces:
            made, beside = sections.run(section, name, exposure.donate(keep=held), references, room, show)
        else:
            if section.axis == "frames":
                sections.check_frames(call.name, exposure, room)
            elif in_files(exposure) and isinstance(exposure, Ramp):
                raise _too_large(call, exposure, room)
            arguments = [
                references.get(kind, required=needed, step=call.name) if call.wants(kind, exposure) else None
                for kind, needed in call.references.items()
            ]
            # References made in memory may be on the other device.
            place = room.device if section.axis == "frames" else exposure.device
            arguments = [None if reference is None else reference.to(place) for reference in arguments]
            given = exposure
            if isinstance(exposure, Image) and in_files(exposure):
                given = loaded(exposure, _LOOKED_AT).to(room.device)
            elif call.beside is None:
                given = exposure.donate(keep=held)
            with visiting(room.device if section.axis == "frames" else None), files.copied_to(room.folder):
                made, beside = apply(call, name, given, arguments, roles)
            if given is not exposure and made.get(name) is given:
                made[name] = exposure
            del arguments, given
        del exposure
        outcome |= made
        left |= beside
    return outcome


def _too_large(call, exposure: Exposure, room) -> InputError:
    needs = (
        f"{exposure.name} takes {words(exposure.nbytes)} where {words(room.limit)} may be used; allow more memory "
        "(--max-memory, max_memory=)"
    )
    if getattr(exposure, "n_superstripes", 0):
        return InputError(f"superstripes stay whole until refpix has put them together, and {needs}")
    return InputError(
        f"step {call.name} works on whole exposures (with these parameters), and {needs} or leave the step out "
        f"(--skip {call.name})"
    )


def _bar(total: int, progress: bool):
    if progress:
        from tqdm.auto import tqdm
    else:
        from tqdm.std import tqdm  # which needs not find out whether this is a notebook

    form = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    return tqdm(total=total, disable=not progress, delay=2, leave=False, bar_format=form)
