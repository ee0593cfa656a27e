"""Write a simulated exposure as real files: raw data, reference files, CRDS cache, truth."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path

import asdf
import numpy as np
from astropy.io import fits
from astropy.table import Table

from jwgpu.data import PIXEL, Meta, Ramp, Reference
from jwgpu.errors import InputError
from jwgpu.io import atomic
from jwgpu.io.keywords import layout
from jwgpu.io.save import is_guider
from jwgpu.io.tables import table_hdus
from jwgpu.reference import local
from jwgpu.simulate.exposures import Simulation, Truth

TYPES = ("mask", "superbias", "saturation", "linearity", "dark", "gain", "readnoise", "ipc", "reset", "rscd",
         "refpix", "emicorr", "pictureframe", "flat", "photom", "area", "distortion", "filteroffset", "apcorr",
         "abvegaoffset")  # fmt: skip

_EXTENSION = {"data": "SCI", "err": "ERR", "dq": "DQ", "coeffs": "COEFFS", "irs2_table": "IRS2", "dq_table": "DQ",
              "rscd_group_skip_table": "RSCD_GROUP_SKIP", "phot_table": "PHOTOM",
              "apcorr_table": "APCORR"}  # fmt: skip
_SCHEMAS = {"DarkMIRIModel": "darkMIRI", "IRS2Model": "irs2", "PixelAreaModel": "pixelarea",
            "NrcImgPhotomModel": "nrcimg_photom", "NisImgPhotomModel": "nisimg_photom",
            "MirImgPhotomModel": "mirimg_photom", "FgsImgPhotomModel": "fgsimg_photom",
            "NrcImgApcorrModel": "nrcimg_apcorr", "NisImgApcorrModel": "nisimg_apcorr",
            "MirImgApcorrModel": "mirimg_apcorr", "FgsImgApcorrModel": "fgsimg_apcorr"}  # fmt: skip
_DQ_DEF = np.dtype([("BIT", "i4"), ("VALUE", "u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])


@dataclasses.dataclass(frozen=True)
class Written:
    """Where the files of a simulated exposure are.

    Attributes
    ----------
    uncal : Path
    references : list of Path
    crds : Path or None
        Folder of the CRDS cache.
    truth : Path
        An npz file with the arrays of `Truth`.
    """

    uncal: Path
    references: list[Path]
    crds: Path | None
    truth: Path

    def __repr__(self) -> str:
        folder = self.references[0].parent if self.references else "no folder"
        cache = f", a CRDS cache in {self.crds}" if self.crds else ""
        return f"<Written: {self.uncal}, {len(self.references)} references in {folder}{cache}, {self.truth}>"

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables under which CRDS serves the references from the cache, without a network."""
        return local.environment(self.crds) if self.crds else {}


def _save(hdus: fits.HDUList, path: Path) -> Path:
    """Write a file that is whole when it exists."""
    with atomic(path) as partial:
        hdus.writeto(partial)
    return path


def _headers(meta: Meta, schema: str) -> tuple[fits.Header, fits.Header]:
    """Return the headers of the first and of the science extension under the schema's keywords."""
    primary, science = fits.Header(), fits.Header()
    for keyword in layout(schema).keywords:
        value = meta.get(keyword.path)
        if value is not None:
            (science if keyword.hdu == "SCI" else primary)[keyword.name] = value
    return primary, science


def _tree() -> fits.BinTableHDU:
    """Return an extension with an empty ASDF tree: readers expect one, and what it could say stands in the headers."""
    stream = io.BytesIO()
    asdf.AsdfFile({}).write_to(stream)
    content = np.frombuffer(stream.getvalue(), np.uint8)
    column = np.array([(content,)], np.dtype([("ASDF_METADATA", "u1", content.shape)]))
    return fits.BinTableHDU(column, name="ASDF")


def raw(ramp: Ramp) -> fits.HDUList:
    """Return the level-1b file of a ramp whose values are whole DN."""
    primary, science = _headers(ramp.meta, "level1b")
    hdus = [fits.PrimaryHDU(header=primary)]
    hdus.append(fits.ImageHDU(_whole(ramp.data, ramp.name), header=science, name="SCI"))
    if ramp.zeroframe is not None:
        hdus.append(fits.ImageHDU(_whole(ramp.zeroframe, ramp.name), name="ZEROFRAME"))
    if ramp.refout is not None:
        hdus.append(fits.ImageHDU(_whole(ramp.refout, ramp.name), name="REFOUT"))
    extensions = table_hdus(ramp.tables, "guider_raw" if is_guider(ramp) else "level1b")
    hdus += [fits.BinTableHDU(ramp.tables[name], name=extension) for name, extension in extensions.items()]
    return fits.HDUList([*hdus, _tree()])


