"""What NVRTC makes of the kernels, held right without a GPU: resource figures, and the PTX itself run on the CPU."""

from __future__ import annotations

import ctypes
import functools

from ptx import nvrtc
from ptx.to_cpp import translate

ARCH = "compute_80"


@functools.cache
def load(code: str, options: tuple[str, ...]) -> ctypes.CDLL:
    """Compile CUDA `code` with NVRTC and its options to PTX, and the PTX for this CPU.

    The library has one `jw_run_<kernel>(blocks, threads, reverse, ...)` for each kernel.
    """
    from fakecupy import shim

    output, _ = nvrtc.compile(code, options, ARCH)
    flags = ("-O1", "-w", "-fwrapv", "-fno-strict-aliasing")
    return shim.build(translate(output.decode().strip("\0")), flags)
