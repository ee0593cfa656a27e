"""Compile CUDA kernel source with the host compiler, so that an emulated grid of threads can run it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import jwgpu.kernels.build

COMPAT = jwgpu.kernels.build.SOURCE / "compat.h"

TYPES = {
    "bool": "?", "float": "f4", "double": "f8", "int": "i4", "unsigned": "u4", "unsigned int": "u4",
    "long": "i8", "unsigned long": "u8", "long long": "i8", "unsigned long long": "u8",
    "char": "i1", "signed char": "i1", "unsigned char": "u1", "short": "i2", "unsigned short": "u2",
    **{f"{sign}int{bits}_t": f"{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel, as the compiler sees it."""

    name: str
    dtype: np.dtype
    pointer: bool
    words: str

    @classmethod
    def read(cls, words: str) -> Parameter:
        """Read `const float* x`."""
        match = re.fullmatch(r"(.*?)(\*?)\s*(\w+)", re.sub(r"\b(const|volatile|__restrict__)\b", " ", words).strip())
        kind = " ".join(match[1].split())
        if kind not in TYPES:
            raise NotImplementedError(f"kernel parameter {words.strip()!r}: type {kind!r} is not known to the double")
        return cls(match[3], np.dtype(TYPES[kind]), bool(match[2]), " ".join(words.split()))


def sanitizing() -> bool:
    """Say whether kernels are compiled with AddressSanitizer and UBSan (`JWGPU_SANITIZE=1`)."""
    return os.environ.get("JWGPU_SANITIZE") == "1"


def folder() -> Path:
    """Return the folder in which compiled kernels are kept between runs."""
    path = Path(tempfile.gettempdir()) / f"jwgpu-tests-{os.getuid() if hasattr(os, 'getuid') else 0}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def build(text: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    """Compile C++ `text` into a shared library, once for each text and flags."""
    key = hashlib.sha256("\0".join((text, *flags)).encode()).hexdigest()[:20]
    library = folder() / f"{key}.so"
    if not library.exists():
        source, partial = library.with_suffix(f".{os.getpid()}.cpp"), library.with_suffix(f".{os.getpid()}.tmp")
        source.write_text(text)
        done = subprocess.run(
            ["g++", "-std=c++17", "-ffp-contract=off", "-fPIC", "-shared", *flags, str(source), "-o", str(partial)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        source.unlink()
        if done.returncode:
            raise RuntimeError(done.stderr)
        partial.replace(library)
    return ctypes.CDLL(str(library))


def preprocess(code: str, flags: tuple[str, ...]) -> str:
    """Return `code` with includes and macros expanded for the emulation."""
    text = f'#include "{COMPAT}"\n#define __global__\n{code}\n'
    done = subprocess.run(
        ["g++", "-std=c++17", "-E", "-P", "-DJW_EMULATE", *flags, "-x", "c++", "-"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def kernels(expanded: str) -> dict[str, tuple[Parameter, ...]]:
    """Return the parameters of every kernel in preprocessed code."""
    pattern = r'extern\s+"C"\s*(?:__attribute__\s*\(\(.*?\)\)\)?\s*)?void\s+(\w+)\s*\(([^)]*)\)\s*\{'
    return {m[1]: tuple(Parameter.read(p) for p in m[2].split(",")) for m in re.finditer(pattern, expanded)}


def _launcher(name: str, parameters: tuple[Parameter, ...]) -> str:
    """Return a C function that walks the blocks and threads of a grid, forwards or backwards."""
    taken = ", ".join(p.words for p in parameters)
    given = ", ".join(p.name for p in parameters)
    return f"""
extern "C" __attribute__((visibility("default")))
void jw_run_{name}(unsigned jw_blocks, unsigned jw_threads, int jw_reverse, {taken}) {{
  blockDim = {{jw_threads, 1, 1}};
  for (unsigned jw_b = 0; jw_b < jw_blocks; ++jw_b) {{
    blockIdx = {{jw_reverse ? jw_blocks - 1 - jw_b : jw_b, 0, 0}};
    for (unsigned jw_t = 0; jw_t < jw_threads; ++jw_t) {{
      threadIdx = {{jw_reverse ? jw_threads - 1 - jw_t : jw_t, 0, 0}};
      {name}({given});
    }}
  }}
}}
"""


@functools.cache
def load(code: str, flags: tuple[str, ...], sanitize: bool):
    """Compile CUDA `code`; give the library and the parameters of its kernels."""
    expanded = preprocess(code, flags)
    found = kernels(expanded)
    text = expanded + "".join(_launcher(name, parameters) for name, parameters in found.items())
    extra = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all") if sanitize else ()
    return build(text, ("-O1", "-fno-strict-aliasing", *extra)), found
