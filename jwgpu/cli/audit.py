"""`jwgpu audit`, `jwgpu repair`, `jwgpu builds`: what is known to be wrong with products, and mending headers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from jwgpu.cli.report import INPUT, complain
from jwgpu.errors import InputError


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: every file with its issues.")
@click.option("--html", "page", metavar="FILE", help="Write a page with details to open, too.")
@click.option("--all", "everything", is_flag=True, help="Print possible issues in full, not in one line each.")
@click.pass_context
def audit(context, files, as_json, page, everything):
    """Say which known issues of the operational pipeline touch products, how sure that is, and what mends them.

    FILES are products or folders of them; only headers are read. Exit status 0 where nothing is certain or likely, 1
    where something is, 2 where a file could not be audited.
    """
    from jwgpu.diagnostics.auditing import audit_files
    from jwgpu.io import atomic

    audits = audit_files(files, progress=sys.stderr.isatty())
    if page:
        with atomic(page) as temporary:
            temporary.write_text(audits.page(), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(audits.as_dict(), indent=1, default=str))
    elif len(audits) == 1:
        click.echo(audits.audits[0].text(everything))
    elif len(audits):
        click.echo(str(audits))
        click.echo("\nOne product alone, --json or --html FILE give the details and the commands.")
    for _, words in audits.refused:
        click.echo(f"jwgpu: {words}", err=True)
    found = any(finding.certainty != "possible" for one in audits for finding in one)
    context.exit(INPUT if audits.refused else 1 if found else 0)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--out", metavar="DIR", required=True, help="Folder for the corrected copies.")
@click.pass_context
def repair(context, files, out):
    """Write corrected copies of products whose header alone is at fault: a missing VELOSYS.

    VELOSYS is computed from the ephemeris in the header and shown beside the official value where there is one. The
    originals are never touched.
    """
    from jwgpu.io.products import product_files
    from jwgpu.io.repair import repair as corrected
    from jwgpu.io.repair import velocity

    status = 0
    for path in product_files(files):
        try:
            made = corrected(path, Path(out))
            if made is None:
                click.echo(f"{velocity(path)}; nothing to repair")
            else:
                click.echo(f"{made[1]}; written to {made[0]}")
        except InputError as error:
            complain(error)
            status = INPUT
    context.exit(status)


@click.command()
@click.argument("build", required=False)
def builds(build):
    """Print the history of the operational pipeline, or one BUILD (for example 9.2) with its known issues."""
    from jwgpu.provenance.builds import builds as history

    click.echo(str(history(build)))
