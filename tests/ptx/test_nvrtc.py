"""NVRTC compiles every kernel for the GPUs in use, without spills and within budgets."""

from __future__ import annotations

import pytest

from jwgpu.kernels.build import GROUP_SIZES, OPTIONS
from ptx import nvrtc

CODE = '#include "all.h"\n'
ARCHITECTURES = ("sm_75", "sm_80", "sm_90", "sm_100")
REGISTERS = 128
"""Budget of registers a thread: more would leave fewer than 512 threads on a multiprocessor."""
STACK_PER_GROUP, STACK = 4, 64
"""Budget of stack a thread, in bytes: one float for every group of scratch, and this much besides."""
MORE_PER_GROUP = {"ramp_likelihood": 16}
"""The likelihood solves a tridiagonal system forward and backward: rates, pivots and two solutions for every group."""

pytestmark = pytest.mark.skipif(nvrtc.library() is None, reason="NVRTC is not installed (nvidia-cuda-nvrtc-cu12)")


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("size", GROUP_SIZES)
def test_budgets(size, arch):
    usage = nvrtc.usage(CODE, (*OPTIONS, f"-DJW_GROUPS={size}"), arch)
    assert usage
    for name, u in usage.items():
        assert (u.spill_stores, u.spill_loads) == (0, 0), f"{name} spills: {u}"
        assert u.registers <= REGISTERS, f"{name}: {u}"
        per_group = MORE_PER_GROUP.get(name.removesuffix(f"_{size}"), STACK_PER_GROUP)
        assert u.stack <= STACK + per_group * size, f"{name}: {u}"


def test_spills_are_seen():
    """The figures are read right: a kernel that keeps too much in registers spills."""
    code = """extern "C" __global__ void __launch_bounds__(1024, 2) f(float* x) {
      float a[96];
      for (int i = 0; i < 96; ++i) a[i] = x[i * threadIdx.x];
      for (int k = 0; k < 96; ++k) for (int i = 0; i < 96; ++i) a[i] = a[i] * a[(i * 7 + k) % 96] + x[k];
      for (int i = 0; i < 96; ++i) x[i * threadIdx.x] = a[i];
    }"""
    usage = nvrtc.usage(code, (), "sm_90")["f"]
    assert usage.registers <= 32
    assert usage.spill_stores > 0


def test_an_error_is_readable():
    with pytest.raises(nvrtc.CompileError, match=r'identifier "y" is undefined'):
        nvrtc.compile('extern "C" __global__ void f(float* x) { x[0] = y; }', (), "compute_80")
