"""Every kernel, launched by the steps on ramps full of edges, gives the same bits however it is compiled and run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fakecupy
import numpy as np
import pytest
from fakecupy import shim

from jwgpu import kernels
from jwgpu.kernels.build import GROUP_SIZES, OPTIONS

CODE = '#include "all.h"\n'
ENGINES = {
    "source": {},
    "source-reversed": {"reverse": True},
    "ptx": {"engine": "ptx"},
    "ptx-reversed": {"engine": "ptx", "reverse": True},
}


def all_kernels(size: int) -> dict:
    """Return the parameters of every kernel in the source."""
    return shim.kernels(shim.preprocess(CODE, (*(o for o in OPTIONS if o.startswith("-I")), f"-DJW_GROUPS={size}")))


def different(a, b) -> int:
    """Count the elements whose bits differ."""
    return int((a.view(f"u{a.itemsize}") != b.view(f"u{b.itemsize}")).sum())


def need_nvrtc() -> None:
    """Skip the test where NVRTC is not installed."""
    from ptx import nvrtc

    if nvrtc.library() is None:
        pytest.skip("NVRTC is not installed (pip install nvidia-cuda-nvrtc-cu12)")


def replay(launches, xp) -> list[str]:
    """Run the launches on `xp`; return one line for each array that comes out otherwise than from the CPU library."""
    wrong = []
    for launch in launches:
        arguments = [xp.asarray(v.copy()) if isinstance(v, np.ndarray) else v for v in launch.before]
        kernels.launch(launch.name, launch.size, launch.n, *arguments)
        for position, (found, expected) in enumerate(zip(arguments, launch.after)):
            if isinstance(expected, np.ndarray) and (n := different(found.get(), expected)):
                wrong.append(f"{launch.name}_{launch.size}, argument {position}: {n} of {expected.size} differ")
    return wrong


def test_every_kernel_is_launched(launches):
    """A kernel that no step launches on these ramps is not held right: extend `edges.py` or the options."""
    launched = {(launch.name, launch.size) for launch in launches}
    expected = {(k.removesuffix(f"_{size}"), size) for size in GROUP_SIZES for k in all_kernels(size)}
    assert expected <= launched


@pytest.mark.parametrize("engine", ENGINES)
def test_same_bits(launches, engine):
    if "ptx" in engine:
        need_nvrtc()
    with fakecupy.installed() as cupy, fakecupy.options(**ENGINES[engine]):
        assert replay(launches, cupy) == []


@pytest.mark.gpu
def test_same_bits_on_a_gpu(launches):
    import cupy

    assert replay(launches, cupy) == []


def test_another_instruction_shows(launches, monkeypatch):
    """The comparison can fail, and what it runs is the PTX: one kind of instruction exchanged changes bits."""
    need_nvrtc()
    import ptx

    def mutant(text: str) -> str:
        return translate(text.replace("add.rn.f64", "sub.rn.f64"))

    translate = ptx.translate
    monkeypatch.setattr(ptx, "translate", mutant)
    monkeypatch.setattr(ptx, "load", ptx.load.__wrapped__)
    some = [launch for launch in launches if launch.size == 16]
    with fakecupy.installed() as cupy, fakecupy.options(engine="ptx"):
        assert replay(some, cupy) != []


def sanitizer_environment() -> dict | None:
    """Return the environment in which Python runs with AddressSanitizer, None where there is none."""
    found = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=False)
    library = Path(found.stdout.strip())
    if sys.platform != "linux" or not library.is_absolute():
        return None
    return {
        **os.environ, "LD_PRELOAD": str(library.resolve()), "JWGPU_SANITIZE": "1", "OMP_NUM_THREADS": "1",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1",
    }  # fmt: skip


OVERRUN = """
import fakecupy, numpy as np
with fakecupy.installed() as cupy:
    code = 'extern "C" __global__ void f(float* x, long long n) { x[threadIdx.x + REACH] = 1; }'
    f = cupy.RawModule(code=code, options=("-DREACH={reach}",)).get_function("f")
    f((1,), (8,), (cupy.zeros(8, np.float32), np.int64(8)))
print("done")
"""


@pytest.fixture(scope="module")
def sanitizer():
    environment = sanitizer_environment()
    if environment is None or "JWGPU_SANITIZE" in os.environ:
        pytest.skip("AddressSanitizer is not installed")
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    return environment


@pytest.mark.parametrize("reach, words", [(0, "done"), (1, "heap-buffer-overflow")])
def test_sanitizer_sees_an_overrun(sanitizer, reach, words):
    script = OVERRUN.replace("{reach}", str(reach))
    done = subprocess.run([sys.executable, "-c", script], env=sanitizer, capture_output=True, text=True, check=False)
    assert words in done.stdout + done.stderr


@pytest.mark.slow
def test_sanitizer_has_nothing_to_say(sanitizer):
    """The kernels touch no memory but their own, and do nothing undefined."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        "source-reversed",
    ]
    done = subprocess.run(command, env=sanitizer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "1 passed" in done.stdout
