"""One run of a pipeline by `jwgpu run`: its references, its products, and what is said about it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from jwgpu.cli.report import Settings
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, USER


@dataclasses.dataclass(frozen=True)
class Options:
    """What a command asks of every run.

    Attributes
    ----------
    out : Path
    settings : Settings
    folder : path or None
        Of reference files.
    save_steps : bool
    pipeline : Pipeline or None
        In place of the one that belongs to the exposure.
    pars : sequence of ParameterFile
        Those that were named.
    find_pars : bool
        Whether those that go with the exposure are applied before them.
    room : mapping
        How much memory is used (`Pipeline.run`).
    elsewhere : frozenset of str
        Steps that other pipelines of the command have.
    """

    out: Path
    settings: Settings
    folder: Any = None
    save_steps: bool = False
    pipeline: Any = None
    pars: Sequence = ()
    find_pars: bool = False
    room: Mapping = dataclasses.field(default_factory=dict)
    elsewhere: frozenset = frozenset()


class Work:
    """A pipeline run on an exposure, or on many.

    Attributes
    ----------
    products : mapping
        As in `Run`.
    written : list of Path
    """

    def __init__(self, exposure, options: Options, label: str, roles: Mapping | None = None, carried=None):
        """Run, save and report; `label` is what the command line calls the exposure."""
        import jwgpu as jw
        from jwgpu import pipelines
        from jwgpu.pipelines import products

        start = time.perf_counter()
        self._options, self.written = options, []
        beginning = products.stem(exposure)
        refs = jw.references(exposure, folder=options.folder, overrides=options.settings.overrides)
        sources = (refs, *options.pars) if options.find_pars else options.pars
        pipeline = (options.pipeline or pipelines.choose(exposure)).with_parameters(*sources)
        self._pipeline = pipeline = options.settings.apply(pipeline, options.elsewhere)
        refs = refs.overridden(pipeline.files)
        _demand(pipeline, refs, options.folder, label)
        # Whoever looks in after every step keeps the steps from going together.
        passes_on = carried is not None and "persistence" in pipeline.names() and not pipeline["persistence"].skip

        def after_step(name, branches):
            if name == "persistence" and carried is not None:
                carried.take(branches["ramp"])
            for branch, noun in branches.items() if options.save_steps else ():
                if noun.history and noun.history[-1].step == name:  # others have been saved before
                    word = f"{name}ints" if branch == "rateints" else name
                    self.written += products.save(noun, word, pipeline.name, beginning, options.out)

        outcome = pipeline.run(
            exposure, refs, roles=options.settings.others(roles or {}), donate=True,
            after_step=after_step if options.save_steps or passes_on else None, **options.room,
        )  # fmt: skip
        self.products = outcome.products
        self.written += outcome.save(options.out)
        self._report(label, exposure, time.perf_counter() - start)

    def _report(self, label: str, exposure, seconds: float) -> None:
        new = [record for noun in self.products.values() for record in noun.history[len(exposure.history) :]]
        new = list({(record.step, record.status): record for record in new}.values())
        done = sum(record.status == "COMPLETE" for record in new)
        device = "GPU" if any(record.device == "gpu" for record in new) else "CPU"
        click.echo(f"{label}: {done} steps in {seconds:.1f} s on the {device}")
        for record in new:
            if record.status == "SKIPPED" and not self._pipeline[record.step].skip:
                click.echo(f"  without {record.step}: {record.reason}")
        for origin in dict.fromkeys(o for call in self._pipeline.calls for o in call.origins.values()):
            if origin not in (CODE, USER):
                click.echo(f"  parameters of {origin}")
        for remark in self._pipeline.remarks:
            click.echo(f"  {remark}")
        for path in self.written:
            click.echo(f"  {path}")


def _demand(pipeline, refs, folder, label: str) -> None:
    """Raise InputError where a folder lacks references: all of them at once, before the first step runs."""
    calls = [call for call in pipeline.calls if not call.skip]
    lacking = [
        (kind, call.name)
        for call in calls
        for kind, needed in call.references.items()
        if needed and refs.select(kind, call.name).absent
    ]
    if lacking:
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in lacking))
        skips = " ".join(dict.fromkeys(f"--skip {step}" for _, step in lacking))
        kind, step = lacking[0]
        raise InputError(
            f"{folder} holds no {kinds} reference for {label}. Add files whose headers say so in REFTYPE, name "
            f"them (--set {step}.{kind}=FILE, or N/A to go without), or leave these steps out: {skips}"
        )
