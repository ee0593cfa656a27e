"""Versions of the calibration software, and contexts of CRDS, as things that can be ordered."""

from __future__ import annotations

import re

# What this version of jwgpu gives the numbers of.
REFERENCE = "3.0.0"
EQUIVALENT = f"equivalent to jwst {REFERENCE}"

_VERSION = re.compile(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?(rc|a|b|\.dev)?(\d*)([.+].*)?\s*")
_PRE = {"a": 0, "b": 1, "rc": 2, None: 3}


def order(version) -> tuple[int, int, int, int, int] | None:
    """Return what sorts versions (a release candidate before its release), or None for other text.

    A development version counts as the release that it was made from, because it holds some of the next one's
    changes but not known which: `1.14.1.dev3` sorts after 1.14.0 and before 1.14.1.
    """
    found = _VERSION.fullmatch(str(version))
    if found is None:
        return None
    major, minor, patch, pre, number, _ = found.groups()
    rank = -1 if pre == ".dev" else _PRE[pre]
    return int(major), int(minor), int(patch or 0), rank, int(number or 0)


def is_development(version) -> bool:
    """Say whether a version carries a development or local suffix, which no archived product has."""
    found = _VERSION.fullmatch(str(version))
    return found is not None and (found[4] == ".dev" or bool(found[6]))


def context_number(context) -> int | None:
    """Return 1077 for `jwst_1077.pmap`, or None for other text."""
    found = re.fullmatch(r"jwst_(\d+)\.pmap", str(context).strip())
    return int(found[1]) if found else None


def equivalent(words) -> str | None:
    """Return the reference version that a product of jwgpu claims in CAL_VCS, or None."""
    found = re.fullmatch(r"equivalent to jwst (\S+)", str(words).strip())
    return found[1] if found else None
