"""Where arrays live: the only package, with `kernels`, that may say `cupy`."""

from jwgpu.backend.device import Device, current, describe, probe, use
from jwgpu.backend.files import FileArray
from jwgpu.backend.namespace import fft, is_device_array, namespace, ndimage
from jwgpu.backend.plain import Plain, plain, read_lines
from jwgpu.backend.scratch import Scratch
from jwgpu.backend.threads import each, meanwhile, threads
from jwgpu.backend.transfer import Traffic, counting, native, to, to_host

__all__ = [
    "Device",
    "FileArray",
    "Plain",
    "Scratch",
    "Traffic",
    "counting",
    "current",
    "describe",
    "each",
    "fft",
    "is_device_array",
    "meanwhile",
    "namespace",
    "native",
    "ndimage",
    "plain",
    "probe",
    "read_lines",
    "threads",
    "to",
    "to_host",
    "use",
]
