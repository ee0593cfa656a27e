"""The CuPy double refuses what CuPy refuses, and runs kernels as a GPU would."""

from __future__ import annotations

import astropy.stats
import fakecupy
import numpy as np
import pytest
import scipy.ndimage

from jwgpu.kernels.build import SOURCE as FOLDER

SOURCE = r"""
#include "compat.h"
JW_KERNEL void JW_NAME(scale)(const float* x, float* y, float factor, int64_t n) {
  JW_FOR(i, n) y[i] = factor * x[i];
}
extern "C" __global__ void running(float* last, long long n) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) last[0] = (float)i;
}
"""


OPTIONS = (f"-I{FOLDER}", "-DJW_GROUPS=16")


@pytest.fixture
def cupy(fakecupy_installed):
    return fakecupy_installed


@pytest.fixture
def a(cupy):
    return cupy.asarray(np.arange(6, dtype=np.float32))


HOST = np.arange(6, dtype=np.float32)

REFUSED = {
    "np.asarray": lambda cupy, a: np.asarray(a),
    "np.array of a list": lambda cupy, a: np.array([a, a]),
    "device + host": lambda cupy, a: a + HOST,
    "host + device": lambda cupy, a: HOST + a,
    "host += device": lambda cupy, a: HOST.copy().__iadd__(a),
    "host[...] = device": lambda cupy, a: HOST.copy().__setitem__(slice(None), a),
    "device[...] = host": lambda cupy, a: a.__setitem__(slice(None), HOST),
    "function of host": lambda cupy, a: cupy.sum(HOST),
    "concatenate mixed": lambda cupy, a: np.concatenate([a, HOST]),
    "where mixed": lambda cupy, a: cupy.where(a > 2, a, HOST),
    "host index": lambda cupy, a: a[np.array([0, 1])],
    "missing name": lambda cupy, a: cupy.nanpercentile(a, 50),
    "missing name through numpy": lambda cupy, a: np.nanpercentile(a, 50),
    "missing keyword": lambda cupy, a: cupy.sum(a, where=a > 1),
    "missing keyword through numpy": lambda cupy, a: np.mean(a, where=a > 1),
    "missing keyword of a method": lambda cupy, a: a.max(initial=0),
    "missing method": lambda cupy, a: a.newbyteorder(),
    "errstate": lambda cupy, a: cupy.errstate(all="ignore"),
    "ufunc reduce": lambda cupy, a: cupy.bitwise_or.reduce(a.astype(np.uint32)),
    "ufunc reduce through numpy": lambda cupy, a: np.bitwise_or.reduce(a.astype(np.uint32)),
    "writeable flag": lambda cupy, a: a.flags.writeable,
    "scipy.ndimage": lambda cupy, a: scipy.ndimage.median_filter(a, 3),
    "astropy": lambda cupy, a: astropy.stats.sigma_clip(a),
    "duplicate scatter": lambda cupy, a: a.__setitem__(cupy.asarray(np.array([1, 1])), a[:2]),
    "NaN to integer": lambda cupy, a: (a / 0 * 0).astype(np.uint16),
    "negative to unsigned": lambda cupy, a: (a - 5).astype(np.uint16),
    "pickle": lambda cupy, a: __import__("pickle").dumps(a),
    "big-endian": lambda cupy, a: cupy.asarray(HOST.astype(">f4")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(cupy, a, what):
    with pytest.raises((TypeError, AttributeError, IndexError, FloatingPointError, NotImplementedError, ValueError)):
        REFUSED[what](cupy, a)


def test_allowed(cupy, a):
    """Ordinary array code gives NumPy's bits, on the device."""
    b = np.float32(2) * a + 1
    b[b > 7] = np.float32(0)
    b[1:3] *= 2
    out = cupy.empty_like(b)
    cupy.multiply(b, b, out=out)
    host = np.float32(2) * HOST + 1
    host[host > 7] = 0
    host[1:3] *= 2
    np.testing.assert_array_equal(out.get(), host * host)
    assert out.dtype == np.float32
    assert isinstance(np.where(a > 1, a, a), fakecupy.ndarray)
    q, r = np.divmod(a, np.float32(2))
    assert isinstance(q, fakecupy.ndarray) and isinstance(r, fakecupy.ndarray)


def test_reductions_stay_on_the_device(cupy, a):
    total = a.sum()
    assert isinstance(total, fakecupy.ndarray) and total.shape == ()
    with fakecupy.counts() as crossed:
        assert float(total) == 15
    assert (crossed.scalars, crossed.bytes_down) == (1, 0)


def test_one_element_is_a_view(cupy, a):
    """Unlike in NumPy, where it is a copy: code that keeps `a[0]` and then writes into `a` differs on a GPU."""
    first, (zeroth, *_) = a[0], a
    a[0] = np.float32(9)
    assert float(first) == float(zeroth) == 9


def test_ndimage_is_that_of_cupyx(cupy, a):
    from jwgpu import backend

    found = backend.ndimage(a).median_filter(a, size=3)
    np.testing.assert_array_equal(found.get(), scipy.ndimage.median_filter(HOST, size=3))
    with pytest.raises(AttributeError, match="watershed_ift"):
        getattr(backend.ndimage(a), "watershed_ift")  # noqa: B009


def test_crossings_are_counted(cupy, a):
    with fakecupy.counts() as crossed:
        cupy.asarray(HOST)
        a.get()
    assert (crossed.bytes_up, crossed.bytes_down) == (24, 24)


@pytest.fixture
def scale(cupy):
    return cupy.RawModule(code=SOURCE, options=OPTIONS, backend="nvrtc").get_function("scale_16")


def test_kernel_runs(cupy, a, scale):
    y = cupy.empty_like(a)
    scale((1,), (32,), (a, y, np.float32(3), np.int64(6)))
    np.testing.assert_array_equal(y.get(), np.float32(3) * HOST)


WRONG = {
    "argument missing": lambda cupy, k, a, y: k((1,), (32,), (a, y, np.float32(3))),
    "Python float": lambda cupy, k, a, y: k((1,), (32,), (a, y, 3.0, np.int64(6))),
    "double": lambda cupy, k, a, y: k((1,), (32,), (a, y, np.float64(3), np.int64(6))),
    "int32 count": lambda cupy, k, a, y: k((1,), (32,), (a, y, np.float32(3), np.int32(6))),
    "wrong dtype": lambda cupy, k, a, y: k((1,), (32,), (a.astype("f8"), y, np.float32(3), np.int64(6))),
    "host array": lambda cupy, k, a, y: k((1,), (32,), (HOST, y, np.float32(3), np.int64(6))),
    "not contiguous": lambda cupy, k, a, y: k((1,), (32,), (a[::2], y, np.float32(3), np.int64(3))),
    "block too large": lambda cupy, k, a, y: k((1,), (2048,), (a, y, np.float32(3), np.int64(6))),
    "empty grid": lambda cupy, k, a, y: k((0,), (32,), (a, y, np.float32(3), np.int64(6))),
    "grid too small": lambda cupy, k, a, y: k((1,), (4,), (a, y, np.float32(3), np.int64(6))),
    "integer for a pointer": lambda cupy, k, a, y: k((1,), (32,), (np.uintp(8), y, np.float32(3), np.int64(6))),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_launch(cupy, a, scale, what):
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        WRONG[what](cupy, scale, a, cupy.empty_like(a))


def test_threads_run_in_either_order(cupy):
    """Code that depends on the order of threads gives another answer in the other order."""
    answers = []
    for reverse in (False, True):
        last = cupy.zeros(1, np.float32)
        with fakecupy.options(reverse=reverse):
            function = cupy.RawModule(code=SOURCE, options=OPTIONS).get_function("running")
            function((2,), (4,), (last, np.int64(7)))
        answers.append(float(last[0]))
    assert answers == [6, 0]


def test_source_that_does_not_compile(cupy):
    with pytest.raises(RuntimeError, match="error"):
        cupy.RawModule(code='extern "C" __global__ void f(float* x) { x[0] = y; }').compile()


def test_cupy_is_gone_afterwards():
    import sys

    before = sys.modules.get("cupy")
    with fakecupy.installed() as module:
        assert sys.modules["cupy"] is module
    assert sys.modules.get("cupy") is before
