"""`jwgpu demo`: simulate, calibrate, compare with the truth. No downloads."""

from __future__ import annotations

import time

import click

from jwgpu.cli.report import Settings
from jwgpu.cli.run import calibrate


@click.command()
@click.option("--out", default="jwgpu_demo", show_default=True, metavar="DIR", help="Folder everything is written to.")
@click.option("--instrument", type=click.Choice(["NIRCAM", "MIRI"], case_sensitive=False), default="NIRCAM")
@click.option("--full", is_flag=True, help="Simulate the whole detector, not a quarter of it.")
@click.option("--groups", default=10, show_default=True, help="Number of groups.")
@click.option("--seed", default=1, show_default=True)
def demo(out, instrument, full, groups, seed):
    """Simulate an exposure, calibrate it and say how the result compares with the truth."""
    import jwgpu as jw
    from jwgpu import backend, diagnostics, simulate
    from jwgpu.diagnostics.recovery import text
    from jwgpu.io import output_folder

    out = output_folder(out)
    click.echo(f"jwgpu {jw.__version__} on the {backend.describe()}\n")
    start = time.perf_counter()
    small = {"NIRCAM": (1024, 1024), "MIRI": (512, 516)}
    size = {} if full else {"size": small[instrument.upper()]}
    simulation = simulate.exposure(instrument.upper(), n_groups=groups, seed=seed, **size)
    written = simulate.write(simulation, out, crds=False)
    rows, columns = simulation.ramp.data.shape[-2:]
    click.echo(f"simulated {columns} x {rows} pixels, {groups} groups, in {time.perf_counter() - start:.1f} s")
    click.echo(f"  {written.uncal}\n  {len(written.references)} reference files in {written.references[0].parent}\n")
    products = calibrate(written.uncal, out, Settings(), folder=written.references[0].parent)
    rate = jw.open(next(path for path in products if path.stem.endswith("_rate")))
    picture = diagnostics.picture(out / "demo.png", simulation.ramp, rate, simulation.truth.rate)
    click.echo("\nThe rate compared with the simulated truth, for the good pixels of each flux level:")
    click.echo(text(diagnostics.recovery(rate, simulation.truth.rate)))
    click.echo("The errors hold photon and read noise; 1/f noise and noise of the references widen the faint levels.")
    click.echo(f"\nPicture: {picture}")
    click.echo(f"The same by hand: jwgpu run {written.uncal} --references {written.references[0].parent} --out {out}")
