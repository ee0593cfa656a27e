"""Which device arrays are put on, and, where it is not a GPU, why not, in words."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

_PROBE = r"""
extern "C" __global__ void jwgpu_probe(float* x, long long n) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = 2.0f * x[i];
}
"""


@dataclass(frozen=True)
class Device:
    """A place for arrays: its kind (`cpu` or `gpu`), its name, and why it was chosen."""

    kind: str
    name: str
    reason: str

    def __repr__(self) -> str:
        return f"<{self.kind.upper()}: {self.name}" + (f"; {self.reason}>" if self.reason else ">")


@functools.cache
def probe() -> tuple[bool, str]:
    """Compile, launch and check one kernel: only that proves a GPU usable.

    Returns
    -------
    usable : bool
    words : str
        The name of the GPU, or one sentence saying why it is not used.
    """
    try:
        import cupy
    except ImportError:
        return False, "CuPy is not installed (pip install 'jwgpu[cuda12]' or 'jwgpu[cuda13]')"
    except Exception as error:
        return False, f"CuPy is installed but does not import: {error}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        return False, f"CuPy finds no working NVIDIA driver: {error}"
    if count < 1:
        return False, "the NVIDIA driver lists no GPU"
    try:
        x = cupy.arange(8, dtype="float32")
        kernel = cupy.RawModule(code=_PROBE, options=("-std=c++17",)).get_function("jwgpu_probe")
        kernel((1,), (32,), (x, cupy.int64(8)))
        total = float(x.sum())
    except Exception as error:
        words = str(error).strip().splitlines()
        return (
            False,
            f"a test kernel could not be compiled and run: {words[0] if words else type(error).__name__}",
        )
    if total != 56.0:
        return False, f"a test kernel gave {total} where 56 is right"
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
    return True, name.decode() if isinstance(name, bytes) else str(name)


_choice: str | None = None


def use(choice: str = "auto") -> Device:
    """Choose where exposures are put from now on: `"gpu"`, `"cpu"`, or `"auto"` (a GPU where one is usable).

    Raises
    ------
    RuntimeError
        `"gpu"` was asked for and none is usable; the message says why.
    ValueError
        Any other word.
    """
    global _choice
    if choice not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device {choice!r} is not one of 'auto', 'cpu', 'gpu'")
    if choice == "gpu" and not probe()[0]:
        raise RuntimeError(f"no usable GPU: {probe()[1]}")
    _choice = choice
    return current()


def current() -> Device:
    """Return the device in use: the last `use()`, else `JWGPU_DEVICE`, else automatic."""
    choice = _choice or os.environ.get("JWGPU_DEVICE", "auto").strip().lower() or "auto"
    origin = (
        "chosen with use()" if _choice and _choice != "auto" else "JWGPU_DEVICE" if choice != "auto" else "automatic"
    )
    if choice not in ("auto", "cpu", "gpu"):
        raise ValueError(f"JWGPU_DEVICE={choice!r} is not one of 'auto', 'cpu', 'gpu'")
    if choice == "cpu":
        return Device("cpu", "NumPy", origin)
    usable, words = probe()
    if usable:
        return Device("gpu", words, origin)
    if choice == "gpu":
        raise RuntimeError(f"JWGPU_DEVICE asks for a GPU and none is usable: {words}")
    return Device("cpu", "NumPy", words)


def describe() -> str:
    """Say in one sentence which device is used and why."""
    device = current()
    if device.kind == "gpu":
        return f"GPU: {device.name} ({device.reason})"
    return f"CPU ({device.reason})"
