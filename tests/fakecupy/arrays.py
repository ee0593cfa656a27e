"""The array of the double: a NumPy array that behaves as if it lived on a GPU."""

from __future__ import annotations

import operator
import types
import warnings

import numpy as np

from fakecupy import api
from fakecupy.state import state

# The only ufunc methods of CuPy (cupy.ufunc).
_AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
_METHODS = {"reduce": {"add", "multiply"}, "accumulate": {"add", "multiply"}, "reduceat": {"add"}, "at": _AT}


class ImplicitTransfer(TypeError):
    """An array would have crossed the bus without anybody saying so."""


def unwrap(value, where: str):
    """Return `value` with the NumPy arrays inside; host arrays are refused."""
    if isinstance(value, ndarray):
        return value._a
    if isinstance(value, np.ndarray):
        raise ImplicitTransfer(f"{where}: Unsupported type {type(value)}: a host array given to a device function")
    if type(value) in (list, tuple):
        return type(value)(unwrap(v, where) for v in value)
    if isinstance(value, dict):
        return {name: unwrap(v, where) for name, v in value.items()}
    return value


def wrap(value):
    """Return `value` with its NumPy arrays and scalars as device arrays."""
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        parts = [wrap(v) for v in value]
        return type(value)(parts) if type(value) in (list, tuple) else type(value)(*parts)
    return value


def quietly(function, *args, **keywords):
    """Call a NumPy function as a GPU would: no floating-point warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*args, **keywords)


def check_cast(array: np.ndarray, dtype) -> None:
    """Refuse float to integer casts whose result the hardware does not define."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu" and array.dtype.kind == "f" and array.size:
        limits = np.iinfo(dtype)
        if not np.isfinite(array).all() or array.min() <= limits.min - 1 or array.max() >= limits.max + 1:
            raise FloatingPointError(f"cast to {dtype} of NaN, infinity or out-of-range values: undefined on a GPU")


def check_ufunc_method(name: str, method: str) -> None:
    """Refuse ufunc methods that CuPy lacks."""
    if method not in ("__call__", "outer") and name not in _METHODS[method]:
        raise NotImplementedError(f"`cupy_{name}.{method}` is not supported yet")


def _scalar_read(array: ndarray) -> np.ndarray:
    state.counts.scalars += 1
    return array._a


