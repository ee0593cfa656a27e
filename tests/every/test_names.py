"""Array code uses only names and keywords that the real CuPy has (`fakecupy/cupy_api.json`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from every.scan import problems, problems_of

import jwgpu

PACKAGE = Path(jwgpu.__file__).parent
FILES = sorted(p for folder in ("steps", "numerics", "data", "wcs") for p in (PACKAGE / folder).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_cupy_has_it(path):
    assert problems_of(path) == []


LACKING = {
    "xp = namespace(a)\nxp.nanpercentile(a, 5)": "has no cupy.nanpercentile",
    "np.nanpercentile(a, 5)": "has no cupy.nanpercentile",
    "xp.linalg.multi_dot(a)": "has no cupy.linalg.multi_dot",
    "self.xp.geomspace(1, 2)": "has no cupy.geomspace",
    "xp.sum(a, where=good)": "where",
    "lib = backend.namespace(a)\nlib.max(a, initial=0)": "initial",
    "a.data.sum(axis=0, where=good)": "where",
    "a.max(initial=0)": "initial",
    "ndimage(a).watershed_ift(a)": "has no cupyx.scipy.ndimage.watershed_ift",
    "images = ndimage(a)\nimages.label(a, structure=s, whatever=1)": "whatever",
}


@pytest.mark.parametrize("text", LACKING)
def test_what_is_lacking_is_seen(text):
    found = problems(text)
    assert len(found) == 1
    assert LACKING[text] in found[0]


FINE = """
xp = namespace(a)
b = xp.where(a > 0, xp.float32(1), a)
c = xp.linalg.norm(b, axis=0) + np.float32(2)
with np.errstate(all="ignore"):
    d = a.sum(axis=0, dtype=xp.float64) + xp.median(a, axis=1, keepdims=True)
e = ndimage(a).median_filter(a, size=3, mode="nearest")
f = isinstance(a, np.ndarray)
"""


def test_what_cupy_has_is_fine():
    assert problems(FINE) == []
