"""Associations made of the files that one has, as the official generator would sort them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from jwgpu import io
from jwgpu.associations.association import Association, Member, Product
from jwgpu.data import Meta
from jwgpu.errors import InputError

IMAGES = frozenset(("NRC_IMAGE", "NIS_IMAGE", "MIR_IMAGE", "FGS_IMAGE"))
"""EXP_TYPEs whose exposures become mosaics."""

_ALSO = frozenset(
    "MIR_4QPM MIR_LYOT MIR_CORONCAL NIS_AMI NIS_FOCUS NRC_CORON NRC_FOCUS NRC_TSIMAGE NRC_TACQ NRC_TACONFIRM NIS_TACQ "
    "NIS_TACONFIRM MIR_TACQ MIR_TACONFIRM".split()
)
_EMPTY = ("", "NONE", "N/A", "NULL", "ANY")
_SUFFIXES = {2: ("rate", "rateints"), 3: ("cal",)}
_CHARACTERISTICS = ("program", "instrument", "exp_type", "filter", "pupil", "subarray", "target")


def associate(files: str | os.PathLike | Iterable[str | os.PathLike], level: int | None = None) -> list[Association]:
    """Make associations of files, or of the files in a folder.

    Calibrated images (`_cal`) of one program, instrument, filter, pupil, subarray and target belong to one mosaic,
    whichever detectors they are of. Of rates, each science exposure is a product of its own; those of a background
    target (BKGDTARG) are the backgrounds of exposures with the same detector, filter, pupil and subarray.

    Parameters
    ----------
    files : paths, or the path of a folder
        Of a folder, its `_cal` files; its `_rate` files where it has none.
    level : {2, 3}, optional
        Of what is to be made: 3 for `_cal`, 2 for `_rate` unless given.

    Returns
    -------
    list of Association
        In the order of the names of their products.

    Raises
    ------
    InputError
        There are no such files, or they are of several levels or not of images.
    """
    paths = _paths(files, level)
    level = level or _level(paths)
    metas = {path: io.peek(path) for path in paths}
    for path, meta in metas.items():
        kind = str(meta.get("exposure.type", "")).upper()
        if kind not in (IMAGES if level == 3 else IMAGES | _ALSO):
            raise InputError(
                f"{path} is of EXP_TYPE {kind or 'unknown'}, which does not become "
                f"{'a mosaic' if level == 3 else 'a calibrated image'}; leave it out"
            )
    return (_level3 if level == 3 else _level2)(metas)


def _paths(files, level: int | None) -> list[Path]:
    """Return the files, in order, each once."""
    if not isinstance(files, (str, os.PathLike)):
        paths = [Path(file) for file in files]
    elif Path(files).is_dir():
        paths = _in_folder(Path(files), level)
    else:
        paths = [Path(files)]
    if not paths:
        raise InputError("no files are named; name at least one")
    names: dict[str, Path] = {}
    for path in paths:
        before = names.setdefault(path.name, path)
        if before != path:
            raise InputError(f"{before} and {path} have the same name; leave one of them out")
    return list(names.values())


def _in_folder(folder: Path, level: int | None) -> list[Path]:
    for one in (3, 2) if level is None else (level,):
        for suffix in _SUFFIXES[one]:
            if paths := sorted(folder.glob(f"*_{suffix}.fits")):
                return paths
    wanted = " or ".join(f"_{suffixes[0]}.fits" for one, suffixes in _SUFFIXES.items() if level in (None, one))
    raise InputError(f"the folder {folder} holds no {wanted} files; name another folder, or the files")


def _level(paths: list[Path]) -> int:
    stems = {path.name.removesuffix(".gz").removesuffix(".fits").rpartition("_")[2] for path in paths}
    for level, suffixes in _SUFFIXES.items():
        if stems <= {*suffixes, *(("calints",) if level == 3 else ())}:
            return level
    raise InputError(
        f"the files are of several kinds or none that is known ({', '.join(sorted(stems))}); name rates (_rate) or "
        "calibrated images (_cal), or say the level"
    )


@dataclasses.dataclass(frozen=True, order=True)
class _Key:
    """What exposures of one product have in common."""

    program: str
    instrument: str
    exp_type: str
    filter: str
    pupil: str
    subarray: str
    target: str

    @classmethod
    def of(cls, meta: Meta) -> _Key:
        def words(path):
            return str(meta.get(path, "") or "").strip().upper()

        target = next((w for w in map(words, ("target.catalog_name", "target.proposer_name")) if w not in _EMPTY), "")
        return cls(
            words("observation.program_number").zfill(5), words("instrument.name"), words("exposure.type"),
            words("instrument.filter"), words("instrument.pupil"), words("subarray.name"), target,
        )  # fmt: skip

    @property
    def optics(self) -> str:
        """Filter and pupil as they stand in product names."""
        elements = [name.lower() for name in (self.filter, self.pupil) if name not in _EMPTY]
        return "-".join(sorted(elements)) or "clear"


def _level3(metas: dict[Path, Meta]) -> list[Association]:
    targets = sorted({_Key.of(meta).target for meta in metas.values()})
    groups: dict[_Key, list[Path]] = {}
    for path, meta in metas.items():
        groups.setdefault(_Key.of(meta), []).append(path)
    made = []
    for key, paths in groups.items():
        which, target = _candidate([metas[path] for path in paths]), f"t{targets.index(key.target) + 1:03d}"
        subarray = "" if key.subarray in (*_EMPTY, "FULL") else f"-{key.subarray}"
        name = f"jw{key.program}-{which}_{target}_{key.instrument}_{key.optics}{subarray}".lower()
        members = tuple(Member(path.name, "science", {"exposerr": None}) for path in _sorted(paths))
        more = {
            "asn_rule": "Asn_Lv3Image", "degraded_status": "No known degraded exposures in association.",
            "program": key.program, "constraints": _words(key), "asn_id": which, "target": target, "asn_pool": "none",
        }  # fmt: skip
        made.append(((Product(name, members),), key, paths, more))
    return [_association(products, "image3", paths, more) for products, _, paths, more in sorted(made, key=_first)]


def _first(made) -> str:
    return made[0][0].name


def _level2(metas: dict[Path, Meta]) -> list[Association]:
    backgrounds = [path for path, meta in metas.items() if meta.get("observation.bkgdtarg")]
    made = []
    for path, meta in sorted(metas.items(), key=lambda each: each[0].name):
        members = [Member(path.name, "science", {"exposerr": None})]
        like = [b for b in backgrounds if _same_light(metas[b], meta)] if path not in backgrounds else []
        members += [Member(b.name, "background", {"exposerr": None}) for b in _sorted(like)]
        key = _Key.of(meta)
        more = {
            "asn_rule": "Asn_Lv2Image", "degraded_status": "No known degraded exposures in association.",
            "program": key.program, "constraints": _words(key), "asn_id": _candidate([meta]), "asn_pool": "none",
        }  # fmt: skip
        made.append(_association((Product(io.root(path.name), tuple(members)),), "image2", [path, *like], more))
    return made


def _same_light(a: Meta, b: Meta) -> bool:
    """Say whether two exposures went through the same optics onto the same detector."""
    paths = ("instrument.detector", "instrument.filter", "instrument.pupil", "exposure.type", "subarray.name")
    return all(a.get(path) == b.get(path) for path in paths)


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.name)


def _candidate(metas: list[Meta]) -> str:
    """Return the number of the observation, or that of an association of one's own where there are several."""
    numbers = {str(meta.get("observation.observation_number", "")) for meta in metas}
    one = numbers.pop()
    return f"o{int(one):03d}" if not numbers and one.isdigit() else "a3001"


def _words(key: _Key) -> str:
    return "\n".join(f"{name}: {getattr(key, name)}" for name in _CHARACTERISTICS if getattr(key, name))


def _association(products: tuple[Product, ...], kind: str, paths: list[Path], more: dict) -> Association:
    """Return an association in the folder of its files; of several folders, members are named by where they are."""
    folders = {path.parent for path in paths}
    if len(folders) == 1:
        return Association(products, kind, folders.pop(), None, more)
    place = {path.name: path.resolve() for path in paths}
    products = tuple(
        Product(p.name, tuple(dataclasses.replace(m, expname=str(place[m.expname])) for m in p.members))
        for p in products
    )
    return Association(products, kind, Path(), None, more)
