"""NVRTC, NVIDIA's run-time compiler, by ctypes: it needs neither a GPU, nor a driver, nor CuPy.

`pip install nvidia-cuda-nvrtc-cu12` (extra `dev`) brings the library.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return NVRTC, None where it is not installed."""
    if importlib.util.find_spec("nvidia") is None:
        return None
    for folder in importlib.util.find_spec("nvidia").submodule_search_locations:
        for path in sorted(Path(folder).glob("c*/lib/libnvrtc.so.*")):
            if path.name.count(".") == 2:
                return ctypes.CDLL(str(path))
    return None


class CompileError(RuntimeError):
    """The source does not compile; the message is the compiler's log."""


def _call(name: str, *arguments) -> int:
    return getattr(library(), name)(*arguments)


def _text(program, size_name: str, name: str) -> bytes:
    size = ctypes.c_size_t()
    _call(size_name, program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    _call(name, program, buffer)
    return buffer.raw


def compile(code: str, options: tuple[str, ...], arch: str) -> tuple[bytes, str]:
    """Compile CUDA `code` for `arch`.

    Parameters
    ----------
    code : str
    options : tuple of str
        Options of NVRTC, as `jwgpu.kernels.build` gives them.
    arch : str
        `sm_90` gives machine code, `compute_90` gives PTX.

    Returns
    -------
    output : bytes
    log : str
    """
    program = ctypes.c_void_p()
    _call("nvrtcCreateProgram", ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None)
    words = [o.encode() for o in (*options, f"-arch={arch}")]
    status = _call("nvrtcCompileProgram", program, len(words), (ctypes.c_char_p * len(words))(*words))
    log = _text(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog").decode().strip("\0")
    if status:
        raise CompileError(log)
    what = "CUBIN" if arch.startswith("sm_") else "PTX"
    output = _text(program, f"nvrtcGet{what}Size", f"nvrtcGet{what}")
    _call("nvrtcDestroyProgram", ctypes.byref(program))
    return output, log


@dataclass(frozen=True)
class Usage:
    """What one kernel takes on one architecture: registers a thread, bytes of stack and of spills."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int


def usage(code: str, options: tuple[str, ...], arch: str) -> dict[str, Usage]:
    """Compile `code` for `arch` (`sm_90`) and return what each kernel takes."""
    _, log = compile(code, (*options, "--ptxas-options=-v"), arch)
    found = {}
    for part in log.split("Compiling entry function")[1:]:
        name = re.search(r"'(\w+)'", part)[1]
        frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part)
        registers = re.search(r"Used (\d+) registers", part)
        found[name] = Usage(int(registers[1]), *(int(frame[k]) for k in (1, 2, 3)))
    return found
