"""Parameter references: the values that the observatory recommends for steps (CRDS types `pars-*`, ASDF files).

A file names the class that it is for (`class: jwst.jump.jump_step.JumpStep`) and its `parameters`; a file for a
pipeline has also a list of `steps`, each with parameters of its own, which go before those of the step's own file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jwgpu.data import Meta
from jwgpu.errors import InputError
from jwgpu.reference import cfg, crds, folder, header

PREFIX = "pars-"


@dataclasses.dataclass(frozen=True)
class ParameterFile:
    """What one parameter reference says.

    Attributes
    ----------
    kind : str
        CRDS type: `"pars-jumpstep"`, `"pars-detector1pipeline"`.
    name : str
        File name.
    values : mapping
        Parameters of the step, or of the pipeline itself.
    steps : mapping
        For a pipeline: step, and the parameters of the step.
    """

    kind: str
    name: str
    values: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


_CLASSES = {"bkg_subtract": "background"}
"""Steps whose official class has another name."""


def step_kind(step: str) -> str:
    """Return the CRDS type of the parameters of a step: `"pars-rampfitstep"` for `"ramp_fit"`."""
    return f"{PREFIX}{_CLASSES.get(step, step).replace('_', '')}step"


def pipeline_kind(pipeline: str) -> str:
    """Return the CRDS type of the parameters of a pipeline: `"pars-detector1pipeline"`."""
    return f"{PREFIX}{pipeline}pipeline"


def read(path: str | Path) -> ParameterFile:
    """Read a parameter reference, an ASDF file, or a parameter file in the older form (.cfg).

    Raises
    ------
    InputError
        It is not there, cannot be read, or lacks the class or the parameters.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"parameter reference {path} does not exist; check the name")
    if not header.is_asdf(path):
        return _older(path)
    tree = header.read_yaml(path)
    name, values, steps = tree.get("class"), tree.get("parameters"), tree.get("steps") or []
    sections = all(isinstance(s, Mapping) and isinstance(s.get("parameters", {}), Mapping) for s in steps)
    if not isinstance(name, str) or not isinstance(values, Mapping) or not sections:
        raise InputError(
            f"{path} is not a parameter reference: it needs `class`, `parameters` and, for a pipeline, `steps` with a "
            "name and parameters each; give a file of CRDS type pars-*"
        )
    return ParameterFile(
        _kind(name), path.name, dict(values), {str(s.get("name")): dict(s["parameters"]) for s in steps}
    )


def _older(path: Path) -> ParameterFile:
    tree = cfg.read(path)
    name, sections = tree.pop("class", None), tree.pop("steps", {})
    if not isinstance(name, str) or not isinstance(sections, Mapping):
        raise InputError(
            f"{path} is not a parameter file: it needs a line `class = jwst.jump.JumpStep` (of the step or pipeline it "
            "is for); give a file of CRDS type pars-*, or one in its older form"
        )
    tree.pop("name", None)
    return ParameterFile(_kind(name), path.name, tree, sections)


def _kind(name: str) -> str:
    """Return the CRDS type of the parameters of a class."""
    return PREFIX + name.rpartition(".")[2].lower()


def find(meta: Meta, kinds: Iterable[str], where: Path | None = None, context: str | None = None):
    """Return the parameter references for an exposure, in the order of `kinds`.

    Parameters
    ----------
    meta : Meta
        Of the exposure.
    kinds : iterable of str
        CRDS types.
    where : Path, optional
        Folder to look in instead of CRDS. Files of a type that do not fit the exposure are passed over.
    context : str, optional
        CRDS rules.

    Returns
    -------
    list of ParameterFile
        Nothing for those types of which there is none.

    Raises
    ------
    InputError
        CRDS cannot be asked, or a file that it names cannot be fetched or read.
    """
    if where is not None:
        return [read(path) for kind in kinds if (path := _in_folder(where, kind, meta)) is not None]
    chosen = crds.select_known(meta, kinds, context)
    return [read(crds.fetch(meta, kind, name, context)) for kind, name in chosen.items()]


def _in_folder(where: Path, kind: str, meta: Meta) -> Path | None:
    try:
        return folder.choose(where, kind, meta).path
    except InputError:
        return None  # made for another instrument or mode, which for parameters means: there are none
