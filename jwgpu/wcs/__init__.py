"""Coordinates: transforms between pixels and sky as functions of arrays on either device, and how they are built."""

from __future__ import annotations

from jwgpu.wcs.compile import Transform, compile
from jwgpu.wcs.wcs import WCS

__all__ = ["WCS", "Transform", "compile"]
