"""The command that mends an issue, as a list of arguments: header values go in whole and are quoted when shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jwgpu.provenance.builds import Issue

_SPECTRA = ("NRS_", "MIR_MRS", "MIR_LRS", "MIR_WFSS", "NIS_SOSS", "NIS_WFSS", "NRC_WFSS", "NRC_TSGRISM", "NRC_GRISM")
_IMAGES = ("NRC_IMAGE", "NIS_IMAGE", "MIR_IMAGE", "FGS_IMAGE")  # whose stage 2 jwgpu has
_SUFFIXES = frozenset("uncal ramp rate rateints cal calints crf crfints bsub bsubints i2d s2d s3d x1d x1dints c1d phot "
                      "cat segm whtlt psfsub psfalign psfstack ami ami-oi aminorm".split())  # fmt: skip

_EXPOSURE = re.compile(r"jw\d{11}_\w{5}_\d{5}(-seg\d+)?_[a-z0-9]+(?=_)", re.IGNORECASE)


def start(issue: Issue, known: Mapping[str, Any], path: str) -> str:
    """Return the product that mending starts from: a file name, or an association for combined products."""
    if issue.rerun_from == "none":
        return ""
    name = Path(path).name
    table = str(known.get("ASNTABLE", "")).strip()
    if issue.rerun_from == "cal" and known["stage"] == 3:
        return _operand(table) or "the association of this product"
    if known["stage"] == 3 and name.lower().startswith("jw") and name[7:8] == "-":
        return f"_{issue.rerun_from}.fits of each member of {table or 'the association of this product'}"
    stem = name.removesuffix(".gz").removesuffix(".fits")
    if exposure := _EXPOSURE.match(stem):
        return str(Path(path).with_name(f"{exposure[0]}_{issue.rerun_from}.fits"))
    head, _, suffix = stem.rpartition("_")
    root = head if head and suffix.lower() in _SUFFIXES else stem
    return _operand(str(Path(path).with_name(f"{root}_{issue.rerun_from}.fits")))


def _operand(name: str) -> str:
    """Return a file name that no command takes for an option."""
    return f"./{name}" if name.startswith("-") else name


def command(issue: Issue, known: Mapping[str, Any], path: str, available: frozenset[str]) -> list[str]:
    """Return the arguments of the command that mends `issue`; empty where no command does.

    Of jwgpu where it has the steps today; otherwise of the official package, in a version that has the fix.
    """
    if issue.repair:
        return ["jwgpu", "repair", _operand(path), "--out", "repaired"]
    begin = start(issue, known, path)
    if issue.rerun_from == "none" or not begin or not begin.endswith((".fits", ".json")):
        return []
    if begin.startswith("_"):
        return []
    here = issue.rerun_from == "uncal" or (issue.rerun_from == "rate" and str(known.get("EXP_TYPE")) in _IMAGES)
    if here and available.issuperset(issue.steps):
        settings = [word for setting in issue.settings for word in ("--set", setting)]
        return ["jwgpu", "run", begin, "--out", "products", *settings]
    if not issue.fixed and not issue.fixed_context and not issue.settings:
        return []  # no version of the official package mends it
    return ["strun", _pipeline(issue, known), begin, *(f"--steps.{setting}" for setting in issue.settings)]


def shown(arguments: list[str]) -> str:
    """Return arguments as one line for a shell, each quoted where it must be."""
    return shlex.join(arguments)


def _pipeline(issue: Issue, known: Mapping[str, Any]) -> str:
    mode = str(known.get("EXP_TYPE", "")).upper()
    spectra = mode.startswith(_SPECTRA)
    if issue.rerun_from == "uncal":
        return "calwebb_detector1"
    if issue.rerun_from == "rate" or known["stage"] < 3:
        return "calwebb_spec2" if spectra else "calwebb_image2"
    if str(known.get("TSOVISIT")) == "True" or mode in ("NRC_TSIMAGE", "NRC_TSGRISM", "NRS_BRIGHTOBJ", "NIS_SOSS"):
        return "calwebb_tso3"
    if mode in ("NRC_CORON", "MIR_LYOT", "MIR_4QPM"):
        return "calwebb_coron3"
    if mode == "NIS_AMI":
        return "calwebb_ami3"
    return "calwebb_spec3" if spectra else "calwebb_image3"
