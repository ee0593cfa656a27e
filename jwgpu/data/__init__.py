"""The nouns: immutable values of arrays, metadata and history."""

from jwgpu.data.alignment import Alignment
from jwgpu.data.catalog import Column, SourceCatalog
from jwgpu.data.exposure import Exposure
from jwgpu.data.exposures import Exposures
from jwgpu.data.flags import GROUP, PIXEL
from jwgpu.data.image import Image
from jwgpu.data.meta import Meta
from jwgpu.data.ramp import Ramp
from jwgpu.data.reference import Reference
from jwgpu.data.tensors import Tensors
from jwgpu.data.windows import Windows

__all__ = [
    "GROUP", "PIXEL", "Alignment", "Column", "Exposure", "Exposures", "Image", "Meta", "Ramp", "Reference",
    "SourceCatalog", "Tensors", "Windows",
]  # fmt: skip
