"""Which device is chosen, and in which words a GPU is refused."""

from __future__ import annotations

import contextlib
import sys
import types

import numpy as np
import pytest

from jwgpu import backend
from jwgpu.backend import device


@contextlib.contextmanager
def cupy_is(module):
    """Let `import cupy` find `module`, or nothing where it is None, with nothing remembered."""
    device.probe.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", module)
        yield
    device.probe.cache_clear()


def stub(count=lambda: 1, kernel=lambda *a: None, total=56.0, name=b"NVIDIA H100") -> types.ModuleType:
    """Return a module that answers the probe like CuPy."""

    class Sum:
        def sum(self):
            return total

    runtime = types.SimpleNamespace(getDeviceCount=count, getDeviceProperties=lambda d: {"name": name})
    module = types.ModuleType("cupy")
    module.cuda = types.SimpleNamespace(runtime=runtime)
    module.arange = lambda *a, **k: Sum()
    module.int64 = np.int64
    module.RawModule = lambda **k: types.SimpleNamespace(get_function=lambda n: kernel)
    return module


def fails(words: str):
    """Return a function that raises an error saying `words`."""

    def call(*arguments):
        raise RuntimeError(words)

    return call


UNUSABLE = {
    "not installed": (None, "CuPy is not installed (pip install 'jwgpu[cuda12]' or 'jwgpu[cuda13]')"),
    "no driver": (
        stub(count=fails("cudaErrorInsufficientDriver: CUDA driver version is insufficient")),
        "CuPy finds no working NVIDIA driver: cudaErrorInsufficientDriver: CUDA driver version is insufficient",
    ),
    "no GPU": (stub(count=lambda: 0), "the NVIDIA driver lists no GPU"),
    "no NVRTC": (
        stub(kernel=fails("Failure finding libnvrtc.so.12\nlong story")),
        "a test kernel could not be compiled and run: Failure finding libnvrtc.so.12",
    ),
    "error without words": (stub(kernel=fails("")), "a test kernel could not be compiled and run: RuntimeError"),
    "wrong sum": (stub(total=28.0), "a test kernel gave 28.0 where 56 is right"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_why_a_gpu_is_not_used(what, monkeypatch):
    module, words = UNUSABLE[what]
    monkeypatch.setenv("JWGPU_DEVICE", "auto")
    with cupy_is(module):
        assert backend.probe() == (False, words)
        assert backend.current() == backend.Device("cpu", "NumPy", words)
        assert backend.describe() == f"CPU ({words})"
        with pytest.raises(RuntimeError, match="no usable GPU"):
            backend.use("gpu")
        monkeypatch.setenv("JWGPU_DEVICE", "gpu")
        with pytest.raises(RuntimeError, match="JWGPU_DEVICE asks for a GPU and none is usable"):
            backend.current()


def test_a_broken_installation_is_named(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "cupy":
                raise OSError("libcuda.so.1: wrong ELF class")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with cupy_is(None):
        monkeypatch.delitem(sys.modules, "cupy")
        words = "CuPy is installed but does not import: libcuda.so.1: wrong ELF class"
        assert backend.probe() == (False, words)


def test_a_usable_gpu_is_named(monkeypatch):
    monkeypatch.setenv("JWGPU_DEVICE", "auto")
    with cupy_is(stub()):
        assert backend.probe() == (True, "NVIDIA H100")
        assert backend.describe() == "GPU: NVIDIA H100 (automatic)"


@pytest.mark.usefixtures("fakecupy_installed")
def test_the_probe_runs_its_kernel():
    """Under the CuPy double the real kernel of the probe is compiled and launched."""
    assert backend.probe() == (True, "CuPy double on the CPU")
    assert backend.use("gpu") == backend.Device("gpu", "CuPy double on the CPU", "chosen with use()")


CHOICES = {
    ("auto", None): ("gpu", "automatic"),
    ("", None): ("gpu", "automatic"),
    ("cpu", None): ("cpu", "JWGPU_DEVICE"),
    (" GPU ", None): ("gpu", "JWGPU_DEVICE"),
    ("cpu", "gpu"): ("gpu", "chosen with use()"),
    ("gpu", "cpu"): ("cpu", "chosen with use()"),
}


@pytest.mark.usefixtures("fakecupy_installed")
@pytest.mark.parametrize("variable, choice", CHOICES)
def test_use_goes_before_the_environment(variable, choice, monkeypatch):
    monkeypatch.setenv("JWGPU_DEVICE", variable)
    if choice is not None:
        backend.use(choice)
    chosen = backend.current()
    assert (chosen.kind, chosen.reason) == CHOICES[variable, choice]


@pytest.mark.usefixtures("fakecupy_installed")
def test_use_auto_means_automatic_whatever_the_environment_says(monkeypatch):
    """`use("auto")` is a choice as much as any other: it overrules JWGPU_DEVICE."""
    monkeypatch.setenv("JWGPU_DEVICE", "cpu")
    assert backend.use("auto") == backend.Device("gpu", "CuPy double on the CPU", "automatic")


def test_words_that_are_no_device(monkeypatch):
    with pytest.raises(ValueError, match="device 'cuda' is not one of"):
        backend.use("cuda")
    monkeypatch.setenv("JWGPU_DEVICE", "tpu")
    with pytest.raises(ValueError, match="JWGPU_DEVICE='tpu'"):
        backend.current()
