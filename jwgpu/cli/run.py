"""`jwgpu run`: raw exposures become products."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click

from jwgpu.cli.report import FAILED, INPUT, Settings, complain
from jwgpu.errors import InputError
from jwgpu.pipelines.origins import CODE, USER

SUFFIX = {("guider", "image"): "cal", ("dark", "ramp"): "dark"}
"""Product suffixes by pipeline and product of a `Run`, where the suffix is not the name of the product."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--out", default=".", show_default="here", metavar="DIR", help="Folder the products are written to.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="STEP.NAME=VALUE",
    help="Set a parameter; NAME may be a reference type (VALUE is then a file) or `skip` (true, false).",
)
@click.option("--skip", "skipped", multiple=True, metavar="STEP", help="Leave a step out.")
@click.option("--save-steps", is_flag=True, help="Also save the result of every step, as FILE_<step>.fits.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default=None,
    help="Where to compute; by default JWGPU_DEVICE, else a GPU where one is usable.",
)
@click.option("--references", "folder", metavar="DIR", help="Folder of reference files to use instead of CRDS.")
@click.option("--pipeline", "pipeline_file", metavar="TOML", help="Steps and parameters saved with Pipeline.save.")
@click.option("--pars", "given", multiple=True, metavar="FILE", help="Parameter file (pars-*, .cfg); beats CRDS.")
@click.option("--no-pars", is_flag=True, help="Apply no parameter references (types pars-*) of CRDS or the folder.")
@click.option("--max-memory", metavar="SIZE", help="Memory to use, such as 2G; by default most of what is free.")
@click.option("--scratch", metavar="DIR", help="Folder for what does not fit into memory; TMPDIR, else that of --out.")
@click.pass_context
def run(
    context, files, out, assignments, skipped, save_steps, device, folder, pipeline_file, given, no_pars, max_memory,
    scratch,
):  # fmt: skip
    """Calibrate exposures: _uncal files become _rate and _rateints, guider exposures _cal, darks _dark.

    Several files run one after the other; one failure does not stop the rest. What the persistence step leaves for
    later exposures of a detector is passed on: give the files in the order in which they were taken.

    Parameters are those of --set, else of --pars, else of the parameter references that go with the exposure, else
    the defaults; --pipeline is run as it is.
    """
    from jwgpu import backend
    from jwgpu.io import output_folder
    from jwgpu.pipelines import Carried, Pipeline
    from jwgpu.reference import cache
    from jwgpu.reference.parameters import read

    settings = Settings(assignments, skipped)
    pipeline = Pipeline.load(pipeline_file) if pipeline_file else None
    if device:
        _use(backend, device)
    out = output_folder(out)
    scratch = output_folder(scratch or os.environ.get("TMPDIR") or out)
    room = {"max_memory": max_memory and backend.memory.parse_bytes(max_memory), "scratch": scratch}
    pars = [read(path) for path in given]
    options = (settings, folder, save_steps, pipeline, pars, not (no_pars or pipeline_file), room)
    if len(files) == 1:
        with cache.limited(0):  # nothing comes after this file that could use its references again
            calibrate(Path(files[0]), out, *options)
        return
    worst, carried = 0, Carried()
    for file in files:
        try:
            calibrate(Path(file), out, *options, carried=carried)
        except Exception as error:
            complain(error, file)
            worst = max(worst, INPUT if isinstance(error, InputError) else FAILED)
    if worst:
        context.exit(worst)


def calibrate(
    file: Path,
    out: Path,
    settings: Settings,
    folder: str | None = None,
    save_steps: bool = False,
    pipeline=None,
    pars: Sequence = (),
    find_pars: bool = False,
    room: Mapping = MappingProxyType({}),
    carried=None,
) -> list[Path]:
    """Run the stage-1 pipeline on one file and save its products; returns their paths.

    `pars` are parameter references that were named; those that go with the exposure are applied before them where
    `find_pars` is true. `room` says how much memory is used (`Pipeline.run`). `carried` holds what earlier exposures
    have left for this one.
    """
    import jwgpu as jw
    from jwgpu import pipelines

    start = time.perf_counter()
    ramp = jw.open(file, lazy=True)
    ramp = ramp if carried is None else carried.give(ramp)
    refs = jw.references(ramp, folder=folder, overrides=settings.overrides)
    sources = (refs, *pars) if find_pars else pars
    pipeline = settings.apply((pipeline or pipelines.choose(ramp)).with_parameters(*sources))
    refs = refs.overridden(pipeline.files)
    _demand(pipeline, refs, folder, file)
    written = []

    def after_step(name, branches):
        if name == "persistence" and carried is not None:
            carried.take(branches["ramp"])
        for branch, exposure in branches.items() if save_steps else ():
            suffix = f"{name}ints" if branch == "rateints" else name
            written.append(jw.save(exposure, out=out, suffix=suffix))

    # Whoever looks in after every step keeps the steps from going together.
    passes_on = carried is not None and "persistence" in pipeline.names() and not pipeline["persistence"].skip
    outcome = pipeline.run(ramp, refs, donate=True, after_step=after_step if save_steps or passes_on else None, **room)
    for name, exposure in (*outcome.products.items(), *outcome.byproducts.items()):
        written.append(jw.save(exposure, out=out, suffix=SUFFIX.get((pipeline.name, name), name)))
    new = outcome.history[len(ramp.history) :]
    done = sum(r.status == "COMPLETE" for r in new)
    device = "GPU" if any(r.device == "gpu" for r in new) else "CPU"
    click.echo(f"{file.name}: {done} steps in {time.perf_counter() - start:.1f} s on the {device}")
    for record in new:
        if record.status == "SKIPPED" and not pipeline[record.step].skip:
            click.echo(f"  without {record.step}: {record.reason}")
    for origin in dict.fromkeys(o for call in pipeline.calls for o in call.origins.values()):
        if origin not in (CODE, USER):
            click.echo(f"  parameters of {origin}")
    for remark in pipeline.remarks:
        click.echo(f"  {remark}")
    for path in written:
        click.echo(f"  {path}")
    return written


def _demand(pipeline, refs, folder, file: Path) -> None:
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
            f"{folder} holds no {kinds} reference for {file.name}. Add files whose headers say so in REFTYPE, name "
            f"them (--set {step}.{kind}=FILE, or N/A to go without), or leave these steps out: {skips}"
        )


def _use(backend, device: str) -> None:
    try:
        backend.use(device)
    except RuntimeError as error:
        raise InputError(f"--device {device}: {error}; use --device cpu, or see `jwgpu info`") from error
