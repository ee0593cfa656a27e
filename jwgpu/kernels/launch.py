"""One call for both targets: check the arguments, then run the kernel on the device the arrays live on."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np

from jwgpu.backend import is_device_array, namespace
from jwgpu.kernels.build import gpu_function

BLOCK = 128


class Rows:
    """Some rows of a larger array (..., y, x) of the host, which a kernel reads, and writes, where they lie.

    Each of its planes is C-contiguous; from one to the next it is `stride` values.
    """

    def __init__(self, array: np.ndarray):
        self.array, self.nbytes = array, array.nbytes

    @staticmethod
    def stride(array: np.ndarray) -> int | None:
        """Return from how many values to how many a plane follows the other; None where no one number says it."""
        *leading, n_rows, n_columns = array.shape
        places = [step // array.itemsize for step in array.strides]
        if array.ndim < 3 or places[-1] != 1 or (places[-2] != n_columns and n_rows > 1):
            return None
        nested = zip(places[-4::-1], leading[:0:-1], places[-3:0:-1])
        return places[-3] if all(outer == n * inner for outer, n, inner in nested) else None


def as_they_lie(*arrays):
    """Return arrays (..., y, x) of one shape as arguments of a kernel, and the step between their planes.

    Rows of larger arrays on the host stay where they are; what does not lie alike is copied. A copy of what is written
    to is a plain array: put it back.
    """
    xp = namespace(*arrays)
    n_pixels = arrays[0].shape[-2] * arrays[0].shape[-1]
    if xp is not np or all(array.flags.c_contiguous for array in arrays):
        return [xp.ascontiguousarray(array) for array in arrays], np.int64(n_pixels)
    strides = {Rows.stride(array) for array in arrays}
    if len(strides) == 1 and None not in strides:
        return [Rows(array) for array in arrays], np.int64(strides.pop())
    return [np.ascontiguousarray(array) for array in arrays], np.int64(n_pixels)


@functools.cache
def _library() -> ctypes.CDLL | None:
    import jwgpu.kernels

    for folder in jwgpu.kernels.__path__:
        for pattern in ("libjwgpu_cpu.*", "jwgpu_cpu.*"):
            for path in sorted(Path(folder).glob(pattern)):
                if path.suffix in (".so", ".dylib", ".dll"):
                    return ctypes.CDLL(str(path))
    return None


def available(array) -> bool:
    """Say whether compiled kernels can run where `array` lives (always on a GPU; on a CPU if they were built)."""
    return is_device_array(array) or _library() is not None


def library_words() -> str:
    """Say in one sentence what the CPU kernels are."""
    if _library() is None:
        return "NumPy only: jwgpu was installed without a C++ compiler, so jump and ramp_fit are slower"
    return "compiled C++ with OpenMP"


def launch(name: str, size: int, n: int, *arguments) -> None:
    """Run kernel `name` compiled for scratch of `size` groups over `n` work items.

    Parameters
    ----------
    name, size
        Kernel and scratch size (`build.group_size`).
    n
        Number of work items; passed to the kernel as its last parameter.
    arguments
        Arrays (C-contiguous, all on one device) and numpy-typed scalars, in the order of the kernel's parameters.
        A Python int or float is refused: its width would be a guess. None passes a null pointer; `Rows` need not be
        contiguous.
    """
    given, arguments = arguments, [value.array if isinstance(value, Rows) else value for value in arguments]
    for position, value in enumerate(arguments):
        if isinstance(value, np.generic) or value is None:
            continue
        if not (isinstance(value, np.ndarray) or is_device_array(value)):
            raise TypeError(
                f"kernel {name}, argument {position}: {type(value).__name__} is not an array or a numpy scalar"
            )
        if not value.flags.c_contiguous and not isinstance(given[position], Rows):
            raise ValueError(f"kernel {name}, argument {position}: the array is not C-contiguous")
    if n == 0:
        return
    arrays = [a for a in arguments if a is not None and not isinstance(a, np.generic)]
    if namespace(*arrays) is np:
        function = getattr(_library(), f"{name}_{size}")
        function.restype = None
        function(*[_c_argument(a) for a in arguments], ctypes.c_int64(n))
    else:
        call = [np.uintp(0) if a is None else a for a in arguments]
        gpu_function(name, size)(((n + BLOCK - 1) // BLOCK,), (BLOCK,), (*call, np.int64(n)))


def _c_argument(value):
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    return np.ctypeslib.as_ctypes_type(value.dtype)(value.item())