def _whole(data: np.ndarray, name: str) -> np.ndarray:
    counts = data.astype(np.uint16)
    if not np.array_equal(counts, data):
        raise InputError(
            f"{name} holds values that are not whole DN between 0 and 65535, as a raw file must; simulate it with "
            "quantize=True before writing."
        )
    return counts


def definition(dq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a flag array in the file's own compact bits, and the DQ_DEF table that explains them."""
    names = [name for name, bit in PIXEL.items() if name == "DO_NOT_USE" or np.any(dq & bit)]
    table = np.zeros(len(names), _DQ_DEF)
    local = np.zeros(dq.shape, np.uint32)
    for bit, name in enumerate(names):
        table[bit] = (bit, 1 << bit, name.encode(), name.lower().replace("_", " ").encode())
        local |= ((dq & PIXEL[name]) != 0).astype(np.uint32) << np.uint32(bit)
    return local, table


def reference_file(reference: Reference) -> fits.HDUList:
    """Return the file of a reference."""
    primary, _ = _headers(reference.meta, _SCHEMAS.get(reference.meta.model_type, reference.type))
    hdus = [fits.PrimaryHDU(header=primary)]
    for name, array in reference.arrays.items():
        if name == "dq":
            local, table = definition(array)
            hdus += [fits.ImageHDU(local, name="DQ"), fits.BinTableHDU(table, name="DQ_DEF")]
        else:
            form = fits.ImageHDU if array.dtype.names is None else fits.BinTableHDU
            hdus.append(form(array, name=_EXTENSION[name]))
    return fits.HDUList([*hdus, _tree()])


def _save_reference(reference: Reference, path: Path) -> Path:
    """Write a reference as FITS, or as ASDF where that is its form."""
    if path.suffix != ".asdf":
        return _save(reference_file(reference), path)
    with atomic(path) as partial:
        asdf.AsdfFile({**_asdf_tree(reference), **reference.models}).write_to(partial)
    return path


def _asdf_tree(reference: Reference) -> dict:
    """Return the tree of a reference under the official names; tables become lists of rows."""
    made: dict = {}
    for path, value in [*reference.meta.items(), *reference.arrays.items()]:
        *branches, leaf = path.split(".")
        own = path in reference.arrays or (branches and branches[0] in ("frequencies", "subarray_cases"))
        node = made if own else made.setdefault("meta", {})
        for branch in branches:
            node = node.setdefault(branch, {})
        if path == "abvega_offset":
            value = Table(value)
        if isinstance(value, np.ndarray) and value.dtype.names:
            value = [dict(zip(value.dtype.names, row)) for row in value.tolist()]
        node[leaf] = list(value) if isinstance(value, tuple) else value
    return made


def _truth_arrays(truth: Truth) -> dict[str, np.ndarray]:
    return {f.name: v for f in dataclasses.fields(truth) if isinstance(v := getattr(truth, f.name), np.ndarray)}


def write(simulation: Simulation, folder: str | os.PathLike, *, crds: bool = True) -> Written:
    """Write a simulated exposure as the files an observer would have.

    Parameters
    ----------
    simulation : Simulation
    folder : path
        `<root>_uncal.fits` and `<root>_truth.npz` go there, the references into `references`, the cache into `crds`.
        Several exposures may share a folder; those of one detector, subarray and read pattern then share its
        references, so give them the same number of groups and the same `detector_seed`.
    crds : bool
        Also make a CRDS cache that selects these references (hard links where the file system has them).

    Returns
    -------
    Written

    Raises
    ------
    InputError
        Where the folder cannot be written, or the exposure does not hold whole DN.
    """
    folder = Path(folder)
    ramp = simulation.ramp.to("cpu")
    try:
        (folder / "references").mkdir(parents=True, exist_ok=True)
        uncal = _save(raw(ramp), folder / ramp.name)
        held = simulation.files or simulation.references
        made = [held.get(kind).to("cpu") for kind in TYPES if held.get(kind) is not None]
        paths = [_save_reference(r, folder / "references" / r.name) for r in made]
        truth = folder / ramp.name.replace("_uncal.fits", "_truth.npz")
        with atomic(truth) as partial, partial.open("wb") as stream:
            np.savez(stream, **_truth_arrays(simulation.truth))
        if crds:
            found = [p for p in (folder / "references").iterdir() if p.suffix in (".fits", ".asdf")]
            local.write_cache(folder / "crds", sorted(found))
    except OSError as error:
        raise InputError(
            f"The simulated exposure cannot be written to {folder}: {error.strerror or error}; choose a folder that "
            "exists or can be made, is writable, and has room."
        ) from error
    return Written(uncal, paths, folder / "crds" if crds else None, truth)
