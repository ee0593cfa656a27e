"""`cupy.RawModule` of the double: the real kernel source, launched on the CPU with every argument checked."""

from __future__ import annotations

import ctypes

import numpy as np

from fakecupy import shim
from fakecupy.arrays import ndarray
from fakecupy.state import state

MAX_THREADS, MAX_BLOCKS = 1024, 2**31 - 1


class RawModule:
    """Kernels compiled from source by the host compiler, or from the PTX that NVRTC makes of it."""

    def __init__(self, *, code, options=(), backend="nvrtc", name_expressions=None):
        if backend != "nvrtc" or name_expressions is not None:
            raise NotImplementedError("the CuPy double knows backend='nvrtc' without name_expressions")
        if not isinstance(options, tuple):
            raise TypeError(f"options must be a tuple of strings, not {type(options).__name__}")
        self._code, self._options = code, options
        self._flags = tuple(o for o in options if o.startswith(("-I", "-D")))
        self._kernels, self._library, self._prefix = None, None, "jw_run_"

    def compile(self, log_stream=None):
        """Compile the source."""
        self._library, self._kernels = shim.load(self._code, self._flags, shim.sanitizing())
        if state.engine == "ptx":
            import ptx

            self._library = ptx.load(self._code, self._options)

    def get_function(self, name: str) -> Kernel:
        """Return a kernel by name."""
        if self._kernels is None:
            self.compile()
        if name not in self._kernels:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        return Kernel(name, self._kernels[name], getattr(self._library, self._prefix + name))


class Kernel:
    """One kernel; called as `kernel(grid, block, arguments)`."""

    def __init__(self, name: str, parameters, function):
        self._name, self._parameters, self._function = name, parameters, function
        function.restype = None

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        blocks, threads = _one_dimensional(grid, MAX_BLOCKS), _one_dimensional(block, MAX_THREADS)
        if len(args) != len(self._parameters):
            raise TypeError(f"kernel {self._name}: {len(args)} arguments for {len(self._parameters)} parameters")
        call = [self._argument(p, value) for p, value in zip(self._parameters, args)]
        self._check_range(blocks * threads, args)
        state.launched.add(self._name)
        self._function(ctypes.c_uint(blocks), ctypes.c_uint(threads), ctypes.c_int(state.reverse), *call)

    def _argument(self, parameter: shim.Parameter, value):
        where = f"kernel {self._name}, {parameter.words}"
        if parameter.pointer:
            if isinstance(value, np.uintp) and value == 0:
                return ctypes.c_void_p(None)
            if not isinstance(value, ndarray):
                raise TypeError(f"{where}: a device array is needed, not {type(value).__name__}")
            if value.dtype != parameter.dtype:
                raise TypeError(f"{where}: the kernel reads {parameter.dtype}, the array is {value.dtype}")
            if not value.flags.c_contiguous:
                raise ValueError(f"{where}: the array is not C-contiguous")
            return ctypes.c_void_p(value._a.ctypes.data)
        if isinstance(value, (ndarray, np.ndarray)):
            raise TypeError(f"{where}: an array given for a scalar")
        # CuPy passes a Python int as 8 bytes and a Python float as a double.
        passed = {int: np.int64, float: np.float64, bool: np.bool_}.get(type(value), lambda v: v)(value)
        if passed.dtype != parameter.dtype:
            raise TypeError(f"{where}: CuPy would pass {passed.dtype}, the kernel reads {parameter.dtype}")
        return np.ctypeslib.as_ctypes_type(parameter.dtype)(passed.item())

    def _check_range(self, threads: int, args) -> None:
        """By convention the last parameter is the number of work items; a smaller grid leaves some undone."""
        last = self._parameters[-1]
        if last.name == "n" and last.dtype == np.int64 and threads < int(args[-1]):
            raise ValueError(f"kernel {self._name}: a grid of {threads} threads for {int(args[-1])} work items")


def _one_dimensional(size, largest: int) -> int:
    if not isinstance(size, tuple) or not 1 <= len(size) <= 3 or any(s != 1 for s in size[1:]):
        raise TypeError(f"grid and block are tuples, here with one axis: {size!r}")
    if not 1 <= size[0] <= largest:
        raise RuntimeError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: {size!r} is not within 1..{largest}")
    return int(size[0])
