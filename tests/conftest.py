"""Fixtures of the whole suite: the array libraries, tiny exposures, real data.

The everyday suite runs on the CPU whatever the machine has; tests marked `gpu` use a GPU where one is usable and are
skipped, with the reason in words, where none is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = ("numpy", "numpy-readonly", "fakecupy", pytest.param("cupy", marks=pytest.mark.gpu))


def pytest_configure(config):
    """Fix the device before anything of jwgpu runs, in this process and in those that tests start."""
    os.environ["JWGPU_DEVICE"] = "cpu"


def pytest_collection_modifyitems(config, items):
    """Skip what needs a GPU where none is usable, in the words of the probe."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        from jwgpu import backend

        usable, words = backend.probe()
        for item in marked:
            if not usable:
                item.add_marker(pytest.mark.skip(reason=f"no usable GPU: {words}"))


@pytest.fixture(autouse=True)
def fixed_device(request, monkeypatch):
    """Undo `jw.use()` after each test; let tests marked `gpu` use it."""
    from jwgpu.backend import device

    monkeypatch.setattr(device, "_choice", None)
    if request.node.get_closest_marker("gpu"):
        monkeypatch.setenv("JWGPU_DEVICE", "gpu")


@dataclass(frozen=True)
class Library:
    """An array library under test, and how arrays get into and out of it.

    Attributes
    ----------
    name : str
        `numpy`, `numpy-readonly`, `fakecupy` or `cupy`.
    xp : module
    kind : str
        What `backend.to` calls it: `cpu` or `gpu`.
    """

    name: str
    xp: ModuleType
    kind: str

    def array(self, values, dtype=None):
        """Return `values` as an array of the library; read-only for `numpy-readonly`."""
        host = np.array(values, dtype=dtype)
        if self.kind == "gpu":
            return self.xp.asarray(host)
        host.flags.writeable = self.name != "numpy-readonly"
        return host

    def put(self, noun):
        """Return a copy of an exposure or a reference with its arrays in the library."""
        if noun is None:
            return None
        host = noun.to("cpu")
        arrays = host.arrays if isinstance(host.arrays, dict) else host.arrays()
        moved = {name: self.array(a) if a.dtype.names is None else a for name, a in arrays.items()}
        if callable(host.arrays):
            return host.with_arrays(moved)
        return replace(host, arrays=moved)

    def host(self, array) -> np.ndarray:
        """Return an array of the library as a NumPy array."""
        return array.get() if self.kind == "gpu" else array


def make_library(name: str):
    """Give the `Library` called `name` (a generator: use it with `yield from`)."""
    if name == "fakecupy":
        import fakecupy

        with fakecupy.installed() as xp:
            yield Library(name, xp, "gpu")
    elif name == "cupy":
        import cupy

        yield Library(name, cupy, "gpu")
    else:
        yield Library(name, np, "cpu")


@pytest.fixture(params=LIBRARIES)
def device(request):
    """Each array library in turn."""
    yield from make_library(request.param)


@pytest.fixture
def xp(device):
    """The module of each array library in turn."""
    return device.xp


@pytest.fixture
def fakecupy_installed():
    """The CuPy double in place of CuPy."""
    import fakecupy

    with fakecupy.installed() as cupy:
        yield cupy


@pytest.fixture(scope="session")
def tiny():
    """Return a function: mode -> a tiny simulated exposure with its references and the truth."""
    from jwgpu import simulate

    made = {}

    def make(mode: str):
        if mode not in made:
            made[mode] = simulate.tiny(mode)
        return made[mode]

    return make


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real exposures: `JWGPU_TEST_DATA`, else `../shared/data` beside the repository."""
    named = os.environ.get("JWGPU_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if named:
            pytest.fail(f"JWGPU_TEST_DATA={named} is not a folder")
        pytest.skip("no real data: set JWGPU_TEST_DATA to a folder that holds it")
    return folder
