"""`jwgpu list`: the steps, or one step in full."""

from __future__ import annotations

import inspect

import click

from jwgpu import pipelines, steps


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
    click.echo("\nOrder of the steps:")
    for label, order in (
        ("near-infrared", pipelines.table.NEAR_INFRARED),
        ("MIRI", pipelines.table.MIRI),
        ("guider", pipelines.table.GUIDER),
    ):
        click.echo(f"  {label:<14} {' '.join(order)}")
    click.echo("\n`jwgpu list NAME` describes one step.")


def _one(step) -> None:
    click.echo(f"{step.name}: works on a {step.noun.__name__}" + (f" in {step.unit}" if step.unit else ""))
    for kind, needed in step.references.items():
        click.echo(f"  reference {kind}" + ("" if needed else " (optional)"))
    for parameter in step.parameters.values():
        click.echo(f"  {parameter.name} = {parameter.default!r}   ({parameter.words()})")
    click.echo("\n" + inspect.getdoc(step.function))
