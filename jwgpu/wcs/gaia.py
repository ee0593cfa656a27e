"""Stars of Gaia around a place on the sky, from the catalogue service of the Space Telescope Science Institute."""

from __future__ import annotations

import csv
import os
import urllib.error
import urllib.parse
import urllib.request

import numpy as np

from jwgpu.errors import InputError
from jwgpu.wcs.catalogues import SKY

CATALOGUES = ("GAIAREFCAT", "GAIADR3", "GAIADR2", "GAIADR1")
SERVICE = "https://gsss.stsci.edu/webservices"
VARIABLE = "ASTROMETRIC_CATALOG_URL"
_PATIENCE = 30.0  # seconds


def fetch(catalogue: str, ra: float, dec: float, radius: float, epoch: float) -> np.ndarray:
    """Return the positions of stars at an epoch (years), as far as their proper motions are known.

    Parameters
    ----------
    catalogue : str
        One of `CATALOGUES`.
    ra, dec, radius : float, degrees

    Raises
    ------
    InputError
        The service cannot be reached, or does not answer with a table.
    """
    address = os.environ.get(VARIABLE, SERVICE)
    wanted = {"RA": ra, "DEC": dec, "EPOCH": epoch, "SR": radius, "FORMAT": "CSV", "CAT": catalogue}
    url = f"{address}/vo/CatalogSearch.aspx?{urllib.parse.urlencode(wanted)}"
    remedy = (
        "go online, set ASTROMETRIC_CATALOG_URL to a service that can be reached, or give a catalogue of your own as "
        "abs_refcat"
    )
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise InputError(f"tweakreg: {catalogue} cannot be fetched from {address} ({error}); {remedy}") from error
    if text.startswith("No data records"):
        return np.zeros(0, SKY)
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    try:
        if not {"ra", "dec", "pmra", "pmdec"} <= set(rows.fieldnames or ()):
            raise ValueError(f"columns {rows.fieldnames}")
        kept = [(float(row["ra"]), float(row["dec"]), 1.0) for row in rows if _moves(row)]
    except (csv.Error, ValueError, TypeError) as error:
        raise InputError(
            f"tweakreg: {address} did not answer with a table of {catalogue} ({error}); {remedy}"
        ) from error
    return np.array(kept, SKY)


def _moves(row: dict) -> bool:
    """Say whether the position of a star is that of the epoch: its proper motion is known."""
    return all((row.get(name) or "nan").strip().lower() not in ("", "nan", "null") for name in ("pmra", "pmdec"))
