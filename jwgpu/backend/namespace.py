"""From an array to the library it belongs to. Array in, same library out: there is no global `xp`."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np


def is_device_array(array) -> bool:
    """Say whether `array` lives on a GPU."""
    return type(array).__module__.partition(".")[0] == "cupy"


def namespace(*arrays) -> ModuleType:
    """Return the array library (numpy or cupy) of the arguments that are arrays.

    Raises
    ------
    TypeError
        Where host and device arrays are mixed: jwgpu never copies between them silently.
    """
    on_device = {is_device_array(a) for a in arrays if is_device_array(a) or isinstance(a, np.ndarray)}
    if len(on_device) == 2:
        raise TypeError("host and device arrays are mixed; bring them together with .to('gpu') or .to('cpu')")
    return sys.modules["cupy"] if True in on_device else np


def ndimage(array) -> ModuleType:
    """Return the ndimage library that works on `array`."""
    if is_device_array(array):
        import cupyx.scipy.ndimage as library
    else:
        import scipy.ndimage as library
    return library


def fft(array) -> ModuleType:
    """Return the Fourier library that works on `array`; of float32 it makes complex64."""
    if is_device_array(array):
        import cupyx.scipy.fft as library
    else:
        import scipy.fft as library
    return library
