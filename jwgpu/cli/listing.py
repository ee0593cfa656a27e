"""`jwgpu list`: the steps, or one step in full."""

from __future__ import annotations

import inspect
import textwrap

import click

from jwgpu import steps
from jwgpu.pipelines import table


@click.command("list")
@click.argument("name", required=False)
def listing(name):
    """List the steps and the order they run in, or print everything about the step NAME."""
    if name:
        _one(steps.get(name))
        return
    width = max(map(len, steps.names()))
    for step in steps.names():
        click.echo(f"{step:<{width}}  {steps.get(step).summary}")
    click.echo("\nOrder of the steps (those in brackets are off unless asked for: --set STEP.skip=false):")
    for label, (_, order) in table.TABLES.items():
        click.echo(f"  {label}")
        words = " ".join(f"[{step}]" if step in table.OFF else step for step in order)
        click.echo(textwrap.fill(words, 100, initial_indent="    ", subsequent_indent="    "))
    click.echo(
        f"\nEXP_TYPE: {' '.join(sorted(table.GUIDER_MODES))} run the guider pipeline,\n"
        f"{' '.join(sorted(table.DARK_MODES))} the dark pipeline,\nall others detector1; rates of images then image2, "
        f"calibrated images of {' '.join(sorted(table.MOSAIC_MODES))} image3."
    )
    click.echo("\n`jwgpu list NAME` describes one step.")


def _one(step) -> None:
    click.echo(f"{step.name}: works on {step.works_on}" + (f" in {step.unit}" if step.unit else ""))
    for kind, needed in step.references.items():
        click.echo(f"  reference {kind}" + ("" if needed else " (optional)"))
    for parameter in step.parameters.values():
        click.echo(f"  {parameter.name} = {parameter.default!r}   ({parameter.words()})")
    click.echo("\n" + inspect.getdoc(step.function))
    for name, kind in step.groups.items():
        click.echo(f"\n{name}: {inspect.getdoc(kind)}")
