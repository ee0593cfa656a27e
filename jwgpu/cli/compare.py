"""`jwgpu compare A B`: two products side by side."""

from __future__ import annotations

import json

import click


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--rtol", default=1e-6, show_default=True, help="Relative tolerance of floating-point arrays.")
@click.option("--atol", default=0.0, show_default=True, help="Absolute tolerance of floating-point arrays.")
@click.option("--ignore", multiple=True, metavar="NAME", help="Array or keyword to leave out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def compare(context, a, b, rtol, atol, ignore, as_json):
    """Compare the arrays, flags and headers of two products.

    Exit status 0 where they agree within the tolerance, 1 where they differ.
    """
    from jwgpu.provenance.compare import compare as side_by_side

    report = side_by_side(a, b, rtol=rtol, atol=atol, ignore=ignore)
    click.echo(json.dumps(report.as_dict(), indent=1, default=str) if as_json else str(report))
    context.exit(0 if report.same else 1)
