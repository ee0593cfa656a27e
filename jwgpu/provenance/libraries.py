"""What CAL_VER leaves open: which version of a library ran beside the calibration software."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

from jwgpu.provenance.builds import Library, knowledge
from jwgpu.provenance.versions import order


def admitted(pin: str, version: str) -> bool:
    """Say whether a requirement such as `>=1.7.0,<1.8.0` lets `version`, or a later one, be installed."""
    tops = re.findall(r"<\s*(\d+)((?:\.\d+)*)", pin)
    return all(order(version) < order(major + (rest or ".0")) for major, rest in tops)


def doubt(library: Library, known: Mapping[str, Any]) -> tuple[str, str]:
    """Return how sure it is that a product was made without the correction in a library, and why.

    A product written before the library's version was released cannot have it, nor can one of a jwst whose
    requirement excludes that version. Otherwise nothing in a header says which version ran: operations install
    snapshots of all packages taken at the release of jwst, so that a jwst older than the library's version likely ran
    without it, and a younger one may have run with it.

    Parameters
    ----------
    library : Library
    known : mapping
        Facts of a product.

    Returns
    -------
    (certainty, reason)
        `("certain", "")`, or `"likely"` or `"possible"` with words.
    """
    version = known["equivalent"]
    release = knowledge().release(version)
    written = str(known.get("DATE", ""))[:10]
    if _is_date(written) and written < library.released:
        return "certain", ""
    if release is None:
        return "possible", f"no header says which {library.name} ran; {library.fixed} has the correction"
    pin = str(release["stcal_pin"]) if library.name == "stcal" else ""
    if not admitted(pin, library.fixed):
        return "certain", ""
    words = (
        f"no header says which {library.name} ran, and jwst {version} admits {library.fixed}, which has the correction"
    )
    tagged = str(release.get("git_tag_date") or release["released"])[:10]
    if tagged < library.released:
        return "likely", f"{words}; it was released later ({library.released}), so not for the archive's snapshot"
    return "possible", f"{words}; it was there already ({library.released}) when that jwst was released"


def _is_date(word: str) -> bool:
    try:
        datetime.date.fromisoformat(word)
    except ValueError:
        return False
    return True
