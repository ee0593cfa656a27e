"""Any raw exposure, ramp, rate, image, mosaic or guider product into its noun."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from jwgpu import backend
from jwgpu.data import Image, Meta, Ramp, SourceCatalog
from jwgpu.data.pieces import in_files
from jwgpu.errors import InputError
from jwgpu.io import asdftree, catalogs, fitsfile
from jwgpu.io.headers import read_headers
from jwgpu.io.incomplete import complete
from jwgpu.io.tables import read_table, table_name
from jwgpu.provenance.manifest import from_text

MANIFEST = "JWGPU"  # the extension that holds the manifest as bytes of JSON text

_WANTED = "an _uncal, _ramp, _rate, _rateints, _cal or _i2d product"
_INSTRUMENTS = ("NIRCAM", "NIRISS", "NIRSPEC", "MIRI", "FGS")
_RAMP_EXTENSIONS = {"zeroframe": "ZEROFRAME", "refout": "REFOUT", "average_dark_current": "AVDRKCUR"}
_IMAGE_EXTENSIONS = {"err": "ERR", "var_poisson": "VAR_POISSON", "var_rnoise": "VAR_RNOISE", "var_flat": "VAR_FLAT",
                     "area": "AREA", "wht": "WHT"}  # fmt: skip
# States of steps whose products are no images.
_LATER = {"S_EXTR1D": "extract_1d", "S_IFUCUB": "cube_build"}


def open(path: str | os.PathLike, *, device: str | None = None, lazy: bool = False) -> Ramp | Image | SourceCatalog:
    """Open a raw exposure, a ramp, a rate product, a calibrated image, a mosaic or a guider product.

    Arrays are native float32 (`data`, errors, variances), uint32 (`dq`, `pixeldq`), uint8 (`groupdq`) and int32
    (`con`), whatever the file has. Ramps are read by integrations, so that no second copy of the data is ever in
    memory.

    Parameters
    ----------
    path : str or path
        `_uncal`, `_ramp`, what was kept after a step, `_rate`, `_rateints`, `_cal`, `_crf`, `_i2d`, a guider's `_cal`;
        a catalogue `_cat.ecsv`, whose segmentation `_segm.fits` is read with it if it lies beside it.
    device : {"cpu", "gpu"}, optional
        Where the arrays go; the device in use by default.
    lazy : bool
        Leave the large arrays of a ramp, and all of an image, in the file, for `Pipeline.run` to read them, whole or
        piece by piece. Such an image can be a member of `Exposures`; nothing else can be done with either. Compressed
        files are read whole. The file of an image must stay as it is.

    Returns
    -------
    Ramp
        From a product of four axes. A raw one gets empty flags.
    Image
        From a product of two or three axes; with `wcs` where the file has one.
    SourceCatalog
        From a catalogue; always on the host.

    Raises
    ------
    InputError
        The file is missing, is not FITS, is cut short, is another kind of product or contradicts its header.

    Warns
    -----
    IncompleteHeaderWarning
        A ramp's header lacks what calibration needs; the message says what was assumed.

    Notes
    -----
    Differs from jwst: header keywords that no schema knows are kept under `meta.extra_fits`; of the ASDF extension
    only those metadata are read that have no keyword.
    """
    path = Path(path)
    if path.suffix == catalogs.SUFFIX:
        return catalogs.read(path)
    with fitsfile.opened(path) as hdus:
        sci = _science(path, hdus)
        values, wcs = read_headers(_named_headers(hdus)), None
        if (tree := fitsfile.named(hdus, asdftree.EXTENSION)) is not None:
            more, wcs = asdftree.read_tree(tree, path.name)
            values = more | values
        values["filename"] = path.name
        history, provenance = _history(path, hdus, values)
        meta = Meta(values | provenance)
        if len(sci.shape) == 4:
            exposure = _read_ramp(path, hdus, sci, meta, fitsfile.left_in_file if lazy else fitsfile.read_array)
        else:
            exposure = _read_image(path, hdus, sci, meta, fitsfile.left_in_named if lazy else fitsfile.read_array)
    if wcs is not None and isinstance(exposure, Image):
        exposure = exposure.replace(wcs=wcs)
    exposure = exposure.replace(history=history)
    return exposure if lazy and in_files(exposure) else exposure.to(device or backend.current().kind)


def _named_headers(hdus):
    pairs = [("PRIMARY", hdus[0].header)]
    return pairs + [(h.name, h.header) for h in hdus[1:] if h.name not in ("ASDF", MANIFEST)]


def _science(path: Path, hdus):
    """Return the SCI extension of a product that can be opened here, or say why it is not one."""
    header = hdus[0].header
    telescope = header.get("TELESCOP")
    if telescope is None and header.get("INSTRUME") not in _INSTRUMENTS:
        raise InputError(
            f"{path} is not a JWST product: its header has no TELESCOP; name a product of the JWST archive"
        )
    if telescope not in (None, "JWST"):
        raise InputError(f"{path} was taken with TELESCOP = {telescope!r}; jwgpu calibrates JWST exposures only")
    if "REFTYPE" in header or "PEDIGREE" in header:
        raise InputError(
            f"{path} is a reference file (REFTYPE = {header.get('REFTYPE', 'unknown')}), not an exposure; name an "
            f"exposure here, and give reference files with --references FOLDER or as an override"
        )
    sci = [hdu for hdu in hdus[1:] if hdu.name == "SCI"]
    if not sci:
        found = ", ".join(hdu.name for hdu in hdus[1:] if hdu.name) or "none"
        raise InputError(f"{path} has no SCI extension (it has: {found}); name {_WANTED}")
    later = [step for keyword, step in _LATER.items() if header.get(keyword) == "COMPLETE"]
    if header.get("S_RESAMP") == "COMPLETE" and header.get("DATAMODL") not in (None, "ImageModel"):
        later.append("resample of spectra")
    if later or len(sci) > 1:
        why = f"{', '.join(later)} done" if later else f"{len(sci)} SCI extensions"
        raise InputError(
            f"{path} is a product of a later stage ({header.get('DATAMODL', 'of unknown type')}, {why}); jwgpu opens "
            f"raw exposures, ramps, rates, images and guider products: name what it was made from, {_WANTED}"
        )
    if not sci[0].is_image:
        raise InputError(f"{path}: SCI is a table, not an image; name {_WANTED}")
    _check_shape(path, header, sci[0].shape)
    return sci[0]


def _check_shape(path: Path, header, shape: tuple[int, ...]) -> None:
    if not shape or 0 in shape:
        kind = "integrations groups rows columns".split()[-len(shape) :] if shape else []
        zero = ", ".join(name for name, length in zip(kind, shape) if not length) or "axes"
        raise InputError(f"{path} holds no data: SCI has zero {zero} (shape {shape}); fetch the file again")
    if len(shape) not in (2, 3, 4):
        raise InputError(f"{path}: SCI has {len(shape)} axes; a ramp has 4, a rate 2 or 3. Name {_WANTED}")
    # Guiders' headers count otherwise than their arrays (stacks, track and fine-guide frames).
    if str(header.get("EXP_TYPE", "")).startswith("FGS_") and header.get("EXP_TYPE") not in ("FGS_IMAGE", "FGS_DARK"):
        return
    n_integrations = header.get("NINTS")
    if None not in (header.get("INTSTART"), header.get("INTEND")):
        n_integrations = header["INTEND"] - header["INTSTART"] + 1  # one segment of a long exposure
    n_groups = header.get("NGROUPS")
    if len(shape) == 4 and n_groups not in (None, shape[1]):
        raise InputError(
            f"{path} contradicts itself: the header says NGROUPS = {n_groups}, the data have {shape[1]} groups "
            f"(shape {shape}); fetch the file again, or correct NGROUPS"
        )
    if len(shape) > 2 and n_integrations not in (None, shape[0]):
        raise InputError(
            f"{path} contradicts itself: the header says {n_integrations} integrations (NINTS, or INTSTART to INTEND), "
            f"the data have {shape[0]} (shape {shape}); fetch the file again, or correct the header"
        )


def _history(path: Path, hdus, values: dict) -> tuple[tuple, dict[str, Any]]:
    """Return the records of the manifest, if there is one, and where the exposure comes from."""
    records, inputs, before = (), [], None
    if (hdu := fitsfile.named(hdus, MANIFEST)) is not None:
        try:
            content, records = from_text(bytes(np.asarray(hdu.data, np.uint8)).decode("ascii"))
            inputs, before = list(content.get("inputs") or ()), content.get("input_software")
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}: its {MANIFEST} extension is damaged ({error}); remove the extension or make the file again"
            ) from error
    if not records:
        before = values.get("calibration_software_version")
    provenance = {"jwgpu.source": str(path.resolve()), "jwgpu.inputs": (*inputs, path.name)}
    return records, provenance | ({"jwgpu.input_software": before} if before else {})


def _read_ramp(path: Path, hdus, sci, meta: Meta, read) -> Ramp:
    meta = complete(meta, sci.shape, path.name)
    plane, n_superstripes = sci.shape[2:], int(meta.get("subarray.num_superstripe", 0))
    if n_superstripes:
        plane = (n_superstripes, *plane)
        if sci.shape[0] % n_superstripes:
            raise InputError(
                f"{path} contradicts itself: {sci.shape[0]} integrations are not whole turns of its {n_superstripes} "
                f"superstripes (SSTR_NST); fetch the file again, or correct SSTR_NST"
            )
    found: dict[str, Any] = {
        name: _optional(path, hdus, hdu, np.float32, read) for name, hdu in _RAMP_EXTENSIONS.items()
    }
    pixeldq = _optional(path, hdus, "PIXELDQ", np.uint32)
    if pixeldq is None:
        pixeldq = _optional(path, hdus, "DQ", np.uint32)  # guider ramps
    groupdq = _optional(path, hdus, "GROUPDQ", np.uint8, read)
    found["pixeldq"] = np.zeros(plane, np.uint32) if pixeldq is None else pixeldq
    data = read(path, sci, np.float32)
    if groupdq is None:
        lazy = isinstance(data, backend.FileArray)
        groupdq = backend.FileArray(None, sci.shape, np.uint8) if lazy else np.zeros(sci.shape, np.uint8)
    found["groupdq"] = groupdq
    for name, shape in (("pixeldq", plane), ("groupdq", sci.shape)):
        if found[name].shape[-len(shape) :] != tuple(shape):
            raise InputError(
                f"{path} contradicts itself: {name.upper()} has shape {found[name].shape}, SCI {sci.shape}; "
                f"fetch the file again"
            )
    unit = meta.get("bunit_data", "DN")
    return Ramp(data=data, meta=meta, unit=unit, tables=_tables(hdus), **found)


def _read_image(path: Path, hdus, sci, meta: Meta, read) -> Image:
    found: dict[str, Any] = {
        name: _optional(path, hdus, hdu, np.float32, read) for name, hdu in _IMAGE_EXTENSIONS.items()
    }
    found["dq"] = _optional(path, hdus, "DQ", np.uint32, read)
    found["con"] = _optional(path, hdus, "CON", np.int32, read)
    for name, array in found.items():
        if array is not None and array.shape[-2:] != sci.shape[-2:]:
            raise InputError(
                f"{path} contradicts itself: {name.upper()} has shape {array.shape}, SCI {sci.shape}; "
                f"fetch the file again"
            )
    data = read(path, sci, np.float32)
    return Image(data=data, meta=meta, unit=meta.get("bunit_data", "DN/s"), tables=_tables(hdus), **found)


def _optional(path: Path, hdus, name: str, dtype, read=fitsfile.read_array) -> Any:
    hdu = fitsfile.named(hdus, name)
    if hdu is None or not hdu.is_image or not hdu.shape or 0 in hdu.shape:
        return None
    return read(path, hdu, dtype)


def _tables(hdus) -> dict[str, np.ndarray]:
    found = {}
    for hdu in hdus[1:]:
        if isinstance(hdu, fits.BinTableHDU) and not hdu.is_image and hdu.name not in ("ASDF", MANIFEST):
            table = read_table(hdu)
            if table is not None:
                found[table_name(hdu.name)] = table
    return found
