"""`jwgpu step NAME FILE`: one step on one file. The options are the step's signature."""

from __future__ import annotations

from pathlib import Path

import click

from jwgpu import steps
from jwgpu.cli.report import Settings
from jwgpu.errors import InputError


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
    ]
    for kind, needed in which.references.items():
        words = "Reference file to use" + (" (needed)" if needed else " (optional)")
        parameters.append(click.Option([f"--{kind}", f"ref_{kind}"], metavar="FILE", help=words))
    parameters += [
        click.Option([f"--{p.name}", f"par_{p.name}"], metavar="VALUE", help=f"{p.words()} [default: {p.default}]")
        for p in which.parameters.values()
    ]

    def callback(file, out, folder, **given):
        words = [f"{which.name}.{k[4:]}={v}" for k, v in given.items() if v is not None]
        _run(which, Path(file), out, folder, Settings(tuple(words)))

    return click.Command(which.name, callback=callback, params=parameters, help=_help(which))


def _help(which) -> str:
    import inspect

    return which.summary + "\n\n" + "\n\n".join(inspect.getdoc(which.function).split("\n\n")[1:2])


def _run(which, file: Path, out: Path, folder, settings: Settings) -> None:
    import jwgpu as jw
    from jwgpu.io import output_folder

    out = output_folder(out)
    exposure = jw.open(file)
    if not isinstance(exposure, which.noun):
        raise InputError(
            f"{file}: step {which.name} works on a {which.noun.__name__.lower()}, "
            f"and this file holds a {type(exposure).__name__.lower()}"
        )
    refs = jw.references(exposure, folder=folder, overrides=settings.overrides)
    given = which.check(settings.parameters.get(which.name, {}))
    arguments = [
        refs.get(k, required=needed, step=which.name) if which.wants(k, exposure, given) else None
        for k, needed in which.references.items()
    ]
    with jw.byproducts() as left:
        outcome = which(exposure, *arguments, **given)
    parts = dict(zip(outcome._fields, outcome)) if hasattr(outcome, "_fields") else {which.name: outcome}
    for suffix, part in parts.items():
        if part is not None:
            record = part.history[-1]
            click.echo(f"{which.name}: {record.status.lower()} {record.reason}".rstrip())
            click.echo(f"  {jw.save(part, out=out, suffix=suffix)}")
    for suffix, part in left.items():
        click.echo(f"  {jw.save(part, out=out, suffix=suffix)}")
