"""Small reference files, an exposure they fit, a CRDS cache made of them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from jwgpu.data import Meta, Ramp

META = {
    "filename": "jw00001001001_02101_00001_nrcb1_uncal.fits", "telescope": "JWST",
    "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "instrument.channel": "SHORT",
    "instrument.filter": "F200W", "instrument.pupil": "CLEAR", "exposure.type": "NRC_IMAGE",
    "exposure.readpatt": "BRIGHT2", "exposure.ngroups": 3, "exposure.nframes": 2, "exposure.groupgap": 1,
    "subarray.name": "SUB160", "subarray.xstart": 11, "subarray.ystart": 21, "subarray.xsize": 24,
    "subarray.ysize": 16, "observation.date": "2025-10-04", "observation.time": "12:00:00.000",
}  # fmt: skip
KEYWORDS = {
    "INSTRUME": "NIRCAM", "DETECTOR": "NRCB1", "USEAFTER": "2022-01-01T00:00:00", "SUBARRAY": "FULL",
    "SUBSTRT1": 1, "SUBSTRT2": 1,
}  # fmt: skip
# The client sets others of its own on being imported, and fails without them.
SETTINGS = ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT", "CRDS_MODE", "CRDS_READONLY_CACHE")
FULL = (48, 64)
CUT = (slice(20, 36), slice(10, 34))


@pytest.fixture
def exposure():
    """A SUB160 stand-in: 1 integration, 3 groups, 16 x 24 pixels at row 21, column 11."""
    data = np.zeros((1, 3, 16, 24), np.float32)
    return Ramp(data=data, groupdq=data.astype(np.uint8), pixeldq=np.zeros((16, 24), np.uint32), meta=Meta(META))


@pytest.fixture
def change(exposure):
    """Return the exposure with other metadata."""
    return lambda **values: exposure.replace(
        meta=exposure.meta.set({name.replace("__", "."): value for name, value in values.items()})
    )


def dq_def(*rows):
    """Return a DQ_DEF table of (value, name)."""
    table = np.array([(n, v, name, "") for n, (v, name) in enumerate(rows)],
                     [("BIT", "i4"), ("VALUE", "u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])  # fmt: skip
    return fits.BinTableHDU(table, name="DQ_DEF")


@pytest.fixture
def write(tmp_path):
    """Write a reference file: `write("gain", SCI=array, DETECTOR="NRCA1")`, arrays and keywords by name."""
    folder = tmp_path / "references"
    folder.mkdir()

    def make(kind, name=None, extra=(), **content):
        arrays = {n: v for n, v in content.items() if isinstance(v, np.ndarray)}
        keywords = {n: v for n, v in content.items() if n not in arrays}
        primary = fits.PrimaryHDU()
        primary.header.update({"REFTYPE": kind.upper(), **KEYWORDS, **keywords})
        for missing in [n for n, v in keywords.items() if v is None]:
            del primary.header[missing]
        hdus = [primary, *(fits.ImageHDU(a, name=n) for n, a in arrays.items()), *extra]
        path = folder / (name or f"{kind}.fits")
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return path

    make.folder = folder
    return make


@pytest.fixture
def plane():
    """A float32 full frame with every pixel different."""
    return np.arange(FULL[0] * FULL[1], dtype=np.float32).reshape(FULL)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Start each test with an empty cache and without the CRDS settings of whoever runs it."""
    from jwgpu.reference import cache

    for name in (*SETTINGS, "JWGPU_REFERENCE_CACHE_MB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cache, "_limits", {})
    cache.clear()
    yield
    cache.clear()
