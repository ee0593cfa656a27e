"""Seeing what the calibration does: widgets and figures. Reads exposures and histories, changes nothing."""

from jwgpu.diagnostics.explain import Explanation, explain
from jwgpu.diagnostics.history import History, history
from jwgpu.diagnostics.members import MembersViewer
from jwgpu.diagnostics.panel import Panel, panel
from jwgpu.diagnostics.picture import picture
from jwgpu.diagnostics.quality import Quality, quality
from jwgpu.diagnostics.recovery import recovery
from jwgpu.diagnostics.residuals import Residuals
from jwgpu.diagnostics.rgb import Colour, rgb
from jwgpu.diagnostics.segments import Segment, segments
from jwgpu.diagnostics.show import show
from jwgpu.diagnostics.sources import CatalogViewer
from jwgpu.diagnostics.tune import Tuner, tune
from jwgpu.diagnostics.viewer import Viewer

__all__ = [
    "CatalogViewer",
    "Colour",
    "Explanation",
    "History",
    "MembersViewer",
    "Panel",
    "Quality",
    "Residuals",
    "Segment",
    "Tuner",
    "Viewer",
    "explain",
    "history",
    "panel",
    "picture",
    "quality",
    "recovery",
    "rgb",
    "segments",
    "show",
    "tune",
]
