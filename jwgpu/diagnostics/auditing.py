"""`jw.audit`: what is known to be wrong with products, and what mends it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from tqdm.auto import tqdm

from jwgpu import associations
from jwgpu.data import Exposures
from jwgpu.errors import InputError
from jwgpu.io.products import exposure_header, product_files
from jwgpu.io.quickheader import quick_header
from jwgpu.pipelines import table
from jwgpu.provenance.audit import Audit, audit_header
from jwgpu.provenance.audits import Audits
from jwgpu.provenance.commands import Abilities

__all__ = ["abilities", "audit", "audit_files"]


def audit(product) -> Audit | Audits:
    """Return which known issues of the operational pipeline touch a product, and what mends each.

    Headers alone are read. How sure a finding is follows from the version and the conditions: certain, likely (only
    the pixels tell), possible (the header leaves something open, or nobody knows whether this version had the issue).

    Parameters
    ----------
    product : exposure, Exposures, path, folder, or list of them
        One product gives an `Audit`; a set, a folder or a list gives `Audits`, where what cannot be audited is one
        line in `refused`.

    Raises
    ------
    InputError
        A single product that is not of JWST, cannot be read, or has no CAL_VER.
    """
    if _is_exposure(product):
        return _exposure(product)
    if isinstance(product, (str, os.PathLike)):
        return audit_files([product], progress=True) if os.path.isdir(product) else _file(product)
    if not isinstance(product, Iterable):
        raise _unknown(product)
    return audit_files(product, progress=True)


def audit_files(products: Iterable, progress: bool = False) -> Audits:
    """Return the audits of exposures, files and all products in folders, with what is refused, one line each."""
    products = list(products)
    for wrong in products:
        if not (_is_exposure(wrong) or isinstance(wrong, (str, os.PathLike))):
            raise _unknown(wrong)
    every = [one for product in products for one in ([product] if _is_exposure(product) else product_files([product]))]
    return _many(list(dict.fromkeys(every)) if not any(map(_is_exposure, every)) else every, progress)


@functools.cache
def abilities() -> Abilities:
    """Return what jwgpu can do today: the steps in its tables, and the modes that they are for."""
    steps: dict[str, set] = {}
    for name, order in table.TABLES.values():
        steps.setdefault(name, set()).update(order)
    stage2, stage3 = frozenset(steps.pop("image2")), frozenset(steps.pop("image3"))
    stage1 = frozenset().union(*steps.values())
    return Abilities(stage1, stage2, stage3, table.IMAGE_MODES, table.MOSAIC_MODES)


def _many(products: Iterable, progress: bool = False) -> Audits:
    done, refused = [], []
    for product in tqdm(products, unit=" products", disable=not progress, leave=False, delay=1):
        try:
            done.append(_exposure(product) if _is_exposure(product) else _file(product))
        except InputError as error:
            name = getattr(product, "name", None) if _is_exposure(product) else None
            refused.append((name or str(product), " ".join(str(error).split())))
    return Audits(tuple(done), tuple(refused))


def _is_exposure(product) -> bool:
    return hasattr(product, "meta") and hasattr(product, "history") and not isinstance(product, Exposures)


def _unknown(product) -> InputError:
    kind = type(product).__name__
    return InputError(f"audit takes an exposure, Exposures, a path, a folder, or a list of them, not {kind}")


def _exposure(product) -> Audit:
    header, name = exposure_header(product)
    return audit_header(header, name, abilities())


def _file(path) -> Audit:
    header, has_science = quick_header(path)
    return audit_header(header, os.fspath(path), abilities(), has_science, _members(path, header))


def _members(path, header: Mapping) -> tuple[str, ...]:
    """Return the science exposures of the association that stands beside a product made of several."""
    table_name = str(header.get("ASNTABLE", "")).strip()
    beside = Path(path).parent / Path(table_name).name
    if not table_name.endswith(".json") or not beside.is_file():
        return ()
    try:
        asn = associations.read(beside, check=False)
    except InputError:
        return ()  # whoever runs it says why
    name = Path(path).name
    for product in asn:
        members = product.of("science")
        # A mosaic has the name of the product; a resampled or flagged exposure that of a member.
        if name.startswith((product.name, *(member.expname.rpartition("_")[0] for member in members))):
            return tuple(str(asn.path(member)) for member in members)
    return ()
