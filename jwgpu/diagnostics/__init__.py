"""Seeing what the calibration does: widgets and figures. Reads exposures and histories, changes nothing."""

from jwgpu.diagnostics.history import History, history
from jwgpu.diagnostics.picture import picture
from jwgpu.diagnostics.recovery import recovery
from jwgpu.diagnostics.segments import Segment, segments
from jwgpu.diagnostics.show import show
from jwgpu.diagnostics.sources import CatalogViewer
from jwgpu.diagnostics.tune import Tuner, tune
from jwgpu.diagnostics.viewer import Viewer

__all__ = [
    "CatalogViewer",
    "History",
    "Segment",
    "Tuner",
    "Viewer",
    "history",
    "picture",
    "recovery",
    "segments",
    "show",
    "tune",
]
