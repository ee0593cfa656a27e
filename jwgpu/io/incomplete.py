"""Headers with holes, such as those of data taken on the ground: what is missing, and what is assumed for it."""

from __future__ import annotations

import warnings
from typing import Any

from jwgpu.data import Meta
from jwgpu.io.keywords import products


class IncompleteHeaderWarning(UserWarning):
    """A raw exposure's header lacks what calibration needs; the message says what, and what was assumed."""


_NEEDED = (
    "instrument.name", "instrument.detector", "exposure.type", "exposure.readpatt", "exposure.nints",
    "exposure.ngroups", "exposure.nframes", "exposure.groupgap", "exposure.frame_time", "exposure.group_time",
    "subarray.name", "subarray.xstart", "subarray.ystart", "subarray.xsize", "subarray.ysize", "subarray.fastaxis",
    "subarray.slowaxis",
)  # fmt: skip
_HELPFUL = ("exposure.drop_frames1", "exposure.frame_divisor")  # filled where something above is missing too
_FULL = {"MIRI": (1024, 1032)}  # rows and columns; (2048, 2048) elsewhere
_TYPES = {"MIRIMAGE": "MIR_IMAGE", "MIRIFUSHORT": "MIR_MRS", "MIRIFULONG": "MIR_MRS", "NIS": "NIS_IMAGE",
          "GUIDER1": "FGS_IMAGE", "GUIDER2": "FGS_IMAGE"}  # fmt: skip

# Direction of the fast and slow read-out in the orientation of the products, +-1 along x, +-2 along y.
_AXES = {
    **dict.fromkeys(("NRCA1", "NRCA3", "NRCALONG", "NRCB2", "NRCB4"), (-1, 2)),
    **dict.fromkeys(("NRCA2", "NRCA4", "NRCB1", "NRCB3", "NRCBLONG"), (1, -2)),
    **dict.fromkeys(("MIRIMAGE", "MIRIFUSHORT", "MIRIFULONG"), (1, 2)),
    "NIS": (-2, -1), "NRS1": (2, 1), "NRS2": (-2, -1), "GUIDER1": (-2, -1), "GUIDER2": (2, -1),
}  # fmt: skip

# Frames averaged into a group, and frames dropped between groups, of each read-out pattern.
_PATTERNS = {
    "RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3), "SHALLOW4": (4, 1), "MEDIUM2": (2, 8),
    "MEDIUM8": (8, 2), "DEEP2": (2, 18), "DEEP8": (8, 12), "NISRAPID": (1, 0), "NIS": (4, 0), "NRSRAPID": (1, 0),
    "NRS": (4, 0), "NRSIRS2RAPID": (1, 0), "NRSIRS2": (5, 0), "FGSRAPID": (1, 0), "FGS": (2, 0), "FAST": (1, 0),
    "FASTR1": (1, 0), "SLOW": (1, 0), "SLOWR1": (1, 0),
}  # fmt: skip


def complete(meta: Meta, shape: tuple[int, ...], name: str) -> Meta:
    """Return `meta` of a ramp with what is missing filled in where there is a sensible assumption.

    Parameters
    ----------
    meta : Meta
    shape : (integrations, groups, rows, columns)
    name : str
        File name, for the warning.

    Warns
    -----
    IncompleteHeaderWarning
        Once, where something was missing.
    """
    missing = [path for path in _NEEDED if meta.get(path) is None]
    if meta.get("instrument.filter") is None and _has_filter(meta):
        missing.append("instrument.filter")
    if not missing:
        return meta
    wanted = [*missing, *(path for path in _HELPFUL if meta.get(path) is None)]
    assumed: dict[str, Any] = {}
    for path in wanted:
        value = _assume(path, meta.set(assumed), shape)
        if value is not None:
            assumed[path] = value
    unknown = [path for path in wanted if path not in assumed]
    warnings.warn(_message(name, wanted, assumed, unknown), IncompleteHeaderWarning, stacklevel=4)
    return meta.set(assumed)


def _has_filter(meta: Meta) -> bool:
    mrs = str(meta.get("instrument.detector", "")).startswith("MIRIFU")
    return meta.get("instrument.name") in ("MIRI", "NIRCAM", "NIRISS", "NIRSPEC") and not mrs


def _assume(path: str, meta: Meta, shape: tuple[int, ...]):
    """Return what is assumed for `path`, or None."""
    leaf = path.rpartition(".")[2]
    detector = meta.get("instrument.detector", "")
    if leaf in ("fastaxis", "slowaxis"):
        return _AXES[detector][leaf == "slowaxis"] if detector in _AXES else None
    if leaf in ("nframes", "groupgap"):
        known = _PATTERNS.get(meta.get("exposure.readpatt", ""))
        return known[leaf == "groupgap"] if known else None
    if leaf in ("frame_time", "group_time"):
        return _time(leaf, meta)
    if path.startswith("subarray."):
        return _window(leaf, meta, shape)
    simple = {
        "exposure.nints": shape[0],
        "exposure.ngroups": shape[1],
        "exposure.type": "NRC_IMAGE" if detector.startswith("NRC") else _TYPES.get(detector),
        "exposure.drop_frames1": 0,
        "exposure.frame_divisor": meta.get("exposure.nframes"),
    }
    return simple.get(path)


def _time(leaf: str, meta: Meta):
    """Group time = frame time x (frames averaged + frames dropped)."""
    frames = meta.get("exposure.nframes"), meta.get("exposure.groupgap")
    if None in frames:
        return None
    other = meta.get("exposure.group_time" if leaf == "frame_time" else "exposure.frame_time")
    if other is None:
        return None
    return other / sum(frames) if leaf == "frame_time" else other * sum(frames)


def _window(leaf: str, meta: Meta, shape: tuple[int, ...]):
    full = shape[2:] == _FULL.get(meta.get("instrument.name"), (2048, 2048))
    simple = {"xsize": shape[3], "ysize": shape[2]}
    if full:
        simple |= {"name": "FULL", "xstart": 1, "ystart": 1}
    return simple.get(leaf)


def _message(name: str, missing: list[str], assumed: dict, unknown: list[str]) -> str:
    def word(path: str) -> str:
        return products().by_path[path].name

    text = f"{name} has an incomplete header: it lacks {', '.join(word(path) for path in missing)}."
    if assumed:
        text += f" Assumed: {', '.join(f'{word(path)} = {value}' for path, value in assumed.items())}."
    if unknown:
        text += f" Unknown, and left out: {', '.join(word(path) for path in unknown)}."
    return text + " Correct it with exposure.replace(meta=exposure.meta.set({...})) where this is wrong."