class ndarray:
    """See the module's docstring."""

    __slots__ = ("_a",)
    __hash__ = None

    def __init__(self, array: np.ndarray):
        self._a = array

    def __array__(self, dtype=None, copy=None):
        raise ImplicitTransfer("Implicit conversion to a NumPy array is not allowed; use `.get()`")

    def __array_ufunc__(self, ufunc, method, *args, **keywords):
        name = ufunc.__name__
        outputs = keywords.pop("out", None)
        api.check("cupy", name, () if method != "__call__" else args, keywords if method == "__call__" else ())
        check_ufunc_method(name, method)
        if outputs is not None:
            keywords["out"] = tuple(None if o is None else unwrap(o, f"out= of cupy.{name}") for o in outputs)
        result = quietly(getattr(ufunc, method), *unwrap(args, f"cupy.{name}"), **unwrap(keywords, f"cupy.{name}"))
        if outputs is not None and len(outputs) == 1 and outputs[0] is not None:
            return outputs[0]
        return wrap(result)

    def __array_function__(self, function, kinds, args, keywords):
        module = {"numpy.linalg": "cupy.linalg", "numpy.fft": "cupy.fft"}.get(function.__module__, "cupy")
        name = function.__name__
        if name not in api.TABLE[module]:
            raise TypeError(f"no implementation found in {module} for numpy.{name}")
        api.check(module, name, args, keywords)
        where = f"{module}.{name}"
        return wrap(quietly(function, *unwrap(args, where), **unwrap(keywords, where)))

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    nbytes = property(lambda self: self._a.nbytes)
    itemsize = property(lambda self: self._a.itemsize)
    strides = property(lambda self: self._a.strides)
    T = property(lambda self: ndarray(self._a.T))
    mT = property(lambda self: ndarray(self._a.swapaxes(-1, -2)))
    real = property(lambda self: ndarray(self._a.real))
    imag = property(lambda self: ndarray(self._a.imag))
    base = property(lambda self: None if self._a.base is None else wrap(self._a.base))

    @property
    def flags(self):
        """Only the three flags that CuPy keeps."""
        f = self._a.flags
        return types.SimpleNamespace(c_contiguous=f.c_contiguous, f_contiguous=f.f_contiguous, owndata=f.owndata)

    @property
    def data(self):
        """The memory pointer."""
        return types.SimpleNamespace(ptr=self._a.ctypes.data)

    @property
    def device(self):
        """The device the array says it lives on."""
        return types.SimpleNamespace(id=0)

    @property
    def __cuda_array_interface__(self):
        return {
            "shape": self.shape, "typestr": self.dtype.str, "data": (self._a.ctypes.data, False), "version": 3,
            "strides": self.strides,
        }  # fmt: skip

    def get(self, stream=None, order="C", out=None, blocking=True):
        """Copy to the host."""
        state.counts.bytes_down += self.nbytes
        if out is None:
            return self._a.copy(order)
        out[...] = self._a
        return out

    def set(self, arr, stream=None):
        """Copy from the host."""
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype or arr.shape != self.shape:
            raise TypeError("set() needs a host array of the same dtype and shape")
        state.counts.bytes_up += arr.nbytes
        self._a[...] = arr

    def item(self, *index):
        """Read one element back."""
        return _scalar_read(self).item(*index)

    def tolist(self):
        """Read everything back."""
        return _scalar_read(self).tolist()

    def __float__(self):
        return float(_scalar_read(self))

    def __int__(self):
        return int(_scalar_read(self))

    def __bool__(self):
        return bool(_scalar_read(self))

    def __complex__(self):
        return complex(_scalar_read(self))

    def __index__(self):
        return operator.index(_scalar_read(self))

    def __format__(self, words):
        return format(_scalar_read(self), words)

    def __repr__(self):
        return f"fake {self._a!r}"

    def __len__(self):
        return len(self._a)

    def __iter__(self):
        return (self[k] for k in range(len(self._a)))

    def __copy__(self):
        return ndarray(self._a.copy())

    def __deepcopy__(self, memo):
        return ndarray(self._a.copy())

    def __reduce__(self):
        raise ImplicitTransfer("pickling a device array copies it through the host")

    def _index(self, index):
        parts = index if isinstance(index, tuple) else (index,)
        for part in parts:
            if isinstance(part, ndarray) and part.dtype.kind == "b":
                state.counts.scalars += 1
        return unwrap(index, "index")

    def __getitem__(self, index):
        index = self._index(index)
        found = self._a[index]
        if isinstance(found, np.generic):  # one element is a view here, not a copy as in NumPy
            found = self._a[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return wrap(found)

    def __setitem__(self, index, value):
        index, value = self._index(index), unwrap(value, "assignment")
        parts = index if isinstance(index, tuple) else (index,)
        if np.ndim(value) and any(np.ndim(p) and np.asarray(p).dtype.kind in "iu" for p in parts):
            hits = np.zeros(self.shape, np.int32)
            np.add.at(hits, index, 1)
            if (hits > 1).any():
                raise IndexError("the same element is assigned twice: which value wins is undefined on a GPU")
        if isinstance(value, (np.ndarray, np.generic)):
            check_cast(np.asarray(value), self.dtype)
        quietly(self._a.__setitem__, index, value)

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        """Convert the type."""
        check_cast(self._a, dtype)
        made = self._a.astype(dtype, order=order, casting=casting or "unsafe", copy=copy)
        return self if made is self._a else ndarray(made)

    def __getattr__(self, name):
        if name.startswith("_") or name not in api.TABLE["cupy.ndarray"]:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r} (CuPy {api.VERSION})")
        if not hasattr(self._a, name):
            raise NotImplementedError(f"the CuPy double does not know ndarray.{name}")
        method = getattr(self._a, name)

        def call(*args, **keywords):
            api.check("cupy.ndarray", name, args, keywords)
            where = f"cupy.ndarray.{name}"
            result = quietly(method, *unwrap(args, where), **unwrap(keywords, where))
            return keywords["out"] if keywords.get("out") is not None else wrap(result)

        return call


def _operand(value, name: str):
    if isinstance(value, (ndarray, np.ndarray)):
        return unwrap(value, name)
    return value if isinstance(value, (bool, int, float, complex, np.generic)) else NotImplemented


def _operator(name: str, function, kind: str):
    def binary(self, other):
        value = _operand(other, f"cupy.ndarray.__{name}__")
        return NotImplemented if value is NotImplemented else wrap(quietly(function, self._a, value))

    def swapped(self, other):
        value = _operand(other, f"cupy.ndarray.__r{name}__")
        return NotImplemented if value is NotImplemented else wrap(quietly(function, value, self._a))

    def in_place(self, other):
        value = _operand(other, f"cupy.ndarray.__i{name}__")
        if value is NotImplemented:
            return NotImplemented
        quietly(function, self._a, value)
        return self

    return {"binary": binary, "swapped": swapped, "in_place": in_place}[kind]


def _install_operators() -> None:
    for word in "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift matmul".split():
        name, function = word.rstrip("_"), getattr(operator, word)
        setattr(ndarray, f"__{name}__", _operator(name, function, "binary"))
        setattr(ndarray, f"__r{name}__", _operator(name, function, "swapped"))
        setattr(ndarray, f"__i{name}__", _operator(name, getattr(operator, "i" + name), "in_place"))
    for name in "lt le gt ge eq ne divmod".split():
        function = divmod if name == "divmod" else getattr(operator, name)
        setattr(ndarray, f"__{name}__", _operator(name, function, "binary"))
    for name in "neg pos abs invert".split():
        function = getattr(operator, name)
        setattr(ndarray, f"__{name}__", lambda self, function=function: wrap(quietly(function, self._a)))


_install_operators()
ndarray.__module__ = "cupy"
