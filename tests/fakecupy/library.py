"""The modules of the double: `cupy`, its submodules, and `cupyx`."""

from __future__ import annotations

import types

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.special

from fakecupy import api
from fakecupy.arrays import check_cast, check_ufunc_method, ndarray, quietly, unwrap, wrap
from fakecupy.kernel import RawModule
from fakecupy.state import state


def array(object, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """Make a device array; a host array is copied to the device."""
    if isinstance(object, ndarray):
        if dtype is not None:
            check_cast(object._a, dtype)
        copied = np.array(object._a, dtype=dtype, copy=True if copy else None, order=order, ndmin=ndmin)
        return object if copied is object._a else ndarray(copied)
    if isinstance(object, (list, tuple)):
        object = unwrap(object, "cupy.array") if _device_parts(object) else object
    host = np.array(object, dtype=dtype, order=order, ndmin=ndmin)
    if host.dtype.kind not in "biufc" or not host.dtype.isnative:
        raise ValueError(f"Unsupported dtype {host.dtype}")
    if isinstance(object, np.ndarray):
        state.counts.bytes_up += host.nbytes
    return ndarray(host)


def _device_parts(parts) -> bool:
    return any(isinstance(p, ndarray) for p in parts)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """Make a device array, or give back the one there is."""
    return array(a, dtype, bool(copy), order or "K")


def ascontiguousarray(a, dtype=None):
    """Make a contiguous device array."""
    if not isinstance(a, ndarray):
        return array(a, dtype, order="C")
    out = np.ascontiguousarray(a._a, dtype)
    return a if out is a._a else ndarray(out)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """Copy to the host."""
    return a.get(out=out) if isinstance(a, ndarray) else np.asarray(a, order=order)


def get_array_module(*args):
    """Return the library of the arguments."""
    return MODULES["cupy"] if _device_parts(args) else np


def may_share_memory(a, b, max_work=None):
    """Say whether two device arrays overlap."""
    return np.may_share_memory(a._a, b._a)


class Ufunc:
    """A ufunc of CuPy: fewer methods than NumPy's."""

    def __init__(self, ufunc: np.ufunc, name: str):
        self._ufunc, self.__name__ = ufunc, name

    def _run(self, method: str, args, keywords):
        where = f"cupy.{self.__name__}"
        result = quietly(getattr(self._ufunc, method), *unwrap(args, where), **unwrap(keywords, where))
        return keywords["out"] if keywords.get("out") is not None else wrap(result)

    def __call__(self, *args, **keywords):
        api.check("cupy", self.__name__, args, keywords)
        return self._run("__call__", args, keywords)

    def __getattr__(self, method: str):
        if method not in ("reduce", "accumulate", "reduceat", "at", "outer"):
            raise AttributeError(f"cupy.ufunc has no attribute {method!r}")
        check_ufunc_method(self._ufunc.__name__, method)
        return lambda *args, **keywords: self._run(method, args, keywords)


def _lift(module: str, name: str, function):
    """Turn a host function into one of the double: real CuPy's parameters, device arrays in and out."""

    def call(*args, **keywords):
        api.check(module, name, args, keywords)
        where = f"{module}.{name}"
        keywords.pop("blocking", None)
        result = quietly(function, *unwrap(args, where), **unwrap(keywords, where))
        given = keywords.get("out", keywords.get("output"))
        return given if isinstance(given, ndarray) else wrap(result)

    call.__name__ = name
    return call


class Library(types.ModuleType):
    """A module with exactly the names that the real one has, made from a host library when asked for."""

    def __init__(self, name: str, host: types.ModuleType, own: dict):
        super().__init__(name, f"A double of {name}.")
        self.__path__ = []
        self.__dict__["_host"] = host
        self.__dict__.update(own)

    def __getattr__(self, name: str):
        own = self.__name__
        if name.startswith("__"):
            raise AttributeError(name)
        api.check_name(own, name)
        if not hasattr(self._host, name):
            raise NotImplementedError(f"the CuPy double does not know {own}.{name}")
        value = getattr(self._host, name)
        if isinstance(value, np.ufunc) and own == "cupy":
            value = Ufunc(value, name)
        elif callable(value) and not isinstance(value, type):
            value = _lift(own, name, value)
        self.__dict__[name] = value
        return value


def _cuda() -> types.ModuleType:
    """Return `cupy.cuda` with one device, one stream and a memory pool that is always empty."""
    cuda = types.ModuleType("cupy.cuda")
    properties = {"name": b"CuPy double on the CPU", "major": 9, "minor": 0, "totalGlobalMem": 1 << 30}
    cuda.runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDeviceProperties=lambda device: properties,
        getDevice=lambda: 0,
        deviceSynchronize=lambda: None,
        memGetInfo=lambda: (1 << 29, 1 << 30),
        runtimeGetVersion=lambda: 12090,
        driverGetVersion=lambda: 12090,
    )

    class Device:
        def __init__(self, device=0):
            self.id = device or 0
            self.mem_info = (1 << 29, 1 << 30)
            self.compute_capability = "90"

        def synchronize(self):
            """Nothing runs behind the caller's back here."""

    class Stream:
        def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            return None

        def synchronize(self):
            """Nothing runs behind the caller's back here."""

    class MemoryPool:
        def free_all_blocks(self, stream=None):
            """There are none."""

        def used_bytes(self):
            return 0

        def free_bytes(self):
            return 0

        def total_bytes(self):
            return 0

    pool = MemoryPool()
    cuda.Device, cuda.Stream, cuda.MemoryPool = Device, Stream, MemoryPool
    cuda.memory = types.SimpleNamespace(OutOfMemoryError=type("OutOfMemoryError", (MemoryError,), {}))
    cuda.get_current_stream = Stream
    cuda.pool = pool
    return cuda


def _modules() -> dict[str, types.ModuleType]:
    cuda = _cuda()
    own = {
        "ndarray": ndarray, "array": array, "asarray": asarray, "asanyarray": asarray, "asnumpy": asnumpy,
        "ascontiguousarray": ascontiguousarray, "get_array_module": get_array_module, "RawModule": RawModule,
        "may_share_memory": may_share_memory, "shares_memory": may_share_memory, "cuda": cuda,
        "is_available": lambda: True, "get_default_memory_pool": lambda: cuda.pool,
        "get_default_pinned_memory_pool": lambda: cuda.pool, "__version__": api.VERSION,
    }  # fmt: skip
    modules = {
        "cupy": Library("cupy", np, own),
        "cupy.linalg": Library("cupy.linalg", np.linalg, {}),
        "cupy.fft": Library("cupy.fft", np.fft, {}),
        "cupy.random": Library("cupy.random", np.random, {}),
        "cupyx": Library("cupyx", types.ModuleType("nothing"), {}),
        "cupyx.scipy": types.ModuleType("cupyx.scipy"),
        "cupyx.scipy.ndimage": Library("cupyx.scipy.ndimage", scipy.ndimage, {}),
        "cupyx.scipy.special": Library("cupyx.scipy.special", scipy.special, {}),
        "cupyx.scipy.fft": Library("cupyx.scipy.fft", scipy.fft, {}),
        "cupy.cuda": cuda,
    }
    modules["cupyx.scipy"].__path__ = []
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            modules[parent].__dict__[child] = module
    return modules


MODULES = _modules()
