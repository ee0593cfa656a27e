"""From files to a mosaic in one call."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jwgpu import associations, io
from jwgpu.backend import memory
from jwgpu.data import Exposures, Image
from jwgpu.data.pieces import in_files, loaded
from jwgpu.errors import InputError
from jwgpu.pipelines.choose import choose
from jwgpu.pipelines.run import Run


def image3(
    source,
    *,
    product: str | None = None,
    steps: Mapping[str, Mapping[str, Any]] | None = None,
    references: str | os.PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    pars: bool = True,
    out: str | os.PathLike | None = None,
    keep: Iterable[str] = (),
    progress: bool = True,
    max_memory: int | str | None = None,
    scratch: str | os.PathLike | None = None,
) -> Run:
    """Make a mosaic and a catalogue of calibrated images.

    >>> run = jw.image3("products", steps={"resample": {"pixfrac": 0.8}})
    >>> jw.show(run.i2d)
    >>> run.catalog["aper_total_flux"]

    Parameters
    ----------
    source : path, Association, Exposures, or list of paths or images
        An association, a folder of `_cal` files, files, images that are open.
    product : str, optional
        Which product of an association, or which of the mosaics that the files fall into by filter, pupil, subarray and
        target; needed where there are several.
    steps : mapping, optional
        Step: its parameters that are to differ, `skip` among them: `{"tweakreg": {"skip": True}}`.
    references : path, optional
        Folder of reference files instead of CRDS.
    overrides : mapping, optional
        Type, or step and type: a file instead of the one that would be found.
    pars : bool
        Whether to apply the parameter references of the exposures.
    out : path, optional
        Folder for the products, which are saved there; they are not without one (`run.save(folder)`).
    keep, progress, max_memory, scratch
        As of `Pipeline.run`.

    Returns
    -------
    Run
        `run.i2d`, `run.catalog`, and `run.images`, the exposures as they are after alignment and flagging; their arrays
        stay in files (`run.images.loaded()`), as do those of a mosaic that takes more than a quarter of what is free.

    Raises
    ------
    InputError
        The files are no calibrated images, or belong to several mosaics and `product` does not say which.
    """
    from jwgpu.reference import references as find

    images = exposures(source, product, scratch)
    refs = find(images, folder=references, overrides=overrides)
    pipeline = choose(images)
    pipeline = pipeline.with_parameters(refs) if pars else pipeline
    for name, values in (steps or {}).items():
        values = dict(values)
        if (skip := values.pop("skip", None)) is not None:
            pipeline = pipeline.without(name) if skip else pipeline.including(name)
        pipeline = pipeline.set(name, **values)
    run = pipeline.run(images, refs, keep=keep, progress=progress, max_memory=max_memory, scratch=scratch)
    run = _at_hand(run)
    if out is not None:
        run.save(out)
    return run


def _at_hand(run: Run) -> Run:
    """Return the run with its mosaic in memory, if there is room."""
    mosaic = run.products.get("i2d")
    if mosaic is None or not in_files(mosaic) or mosaic.nbytes > memory.budget("cpu") // 4:
        return run
    return dataclasses.replace(run, products={**run.products, "i2d": loaded(mosaic)})


def exposures(source, product: str | None = None, scratch: str | os.PathLike | None = None) -> Exposures:
    """Return the exposures that `image3` would work on (see there), with their arrays in the files."""
    if isinstance(source, Exposures):
        return source
    if isinstance(source, Image):
        source = [source]
    if isinstance(source, associations.Association):
        found = [(source, each) for each in source]
    elif isinstance(source, (str, os.PathLike)) and associations.is_association(source) and not Path(source).is_dir():
        asn = associations.read(source)
        found = [(asn, each) for each in asn]
    else:
        source = source if isinstance(source, (str, os.PathLike)) else list(source)
        if not isinstance(source, (str, os.PathLike)) and any(isinstance(each, Image) for each in source):
            return Exposures.of(source, product or io.root(source[0].name), scratch)
        found = [(asn, each) for asn in associations.associate(source, 3) for each in asn]
    chosen = [(asn, each) for asn, each in found if product in (None, each.name)]
    if len(chosen) != 1:
        names = ", ".join(each.name for _, each in found)
        raise InputError(
            f"these files make {len(found)} mosaics ({names}), "
            + (f"none of them {product!r}" if product else "and one is made at a time")
            + "; say which with product="
        )
    asn, which = chosen[0]
    return asn.exposures(which, scratch=scratch)
