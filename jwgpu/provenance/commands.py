"""The command that mends an issue, as a list of arguments: header values go in whole and are quoted when shown."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jwgpu.provenance.builds import Issue

_SPECTRA = ("NRS_", "MIR_MRS", "MIR_LRS", "MIR_WFSS", "NIS_SOSS", "NIS_WFSS", "NRC_WFSS", "NRC_TSGRISM", "NRC_GRISM")
_SUFFIXES = frozenset("uncal ramp rate rateints cal calints crf crfints bsub bsubints i2d s2d s3d x1d x1dints c1d phot "
                      "cat segm whtlt psfsub psfalign psfstack ami ami-oi aminorm".split())  # fmt: skip

_EXPOSURE = re.compile(r"jw\d{11}_\w{5}_\d{5}(-seg\d+)?_[a-z0-9]+(?=_)", re.IGNORECASE)

ELSEWHERE = frozenset("CRDS SDP associations gwcs numpy set_telescope_pointing stcal stpipe".split())
"""What issues name beside steps: what happens before the pipeline, or around it."""


_SPECTRAL = frozenset("barshadow combine_1d cube_build extract_1d extract_2d fringe master_background "
                      "pathloss pixel_replace resample_spec residual_fringe spectral_leak straylight "
                      "wavecorr".split())  # fmt: skip


def steps_for(issue: Issue, mode: str) -> tuple[str, ...]:
    """Return the steps of the remedy that exposures of an EXP_TYPE go through."""
    spectra = mode.startswith(_SPECTRA)
    return tuple(step for step in issue.steps if spectra or step not in _SPECTRAL)


@dataclasses.dataclass(frozen=True)
class Abilities:
    """What jwgpu can do today.

    Attributes
    ----------
    stage1, stage2, stage3 : frozenset of str
        Steps of its pipelines.
    calibrated : frozenset of str
        EXP_TYPEs that its stage 2 is for.
    mosaics : frozenset of str
        EXP_TYPEs that its stage 3 is for.
    """

    stage1: frozenset[str] = frozenset()
    stage2: frozenset[str] = frozenset()
    stage3: frozenset[str] = frozenset()
    calibrated: frozenset[str] = frozenset()
    mosaics: frozenset[str] = frozenset()

    def has(self, step: str, mode: str) -> bool:
        """Say whether a step runs for exposures of an EXP_TYPE."""
        return (step in self.stage1 or (step in self.stage2 and mode in self.calibrated)
                or (step in self.stage3 and mode in self.mosaics))  # fmt: skip

    def reaches(self, stage: int, mode: str) -> bool:
        """Say whether products of a stage are made for exposures of an EXP_TYPE."""
        return stage < 2 or mode in (self.calibrated if stage == 2 else self.mosaics)


@dataclasses.dataclass(frozen=True)
class Remedy:
    """What mends an issue: the product to start from, the command, and what is left to do after it.

    `missing` are the steps of the remedy that jwgpu does not have for this mode; `then` is in words.
    """

    start: str = ""
    command: tuple[str, ...] = ()
    then: str = ""
    missing: tuple[str, ...] = ()


def remedy(issue: Issue, known: Mapping[str, Any], path: str, abilities: Abilities) -> Remedy:
    """Return what mends `issue` in the product `path`.

    With jwgpu where it has every step of the remedy for this kind of exposure; otherwise with the official package, in
    a version that has the fix. The command is empty where none mends it, or where the exposures that a combined
    product was made of are not known.

    Parameters
    ----------
    issue : Issue
    known : mapping
        Facts of the product; `members` are the exposures that a combined product was made of.
    path : str
        The product.
    abilities : Abilities
    """
    mode = str(known.get("EXP_TYPE", "")).strip().upper()
    stage = known["stage"]
    steps = steps_for(issue, mode)
    missing = tuple(step for step in steps if step not in ELSEWHERE and not abilities.has(step, mode))
    if issue.repair:
        then = f"run assign_wcs and what follows again, from {Path('repaired') / Path(path).name}"
        return Remedy(_operand(path), ("jwgpu", "repair", _operand(path), "--out", "repaired"), then, missing)
    # Stage 2 is made from rates: a calibrated exposure is not where its own calibration begins again.
    origin = "rate" if issue.rerun_from == "cal" and stage < 3 else issue.rerun_from
    start, unknown = _start(origin, known, path)
    if not start:
        return Remedy(unknown, missing=missing)
    mended = bool(issue.fixed or issue.fixed_context or issue.settings)
    ours = not missing and not ELSEWHERE.intersection(steps) and (mended or issue.jwgpu_settings)
    if ours:
        # An exposure that went into a mosaic is calibrated alone; only together do exposures find outliers.
        alone = stage == 3 and origin in ("uncal", "rate") and len(start) == 1
        goal = 2 if alone else stage
        command = _jwgpu(issue, mode, goal if abilities.reaches(goal, mode) else 1, origin, start)
        left = "jwgpu run on the association of its _cal.fits and the others" if alone else ""
        left = left if abilities.reaches(stage, mode) else _then(origin, known, mode)
        return Remedy(_words(start), tuple(command), left, missing)
    if not mended:
        return Remedy(_words(start), missing=missing)
    command = ["strun", _pipeline(origin, known, mode), start[0], *(f"--steps.{words}" for words in issue.settings)]
    left = [f"the same for the other {len(start) - 1}"] if len(start) > 1 else []  # strun takes one at a time
    left += [words] if (words := _then(origin, known, mode)) else []
    return Remedy(_words(start), tuple(command), ", then ".join(left), missing)


def shown(arguments: tuple[str, ...]) -> str:
    """Return arguments as one line for a shell, each quoted where it must be."""
    return shlex.join(arguments)


def _jwgpu(issue: Issue, mode: str, stage: int, origin: str, start: list[str]) -> list[str]:
    settings = [*issue.settings, *issue.jwgpu_settings]
    if origin == "i2d":
        options = [f"--{word.partition('.')[2]}" for word in settings]
        return ["jwgpu", "step", issue.steps[0], start[0], "--out", "products", *options]
    sets = [word for setting in settings for word in ("--set", setting)]
    goal = {2: "image2", 3: "image3"}.get(stage)
    further = goal and (origin == "uncal" or (origin == "rate" and goal == "image3"))
    return ["jwgpu", "run", *start, *(["--to", goal] if further else []), "--out", "products", *sets]


def _start(origin: str, known: Mapping[str, Any], path: str) -> tuple[list[str], str]:
    """Return the products to start from, or none, and words that say what they would be."""
    if origin == "none":
        return [], ""
    members = known.get("members", ())
    alone = origin != "cal" and not members and _EXPOSURE.match(Path(path).name)
    if known["stage"] < 3 or origin == "i2d" or alone:
        return [_sibling(path, origin)], ""
    table = str(known.get("ASNTABLE", "")).strip()
    if origin == "cal":
        return ([_operand(str(Path(path).parent / table))], "") if table else ([], f"{_NO_TABLE} (jwgpu associate)")
    if members:
        return [_sibling(member, origin) for member in members], ""
    where = f"{table}; put that beside the product, and the command is found" if table else _NO_TABLE
    return [], f"_{origin}.fits of each member of {where}"


_NO_TABLE = "the association of this product"


def _sibling(path: str, suffix: str) -> str:
    """Return the name of another product of the same exposure."""
    name = Path(path).name
    stem = name.removesuffix(".gz").removesuffix(".fits")
    if exposure := _EXPOSURE.match(stem):
        return _operand(str(Path(path).with_name(f"{exposure[0]}_{suffix}.fits")))
    head, _, last = stem.rpartition("_")
    root = head if head and last.lower() in _SUFFIXES else stem
    return _operand(str(Path(path).with_name(f"{root}_{suffix}.fits")))


def _operand(name: str) -> str:
    """Return a file name that no command takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def _words(start: list[str]) -> str:
    return start[0] if len(start) == 1 else f"{start[0]} and {len(start) - 1} more"


def _then(origin: str, known: Mapping[str, Any], mode: str) -> str:
    """Return, in words, the pipelines that make the product again after the first one."""
    stage = known["stage"]
    left = []
    if origin == "uncal" and stage >= 2:
        left.append(f"{_pipeline('rate', known, mode)} of the official package on the new _rate.fits")
    if origin in ("uncal", "rate") and stage >= 3:
        left.append(f"{_pipeline('cal', known, mode)} on their association")
    return ", then ".join(left)


def _pipeline(origin: str, known: Mapping[str, Any], mode: str) -> str:
    spectra = mode.startswith(_SPECTRA)
    if origin == "uncal":
        return "calwebb_detector1"
    if origin == "rate":
        return "calwebb_spec2" if spectra else "calwebb_image2"
    if str(known.get("TSOVISIT")) == "True" or mode in ("NRC_TSIMAGE", "NRC_TSGRISM", "NRS_BRIGHTOBJ", "NIS_SOSS"):
        return "calwebb_tso3"
    if mode in ("NRC_CORON", "MIR_LYOT", "MIR_4QPM"):
        return "calwebb_coron3"
    if mode == "NIS_AMI":
        return "calwebb_ami3"
    return "calwebb_spec3" if spectra else "calwebb_image3"
