"""What predicates ask of a product: its keywords, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jwgpu.errors import InputError
from jwgpu.provenance.builds import knowledge
from jwgpu.provenance.versions import context_number, equivalent, is_development, order

_STAGE_2 = ("S_WCS", "S_FLAT", "S_PHOTOM", "S_EXTR2D", "S_SRCTYP")
_STAGE_3 = ("S_OUTLIR", "S_TWKREG", "S_SKYMAT", "S_MTWCS", "S_COMB1D", "S_AMIANA", "S_KLIP", "S_WHTLIT", "S_TSPHOT")
_AFTER_2 = frozenset("cal calints bsub bsubints i2d s2d s3d x1d x1dints phot".split())
_AFTER_3 = frozenset("crf crfints c1d cat segm whtlt psfsub psfalign psfstack ami ami-oi aminorm".split())
_LEVEL_3_NAME = re.compile(r"jw\d{5}-[aoct]\d+", re.IGNORECASE)


def facts(header: Mapping[str, Any], name: str, has_science: bool = True) -> dict[str, Any]:
    """Return keywords and derived facts of a product, for predicates.

    Derived, in small letters so that no keyword has their name: `version` (as a tuple), `context` (a number), `stage`
    (0 raw, 1 rates, 2 calibrated, 3 combined), `suffix` of the file name, `local` (true where the software is a
    development version or one that never ran in operations, else missing), `sdp` (year and build of the software that
    made the raw product, from SDP_VER), `has SCI`, `has states`.

    Parameters
    ----------
    header : mapping
        Keywords of the primary header and of SCI.
    name : str
        The file; its suffix counts, as users rename files less often than they rewrite headers.
    has_science : bool
        Whether there is an extension SCI.

    Raises
    ------
    InputError
        Not a product of JWST, or one that does not say what calibrated it.
    """
    check_telescope(header, name)
    software = str(header.get("CAL_VER", "")).strip()
    ours = software.startswith("jwgpu")
    version = equivalent(header.get("CAL_VCS", "")) if ours else software
    if not software:
        raise InputError(f"{name}: has no CAL_VER, so nothing says what calibrated it; audit a product of the pipeline")
    if not version or order(version) is None:
        raise InputError(f"{name}: CAL_VER {software!r} is not a version that can be placed among the builds")
    known = {key: value for key, value in header.items() if key and value is not None}
    stem = Path(name).name.split(".fits")[0]
    suffix = stem.rpartition("_")[2].lower()
    known |= {
        "version": order(version),
        "equivalent": version,
        "ours": ours,
        "has SCI": has_science,
        "has states": any(key.startswith("S_") and isinstance(value, str) for key, value in known.items()),
        "suffix": suffix,
    }
    context = context_number(known.get("CRDS_CTX", ""))
    if context is not None:
        known["context"] = context
    if sdp := re.match(r"(20\d\d)[._](\d+)", str(known.get("SDP_VER", "")).strip()):
        known["sdp"] = (int(sdp[1]), int(sdp[2]))
    if not ours and (is_development(version) or _never_operated(version)):
        known["local"] = True
    known["stage"] = _stage(known, stem, suffix)
    return known


def check_telescope(header: Mapping[str, Any], name) -> None:
    """Check that a product is of JWST.

    Raises
    ------
    InputError
        It is of another telescope, or does not say.
    """
    telescope = header.get("TELESCOP")
    if str(telescope).strip().upper() != "JWST":
        words = "missing" if telescope is None else repr(telescope)
        raise InputError(f"{name}: not a product of JWST (TELESCOP is {words})")


def _stage(known: Mapping[str, Any], stem: str, suffix: str) -> int:
    def done(*states):
        return any(str(known.get(state)).upper() == "COMPLETE" for state in states)

    if done(*_STAGE_3) or suffix in _AFTER_3 or _LEVEL_3_NAME.match(stem):
        return 3
    if done(*_STAGE_2) or suffix in _AFTER_2:
        return 2
    if suffix in ("rate", "rateints", "ramp") or done(*(key for key in known if key.startswith("S_"))):
        return 1
    return 0


def _never_operated(version: str) -> bool:
    release = knowledge().release(version)
    return release is not None and "PyPI-only" in str(release.get("note"))
