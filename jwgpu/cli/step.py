"""`jwgpu step NAME FILE`: one step on one file. The options are the step's signature."""

from __future__ import annotations

from pathlib import Path

import click

from jwgpu import steps
from jwgpu.cli.report import Settings
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, USER


class _Steps(click.Group):
    """One command for each step there is."""

    def list_commands(self, context):
        return steps.names()

    def get_command(self, context, name):
        return _command(steps.get(name))


@click.command(cls=_Steps, subcommand_metavar="NAME FILE [OPTIONS]")
def step():
    """Run one step on a file and save its result as FILE_<step>.fits."""


def _command(which) -> click.Command:
    parameters = [
        click.Argument(["file"]),
        click.Option(["--out"], default=".", metavar="DIR", help="Folder the product is written to."),
        click.Option(["--references", "folder"], metavar="DIR", help="Folder of reference files instead of CRDS."),
        click.Option(["--pars"], multiple=True, metavar="FILE", help="Parameter file (pars-*, .cfg); beats CRDS."),
        click.Option(["--no-pars"], is_flag=True, help="Apply no parameter references of CRDS or the folder."),
        click.Option(["--pipeline"], metavar="TOML", help="Take the step as a saved pipeline has it, without CRDS."),
    ]
    for kind, needed in which.references.items():
        words = "Reference file to use" + (" (needed)" if needed else " (optional)")
        parameters.append(click.Option([f"--{kind}", f"ref_{kind}"], metavar="FILE", help=words))
    parameters += [
        click.Option([f"--{p.name}", f"par_{p.name}"], metavar="VALUE", help=f"{p.words()} [default: {p.default}]")
        for p in which.parameters.values()
    ]

    def callback(file, out, folder, pars, no_pars, pipeline, **given):
        words = [f"{which.name}.{k[4:]}={v}" for k, v in given.items() if v is not None]
        _run(which, Path(file), out, folder, Settings(tuple(words)), pars, not (no_pars or pipeline), pipeline)

    return click.Command(which.name, callback=callback, params=parameters, help=_help(which))


def _help(which) -> str:
    import inspect

    return which.summary + "\n\n" + "\n\n".join(inspect.getdoc(which.function).split("\n\n")[1:2])


def _run(which, file: Path, out: Path, folder, settings: Settings, pars, find_pars: bool, saved) -> None:
    import jwgpu as jw
    from jwgpu import pipelines
    from jwgpu.io import output_folder
    from jwgpu.reference import parameters

    out = output_folder(out)
    exposure = jw.open(file)
    if not isinstance(exposure, which.nouns):
        raise InputError(
            f"{file}: step {which.name} works on {which.works_on.lower()}, "
            f"and this file holds a {type(exposure).__name__.lower()}"
        )
    refs = jw.references(exposure, folder=folder, overrides=settings.overrides)
    if saved:
        pipeline = pipelines.Pipeline.load(saved)
        pipeline = pipeline.upto(which.name).from_(which.name)
    else:
        pipeline = pipelines.single(which.name, exposure)
    found = refs.parameter_files([parameters.step_kind(which.name)]) if find_pars else []
    # Whoever asks for a step wants it, though the files leave it out by default.
    pipeline = settings.apply(pipeline.with_parameters(*found, *pars)).including(which.name)
    for _, name, value, origin in pipeline.table().rows:
        if origin not in (CODE, USER):
            click.echo(f"  {name} = {value!r} from {origin}")
    for remark in pipeline.remarks:
        click.echo(f"  {remark}")
    outcome = pipeline.run(exposure, refs, donate=True)
    for name, part in outcome.products.items():
        if not part.history or part.history[-1].step != which.name:
            continue  # what a catalogue was made of stays as it is
        record = part.history[-1]
        suffix = {"ramp": which.name, "image": which.name, "catalog": "cat"}.get(name, name)
        click.echo(f"{which.name}: {record.status.lower()} {record.remark}".rstrip())
        click.echo(f"  {jw.save(part, out=out, suffix=suffix)}")
    for name, part in outcome.byproducts.items():
        click.echo(f"  {jw.save(part, out=out, suffix=name)}")
