"""A small CRDS cache of its own, from which the real CRDS client selects simulated references.

The layout is that of a synchronised cache: a pipeline mapping names an instrument mapping, which names for every
reference type a mapping with selection rules, or answers that there is none ("N/A").
"""

from __future__ import annotations

import json
import os
import pprint
import shutil
from pathlib import Path

from astropy.io import fits

CONTEXT = "jwst_0001.pmap"
TYPES = ("mask", "superbias", "saturation", "linearity", "dark", "gain", "readnoise")

_KEYS = {"META.INSTRUMENT.DETECTOR": "DETECTOR", "META.SUBARRAY.NAME": "SUBARRAY"}
_DARK_KEYS = {**_KEYS, "META.EXPOSURE.READPATT": "READPATT"}
_DATE = ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")


def environment(root: str | os.PathLike) -> dict[str, str]:
    """Return the environment variables that keep CRDS on the cache in `root` and off the network."""
    return {
        "CRDS_PATH": str(Path(root).resolve()),
        "CRDS_SERVER_URL": "https://localhost:1/serverless",
        "CRDS_CONTEXT": CONTEXT,
        "CRDS_MODE": "local",
        "CRDS_READONLY_CACHE": "1",
    }


def known_types() -> list[str]:
    """Return every reference type that CRDS knows of any JWST instrument.

    A mapping has to answer for each type a pipeline may ask for, if only that there is none.
    """
    import crds.jwst  # loads slowly, and only the writer of a cache needs it

    specs = json.loads((Path(crds.jwst.__file__).parent / "specs" / "combined_specs.json").read_text())
    return sorted({kind for of_instrument in specs.values() for kind in of_instrument} - {"all"})


def _write_mapping(path: Path, header: dict, selector: str) -> None:
    """Write a mapping with its checksum."""
    from crds.core import rmap

    header = {"derived_from": "simulation", "name": path.name, "observatory": "JWST", "sha1sum": "0" * 40, **header}
    path.write_text(f"header = {pprint.pformat(header)}\n\nselector = {selector}\n")
    rmap.Mapping.from_file(str(path), ignore_checksum=True).write()  # puts the checksum in


def _link(source: Path, folder: Path) -> None:
    target = folder / source.name
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _rules(headers: dict[str, fits.Header], keys: dict[str, str]) -> str:
    """Return the selector of one reference type: file name by detector, subarray, ..."""
    rows = {tuple(str(h[keyword]) for keyword in keys.values()): name for name, h in headers.items()}
    lines = [
        f"    {row!r} : UseAfter({{\n        '2020-01-01 00:00:00' : {name!r},\n    }}),\n"
        for row, name in sorted(rows.items())
    ]
    return "Match({\n" + "".join(lines) + "})"


def _instrument(maps: Path, instrument: str, headers: dict[str, fits.Header], types: list[str]) -> str:
    """Write the mappings of one instrument and return the name of its instrument mapping."""
    table = dict.fromkeys(types, "N/A")
    for kind in sorted({h["REFTYPE"] for h in headers.values()}):
        keys = _DARK_KEYS if kind == "dark" else _KEYS
        name = f"jwst_{instrument}_{kind}_0001.rmap"
        header = {"filekind": kind.upper(), "instrument": instrument.upper(), "mapping": "REFERENCE",
                  "parkey": (tuple(keys), _DATE)}  # fmt: skip
        _write_mapping(maps / name, header, _rules({n: h for n, h in headers.items() if h["REFTYPE"] == kind}, keys))
        table[kind] = name
    name = f"jwst_{instrument}_0001.imap"
    header = {"instrument": instrument.upper(), "mapping": "INSTRUMENT", "parkey": ("REFTYPE",)}
    _write_mapping(maps / name, header, pprint.pformat(table))
    return name


def build(root: str | os.PathLike, references: list[Path]) -> Path:
    """Make a CRDS cache in `root` that selects the given reference files.

    Parameters
    ----------
    root : path
    references : list of Path
        FITS files whose headers name instrument, detector, subarray and reference type.

    Returns
    -------
    Path
        `root`.
    """
    root = Path(root)
    maps, files, config = root / "mappings" / "jwst", root / "references" / "jwst", root / "config" / "jwst"
    for folder in (maps, files, config):
        folder.mkdir(parents=True, exist_ok=True)
    headers = {path.name: fits.getheader(path) for path in references}
    for path in references:
        _link(path, files)
    types = known_types()
    imaps = {}
    for instrument in sorted({h["INSTRUME"] for h in headers.values()}):
        own = {name: h for name, h in headers.items() if h["INSTRUME"] == instrument}
        imaps[instrument] = _instrument(maps, instrument.lower(), own, types)
    _write_mapping(maps / CONTEXT, {"mapping": "PIPELINE", "parkey": ("META.INSTRUMENT.NAME",)}, pprint.pformat(imaps))
    (config / "ref_cache_subdir_mode").write_text("flat\n")
    server = {
        "observatory": "jwst", "operational_context": CONTEXT, "latest_context": CONTEXT, "edit_context": CONTEXT,
        "connected": False, "force_remote_mode": False, "bad_files": "", "bad_files_list": [], "status": "cache",
        "last_synced": "2026-01-01", "crds_version": {"str": "simulation"},
    }  # fmt: skip
    (config / "server_config").write_text(pprint.pformat(server))
    return root
