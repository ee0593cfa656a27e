"""Seeing what the calibration does: widgets and figures. Reads exposures and histories, changes nothing."""

from jwgpu.diagnostics.picture import picture
from jwgpu.diagnostics.recovery import recovery
from jwgpu.diagnostics.segments import Segment, segments
from jwgpu.diagnostics.show import Viewer, show
from jwgpu.diagnostics.sources import CatalogViewer

__all__ = ["CatalogViewer", "Segment", "Viewer", "picture", "recovery", "segments", "show"]
