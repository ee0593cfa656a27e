"""`jwgpu run`: raw exposures become products, and products mosaics."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import click

from jwgpu.cli import inputs
from jwgpu.cli.report import FAILED, INPUT, Settings, complain
from jwgpu.cli.work import Options, Work
from jwgpu.errors import InputError


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
@click.option("--to", type=click.Choice(inputs.STAGES), default=None, help="Go on as far as this pipeline.")
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
    context, files, out, assignments, skipped, to, save_steps, device, folder, pipeline_file, given, no_pars,
    max_memory, scratch,
):  # fmt: skip
    """Calibrate exposures, and make mosaics of them.

    FILE is a raw exposure (_uncal, which becomes _rate and _rateints; of a guider _cal, of darks _dark), a rate (_cal
    and _i2d), or an association of rates. Calibrated images (_cal), a folder of them, or an association become mosaics:
    _i2d, _crf, _cat and _segm. Images of the same filter, pupil, subarray and target go into one mosaic.

    --to image3 takes raw exposures or rates all the way.

    Several run one after the other; one failure does not stop the rest. What the persistence step leaves for later
    exposures of a detector is passed on: give the files in the order in which they were taken.

    Parameters are those of --set, else of --pars, else of the parameter references that go with the exposure, else
    the defaults; --pipeline is run as it is.
    """
    from jwgpu import backend, pipelines
    from jwgpu.io import output_folder
    from jwgpu.reference import cache
    from jwgpu.reference.parameters import read

    if to and pipeline_file:
        raise InputError("--to runs one pipeline after the other, and --pipeline names one; give one of them")
    if device:
        _use(backend, device)
    out = output_folder(out)
    scratch = output_folder(scratch or os.environ.get("TMPDIR") or out)
    known = {step for _, order in pipelines.table.TABLES.values() for step in order}
    options = Options(
        out=out, settings=Settings(assignments, skipped), folder=folder, save_steps=save_steps,
        pipeline=pipelines.Pipeline.load(pipeline_file) if pipeline_file else None, pars=[read(path) for path in given],
        find_pars=not (no_pars or pipeline_file),
        room={"max_memory": max_memory and backend.memory.parse_bytes(max_memory), "scratch": scratch},
        elsewhere=frozenset(known if to else ()),
    )  # fmt: skip
    tried = _Tried()
    named = inputs.Inputs()
    for file in files:
        tried.alone = len(files) == 1
        tried(lambda file: named.add(file), file, file)
    tried.alone = len(files) == len(named) == 1
    with cache.limited(0) if tried.alone and not to else contextlib.nullcontext():
        _all(named, options, to, tried)
    if tried.worst:
        context.exit(tried.worst)


class _Tried:
    """Does one thing after the other: of one that is alone the failure is that of the command, others are told."""

    def __init__(self):
        self.alone, self.worst = True, 0

    def __call__(self, work: Callable, thing, label: str):
        """Return what comes of `thing`; nothing where it fails."""
        try:
            return work(thing)
        except Exception as error:
            if self.alone:
                raise
            complain(error, label)
            self.worst = max(self.worst, INPUT if isinstance(error, InputError) else FAILED)
            return []


def _all(named: inputs.Inputs, options: Options, to: str | None, tried: _Tried) -> None:
    from jwgpu import associations
    from jwgpu.pipelines import Carried

    carried = Carried() if len(named.exposures) > 1 else None
    images, mosaics = list(named.images), list(named.mosaics)
    for each in named.exposures:
        images += tried(lambda one: exposure(one, options, to, carried), each, each.label)
    if images and to in (None, "image3"):
        found = tried(lambda paths: associations.associate(paths, 3), images, images[0].name)
        mosaics += [inputs.Mosaic(asn, product) for asn in found for product in asn]
        tried.alone = tried.alone and len(mosaics) == 1
    for each in mosaics:
        tried(lambda one: mosaic(one, options), each, each.label)


def exposure(one: inputs.Exposure, options: Options, to: str | None = None, carried=None) -> list[Path]:
    """Calibrate an exposure; return the calibrated images to go on with."""
    import jwgpu as jw

    noun = jw.open(one.path, lazy=True)
    if carried is not None and isinstance(noun, jw.Ramp):
        noun = carried.give(noun)
    if one.asn is not None:
        meta = {"asn.pool_name": one.asn.more.get("asn_pool"), "asn.table_name": one.asn.table_name,
                "filename": f"{one.product.name}_rate.fits"}  # fmt: skip
        noun = noun.replace(meta=noun.meta.set(meta))
    backgrounds = None if one.asn is None else one.asn.exposures(one.product, "background")
    roles = {} if backgrounds is None else {"background": backgrounds}
    work = Work(noun, options, one.path.name, roles, carried)
    if to in ("image2", "image3") and isinstance(noun, jw.Ramp):
        if "rate" not in work.products:
            raise InputError(f"{one.path} does not become a rate, so that there is nothing to go on with to {to}")
        work = Work(work.products["rate"], options, jw.io.product_name(one.path.name, "rate"))
    return [path for path in work.written if to == "image3" and path.name.endswith("_cal.fits")]


def mosaic(one: inputs.Mosaic, options: Options) -> list[Path]:
    """Make a mosaic; return the files that were written."""
    images = one.asn.exposures(one.product, scratch=options.room.get("scratch"))
    return Work(images, options, one.label).written


def calibrate(file: Path, out: Path, settings: Settings, folder: str | None = None) -> list[Path]:
    """Run the pipeline that belongs to a file and save its products; return their paths."""
    import jwgpu as jw

    return Work(jw.open(file, lazy=True), Options(out, settings, folder), Path(file).name).written


def _use(backend, device: str) -> None:
    try:
        backend.use(device)
    except RuntimeError as error:
        raise InputError(f"--device {device}: {error}; use --device cpu, or see `jwgpu info`") from error
