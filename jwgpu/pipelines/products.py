"""The files of what a pipeline makes, under the names that the official one gives them."""

from __future__ import annotations

import os
from pathlib import Path

from jwgpu import io
from jwgpu.data import Exposure, Exposures, SourceCatalog

SUFFIX = {
    ("guider", "image"): "cal", ("dark", "ramp"): "dark", ("image2", "image"): "cal", ("image3", "images"): "crf",
    ("image3", "catalog"): "cat",
}  # fmt: skip
"""Last words of names by pipeline and product of a `Run`, where they are not the name of the product."""

_OF_IMAGES = ("image2", "image3")


def stem(exposure: Exposure) -> str:
    """Return how the names of files begin: of many exposures with the name of their product."""
    return exposure.name if isinstance(exposure, Exposures) else io.root(exposure.name)


def save(noun: Exposure, product: str, pipeline: str, beginning: str, out: str | os.PathLike) -> list[Path]:
    """Write a product of a run, or each member of many; return where the files are.

    Parameters
    ----------
    noun : Exposure
    product : str
        Its name in the run, or that of a step whose result it is.
    pipeline : str
        Name of the pipeline.
    beginning : str
        `stem` of the exposure that the run was on.
    out : path
        Folder.
    """
    suffix, out = SUFFIX.get((pipeline, product), product), Path(out)
    if isinstance(noun, Exposures):
        return [io.save(member, out / member_name(member, noun, suffix)) for member in noun]
    if isinstance(noun, SourceCatalog):
        return [io.save(noun, out / f"{beginning}_{suffix}.ecsv")]
    if pipeline not in _OF_IMAGES or "jwgpu.output" in noun.meta:
        return [io.save(noun, out=out, suffix=suffix)]
    ints = "ints" if getattr(noun, "per_integration", False) else ""
    return [io.save(noun, out / f"{beginning}_{suffix}{ints}.fits")]


def member_name(member: Exposure, images: Exposures, suffix: str) -> str:
    """Return the name of the file of a member after stage 3: with the number of the association, as officially."""
    number = images.meta.get("asn.asn_id")
    return f"{io.root(member.name)}{f'_{number}' if number else ''}_{suffix}.fits"
