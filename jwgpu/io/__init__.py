"""Opening and saving JWST products: the only package that knows their files and schemas."""

from __future__ import annotations

from jwgpu.io.atomic import atomic, output_folder
from jwgpu.io.incomplete import IncompleteHeaderWarning
from jwgpu.io.names import product_name, root
from jwgpu.io.open import open
from jwgpu.io.peek import peek
from jwgpu.io.save import default_suffix, save

__all__ = [
    "IncompleteHeaderWarning",
    "atomic",
    "default_suffix",
    "open",
    "output_folder",
    "peek",
    "product_name",
    "root",
    "save",
]
