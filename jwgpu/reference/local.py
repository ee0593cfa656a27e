"""A CRDS cache of one's own: given reference files, rules that select them, no server."""

from __future__ import annotations

import os
import pprint
import shutil
from collections.abc import Iterable
from pathlib import Path

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference import crds, header, kinds

CONTEXT = "jwst_0001.pmap"
_INSTRUMENTS = ("fgs", "miri", "nircam", "niriss", "nirspec")
_ANYTHING = ("", "ANY", "N/A", "GENERIC")


def write_cache(root: Path, files: Iterable[Path] = ()) -> dict[str, str]:
    """Write a complete CRDS cache that works without a network, for the client and for every tool that uses it.

    Files are selected by detector; darks, superbiases and resets also by subarray, darks and resets of MIRI by read
    pattern, as are those of NIRSpec that IRS2 needs its own of; files that are not of the detector by filter and
    pupil, all as far as their headers name them. Types without a file answer N/A: "there is none for this exposure".

    Parameters
    ----------
    root : Path
        Folder to write into.
    files : iterable of Path
        Reference files with REFTYPE, INSTRUME, DETECTOR and USEAFTER in their headers. They are linked or copied.

    Returns
    -------
    dict
        `environment(root)`.

    Raises
    ------
    InputError
        A file does not say its type or instrument.
    """
    root = Path(root).absolute()
    rules, references = root / "mappings" / "jwst", root / "references" / "jwst"
    for folder in (rules, references, root / "config" / "jwst"):
        folder.mkdir(parents=True, exist_ok=True)
    held: dict[tuple[str, str], list[tuple[Path, Meta]]] = {}
    for path in map(Path, files):
        meta = header.read(path)
        if not meta.reftype or not meta.instrument.name:
            raise InputError(f"{path} does not say REFTYPE and INSTRUME in its header; without them no rule selects it")
        held.setdefault((meta.instrument.name.lower(), meta.reftype.lower()), []).append((path, meta))
        _place(path, references / path.name)
    instruments, types = {}, sorted({*kinds.NAMES, *crds.known_types()})
    for instrument in _INSTRUMENTS:
        table = dict.fromkeys(types, crds.NOT_APPLICABLE)
        for (owner, kind), members in held.items():
            if owner == instrument:
                table[kind] = _write_rules(rules, instrument, kind, members)
        name = f"jwst_{instrument}_0001.imap"
        _write(rules / name, {"mapping": "INSTRUMENT", "instrument": instrument.upper(), "parkey": ("REFTYPE",)}, table)
        instruments[instrument.upper()] = name
    _write(rules / CONTEXT, {"mapping": "PIPELINE", "parkey": ("META.INSTRUMENT.NAME",)}, instruments)
    _configure(root / "config" / "jwst")
    return environment(root)


def environment(root: Path) -> dict[str, str]:
    """Return the CRDS_* environment variables with which the cache in `root` is used."""
    return {
        "CRDS_PATH": str(Path(root).absolute()),
        "CRDS_CONTEXT": CONTEXT,
        "CRDS_MODE": "local",
        "CRDS_READONLY_CACHE": "1",
        "CRDS_SERVER_URL": "https://localhost:1/serverless",  # the client opens no socket to a "serverless" address
    }


def _place(source: Path, target: Path) -> None:
    if target.exists():
        if target.samefile(source):
            return
        target.unlink()
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _write_rules(folder: Path, instrument: str, kind: str, members: list[tuple[Path, Meta]]) -> str:
    """Write the rules of one type and return the name of their file."""
    paths = ["instrument.detector"]
    if kind in ("dark", "superbias", "reset"):
        paths.append("subarray.name")
    by_pattern = {"miri": ("dark", "reset"), "nirspec": ("dark", "mask", "superbias", "refpix")}
    if kind in by_pattern.get(instrument, ()):
        paths.append("exposure.readpatt")
    if kind not in kinds.DETECTOR:
        paths += ["instrument.filter", "instrument.pupil"]
    cases: dict[tuple[str, ...], dict[str, str]] = {}
    for path, meta in members:
        words = [str(meta.get(p, "")).upper() for p in paths]
        case = tuple("*" if word in _ANYTHING else word for word in words)
        useafter = str(meta.get("useafter", "2020-01-01T00:00:00")).partition(".")[0].replace("T", " ")
        cases.setdefault(case, {})[useafter if " " in useafter else f"{useafter} 00:00:00"] = path.name
    lines = [f"    {case!r} : UseAfter({{" + ", ".join(f"{d!r} : {f!r}" for d, f in sorted(dates.items())) + "}),"
             for case, dates in sorted(cases.items())]  # fmt: skip
    name = f"jwst_{instrument}_{kind}_0001.rmap"
    head = {
        "mapping": "REFERENCE", "instrument": instrument.upper(), "filekind": kind.upper(),
        "parkey": (tuple(f"META.{p.upper()}" for p in paths), ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")),
    }  # fmt: skip
    _write(folder / name, head, "Match({\n" + "\n".join(lines) + "\n})")
    return name


def _write(path: Path, head: dict, selector: dict | str) -> None:
    head = {"name": path.name, "observatory": "JWST", "derived_from": "written by jwgpu", "sha1sum": "0" * 40, **head}
    body = selector if isinstance(selector, str) else pprint.pformat(selector)
    path.write_text(f"header = {pprint.pformat(head)}\n\nselector = {body}\n")
    crds.seal(path)


def _configure(folder: Path) -> None:
    """Write what the client would have learnt from a server."""
    (folder / "ref_cache_subdir_mode").write_text("flat\n")
    information = {
        "observatory": "jwst", "operational_context": CONTEXT, "latest_context": CONTEXT, "edit_context": CONTEXT,
        "connected": False, "force_remote_mode": False, "bad_files": "", "bad_files_list": [], "status": "cache",
        "last_synced": "", "crds_version": {"str": "local"},
    }  # fmt: skip
    (folder / "server_config").write_text(pprint.pformat(information))
