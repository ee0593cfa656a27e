"""Reference files from a plain folder: which one fits an exposure, by what the headers say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference import header, kinds

# Path, keyword, path of the "applies to" list (P_*), from the weightiest criterion to the least.
_CRITERIA = (
    ("instrument.name", "INSTRUME", None),
    ("instrument.detector", "DETECTOR", "instrument.p_detector"),
    ("subarray.name", "SUBARRAY", "subarray.p_subarray"),
    ("exposure.readpatt", "READPATT", "exposure.p_readpatt"),
    ("instrument.channel", "CHANNEL", "instrument.p_channel"),
    ("instrument.band", "BAND", "instrument.p_band"),
    ("instrument.grating", "GRATING", "instrument.p_grating"),
    ("instrument.filter", "FILTER", "instrument.p_filter"),
    ("instrument.pupil", "PUPIL", "instrument.p_pupil"),
    ("exposure.type", "EXP_TYPE", "exposure.p_exptype"),
)
_ANY = frozenset(("", "ANY", "GENERIC", "N/A", "MULTIPLE", "UNDEFINED"))
_OPTICS = frozenset(("FILTER", "PUPIL", "GRATING", "CHANNEL", "EXP_TYPE"))
_SUFFIXES = (".fits", ".fits.gz", ".asdf", ".json")
# Types taken read by read or with a clock of their own: the read pattern of the file matters.
_TIMED = frozenset(("dark", "superbias", "reset", "refpix"))
# Instrument: read patterns whose reads every other pattern of the same clock is made of.
_SINGLE_READS = {"NIRCAM": "RAPID", "NIRISS": "NISRAPID", "FGS": "FGSRAPID", "NIRSPEC": "NRSRAPID"}


@dataclasses.dataclass(frozen=True)
class Choice:
    """The file that fits best, and the words that say why others do not."""

    path: Path | None
    rejected: tuple[str, ...] = ()


_headers: dict[tuple, Meta | None] = {}


def index(folder: Path) -> dict[Path, Meta]:
    """Return the metadata of every reference file below `folder`; each header is read once per version of the file.

    Raises
    ------
    InputError
        There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"references folder {folder} does not exist or is not a folder; give the folder of the files")
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.name.lower().endswith(_SUFFIXES) or not path.is_file():
            continue
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in _headers:
            try:
                _headers[key] = header.read(path)
            except InputError:
                _headers[key] = None  # a broken file of another type must not stop this one
        if _headers[key] is not None and _headers[key].reftype:
            found[path] = _headers[key]
    return found


def choose(folder: Path, kind: str, meta: Meta) -> Choice:
    """Return the file of type `kind` that fits the exposure best.

    Fits: same instrument and detector, made for the exposure's subarray (or full frame: it is cut on loading), optical
    elements, read pattern and exposure type as far as they matter for the type and the header names them (directly or
    in a `P_*` list), USEAFTER not later than the observation. Best: most criteria met by name rather than by "any",
    then the latest USEAFTER, then the highest file name.

    Returns
    -------
    Choice
        Without a path where the folder holds no file of this type at all.

    Raises
    ------
    InputError
        There are files of this type, but none fits; the message says why for each.
    """
    candidates = {p: m for p, m in index(folder).items() if str(m.reftype).lower() == kind}
    fitting, rejected = [], []
    for path, candidate in candidates.items():
        score, reason = judge(kind, candidate, meta)
        if reason:
            rejected.append(f"{path.name}: {reason}")
        else:
            fitting.append((score, _useafter(candidate), path.name, -len(path.parts), path))
    if not candidates:
        return Choice(None)
    rejected = list(dict.fromkeys(rejected))
    if not fitting:
        raise InputError(
            f"none of the {len(candidates)} {kind} file(s) in {folder} fits {_who(meta)}: {'; '.join(rejected[:8])}"
            f"{' ...' if len(rejected) > 8 else ''}. Add a fitting file or name one as an override ({kind}=FILE)"
        )
    return Choice(max(fitting)[-1], tuple(rejected))


def judge(kind: str, candidate: Meta, meta: Meta) -> tuple[tuple[int, ...], str]:
    """Weigh one candidate: its score (a tuple to be compared), or in words what rules it out."""
    score = []
    for path, keyword, listed in _CRITERIA:
        wanted = str(meta.get(path, "")).strip().upper()
        allowed = str(candidate.get(listed, "")).upper().split("|") if listed else []
        allowed = [word.strip() for word in allowed if word.strip()]
        if not allowed:
            allowed = [str(candidate.get(path, "")).strip().upper()]
        named, strict = bool(listed and candidate.get(listed)), _strict(kind, keyword)
        if set(allowed) <= _ANY or not wanted:
            score.append(1)
        elif wanted in allowed:
            score.append(2)
        elif _compatible(keyword, allowed, wanted, candidate, meta) or not (named or strict):
            score.append(0)
        else:
            return (), f"{keyword} is {'|'.join(allowed)}, not {wanted}"
    observed = _observed(meta)
    if observed and _useafter(candidate) > observed:
        return (), f"USEAFTER {candidate.useafter} is later than the observation ({observed})"
    return tuple(score), ""


def describe(meta: Meta) -> str:
    """Return the selection criteria of an exposure in one line."""
    words = [f"{keyword}={meta.get(path)}" for path, keyword, _ in _CRITERIA if meta.get(path) is not None]
    return " ".join([*words, f"DATE-OBS={_observed(meta) or 'unknown'}"])


def _who(meta: Meta) -> str:
    return f"{meta.get('filename', 'the exposure')} ({describe(meta)})"


def _strict(kind: str, keyword: str) -> bool:
    """Say whether a keyword that differs rules a file out."""
    if keyword in _OPTICS:
        return kind not in kinds.DETECTOR
    return keyword != "READPATT" or kind in _TIMED


def _compatible(keyword: str, allowed: list[str], wanted: str, candidate: Meta, meta: Meta) -> bool:
    """Say whether a value that is not the wanted one serves as well."""
    if keyword == "SUBARRAY":
        window = ("subarray.xstart", "subarray.ystart", "subarray.xsize", "subarray.ysize")
        same = all(meta.get(w) is not None and meta.get(w) == candidate.get(w) for w in window)
        return "FULL" in allowed or same
    if keyword == "READPATT":
        single = _SINGLE_READS.get(str(meta.get("instrument.name", "")).upper())
        return ("IRS2" in wanted) == ("IRS2" in allowed[0]) and single is not None and single in (
            allowed[0], allowed[0].replace("IRS2", ""),
        )  # fmt: skip
    return False


def _useafter(candidate: Meta) -> str:
    return str(candidate.get("useafter", "")).strip().replace(" ", "T")


def _observed(meta: Meta) -> str:
    date = meta.get("observation.date") or str(meta.get("observation.date_beg", "")).partition("T")[0]
    return f"{date}T{meta.get('observation.time', '23:59:59')}" if date else ""
