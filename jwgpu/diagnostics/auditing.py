"""`jw.audit`: what is known to be wrong with products, and what mends it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tqdm import tqdm

from jwgpu import steps
from jwgpu.errors import InputError
from jwgpu.io.products import exposure_header, product_files
from jwgpu.io.quickheader import quick_header
from jwgpu.provenance.audit import Audit, audit_header
from jwgpu.provenance.audits import Audits

__all__ = ["audit", "audit_files"]


def audit(product) -> Audit | Audits:
    """Return which known issues of the operational pipeline touch a product, and what mends each.

    Headers alone are read. How sure a finding is follows from the version and the conditions: certain, likely (only
    the pixels tell), possible (the header leaves something open, or nobody knows which version brought the issue).

    Parameters
    ----------
    product : exposure, path, folder, or list of paths
        One product gives an `Audit`; a folder or a list gives `Audits`, where what cannot be read is one line in
        `refused`.

    Raises
    ------
    InputError
        A single product that is not of JWST, cannot be read, or has no CAL_VER.
    """
    available = frozenset(steps.names())
    if hasattr(product, "meta") and hasattr(product, "history"):
        header, name = exposure_header(product)
        return audit_header(header, name, available)
    if isinstance(product, (str, os.PathLike)):
        if os.path.isdir(product):
            return audit_files([product])
        header, has_science = quick_header(product)
        return audit_header(header, os.fspath(product), available, has_science)
    return audit_files(product)


def audit_files(paths: Iterable, progress: bool = False) -> Audits:
    """Return the audits of files and of all products in folders; what cannot be audited is refused in one line."""
    available = frozenset(steps.names())
    done, refused = [], []
    for path in tqdm(product_files(paths), unit=" products", disable=not progress, leave=False):
        try:
            header, has_science = quick_header(path)
            done.append(audit_header(header, str(path), available, has_science))
        except InputError as error:
            refused.append((str(path), " ".join(str(error).split())))
    return Audits(tuple(done), tuple(refused))
