"""The translation of PTX does what the hardware does, instruction by instruction."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import ptx
from ptx import nvrtc, to_cpp

pytestmark = pytest.mark.skipif(nvrtc.library() is None, reason="NVRTC is not installed (nvidia-cuda-nvrtc-cu12)")

OPTIONS = ("-std=c++17", "-fmad=false")
RANDOM = np.random.default_rng(0)
F32 = np.concatenate([
    RANDOM.normal(0, 100, 500), [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-40, 3e38, 0.5, 1.5, 2.5, -2.5],
]).astype(np.float32)  # fmt: skip
I32 = np.concatenate([RANDOM.integers(-(2**31), 2**31, 500), [0, 1, -1, 2**31 - 1, -(2**31)]]).astype(np.int32)


def run(body: str, kind: str, dtype, out_kind: str, out_dtype, values, *, options=OPTIONS):
    """Run `body`, which makes r of a[i] and b[i], from PTX."""
    code = f"""extern "C" __global__ void f(const {kind}* a_, const {kind}* b_, {out_kind}* out, long long n) {{
      const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
      if (i >= n) return;
      const {kind} a = a_[i], b = b_[i];
      {out_kind} r;
      {body}
      out[i] = r;
    }}"""
    library = ptx.load(code, options)
    a = np.repeat(values, values.size).astype(dtype)
    b = np.tile(values, values.size).astype(dtype)
    out = np.empty(a.size, out_dtype)
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (a, b, out)]
    library.jw_run_f((a.size + 127) // 128, 128, 0, *pointers, ctypes.c_int64(a.size))
    return a, b, out


FLOAT = {
    "r = a + b;": lambda a, b: a + b,
    "r = a * b - a;": lambda a, b: a * b - a,
    "r = a / b;": lambda a, b: a / b,
    "r = sqrtf(a);": lambda a, b: np.sqrt(a),
    "r = fabsf(a) - (-b);": lambda a, b: np.abs(a) + b,
    "r = a > b ? a : b;": lambda a, b: np.where(a > b, a, b),
    "r = !(a <= b) ? 1.f : 0.f;": lambda a, b: (~(a <= b)).astype(np.float32),
    "r = isnan(a) || a != b ? a : -b;": lambda a, b: np.where(np.isnan(a) | (a != b), a, -b),
    "r = fmaxf(a, b);": lambda a, b: np.fmax(a, b),
    "r = rintf(a) + floorf(b) * truncf(a);": lambda a, b: np.rint(a) + np.floor(b) * np.trunc(a),
    "r = (float)((double)a * (double)b + 1.0);": lambda a, b: (a.astype("f8") * b + 1).astype("f4"),
    "float s[8]; for (int k = 0; k < 8; ++k) s[(k * 3 + i) % 8] = a * k; r = s[i % 5] + b;":
        lambda a, b: a * _slot(np.arange(a.size)).astype(np.float32) + b,
}  # fmt: skip


def _slot(i):
    return np.array([[k for k in range(8) if (k * 3 + r) % 8 == r % 5] for r in range(40)])[i % 40, 0]


@pytest.mark.parametrize("body", FLOAT)
def test_floating_point(body):
    a, b, out = run(body, "float", np.float32, "float", np.float32, F32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, FLOAT[body](a, b).astype(np.float32))


INTEGER = {
    "r = a + b * 3 - (a ^ b);": lambda a, b: a + b * np.int32(3) - (a ^ b),
    "r = (a & b) | ~a;": lambda a, b: (a & b) | ~a,
    "r = a >> (b & 31);": lambda a, b: a >> (b & 31),
    "r = (int)((unsigned)a >> (b & 31));": lambda a, b: (a.view("u4") >> (b & 31).astype("u4")).view("i4"),
    "r = a << (b & 31);": lambda a, b: a << (b & 31),
    "r = b == 0 ? 0 : (a & 0xffffff) % (b | 1);": lambda a, b: np.where(b == 0, 0, np.fmod(a & 0xFFFFFF, b | 1)),
    "r = (int)(((long long)a * b) >> 20);": lambda a, b: ((a.astype("i8") * b) >> 20).astype("i4"),
    "r = (signed char)a + (unsigned short)b;": lambda a, b: a.astype("i1").astype("i4") + b.astype("u2"),
    "r = a / 7 + abs(b >> 1);": lambda a, b: (np.trunc(a / 7) + np.abs(b >> 1)).astype("i8").astype("i4"),
    "r = min(a, b) ^ max(a, b);": lambda a, b: a ^ b,
}


@pytest.mark.parametrize("body", INTEGER)
def test_integers(body):
    a, b, out = run(body, "int", np.int32, "int", np.int32, I32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, INTEGER[body](a, b).astype(np.int32))


def test_contraction_shows():
    """Without -fmad=false the compiler fuses, and the translation runs what it made."""
    a, b, fused = run("r = a * b + 1.5f;", "float", np.float32, "float", np.float32, F32, options=("-fmad=true",))
    with np.errstate(all="ignore"):
        separate = a * b + np.float32(1.5)
        exact = (a.astype("f8") * b.astype("f8") + 1.5).astype(np.float32)
    finite = np.isfinite(exact)
    assert (fused[finite] == exact[finite]).all()
    assert (separate[finite] != exact[finite]).any()


def test_bytes_and_flags():
    values = np.arange(256, dtype=np.uint8)
    body = "r = (a & 4) ? (unsigned char)(a | b) : (unsigned char)(b << 1);"
    a, b, out = run(body, "unsigned char", np.uint8, "unsigned char", np.uint8, values)
    np.testing.assert_array_equal(out, np.where(a & 4, a | b, b << 1))


@pytest.mark.parametrize("body", ["r = __expf(a) + b;", "__shared__ float s[32]; s[threadIdx.x % 32] = a; r = s[0];"])
def test_refusal(body):
    with pytest.raises(to_cpp.Unknown):
        run(body, "float", np.float32, "float", np.float32, F32)
