"""`jwgpu associate`: files sorted into associations."""

from __future__ import annotations

import click


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES|FOLDER")
@click.option("--out", default=None, metavar="DIR", help="Folder for the associations; by default that of the files.")
@click.option("--level", type=click.Choice(["2", "3"]), default=None, help="2: to calibrate rates; 3: to make mosaics.")
def associate(files, out, level):
    """Sort exposures into associations and write them as JSON files.

    Calibrated images (_cal) of one instrument, filter, pupil, subarray and target become one mosaic. Rates (_rate)
    become one image each, less the backgrounds taken with the same detector and optics.
    """
    from pathlib import Path

    from jwgpu import associations

    one = files[0] if len(files) == 1 else files
    made = associations.associate(one, None if level is None else int(level))
    numbers: dict[str, int] = {}
    for asn in made:
        group = asn.default_name()
        numbers[group] = numbers.get(group, 0) + 1
        click.echo(f"{asn.write(out or Path(asn.folder), asn.default_name(numbers[group]))}")
        for product in asn:
            roles = dict.fromkeys(member.exptype for member in product.members)
            click.echo(f"  {product.name}: " + ", ".join(f"{len(product.of(role))} {role}" for role in roles))
