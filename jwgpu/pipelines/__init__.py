"""Pipelines as values: ordered lists of steps that can be printed, edited, cut, compared, saved and run."""

from jwgpu.pipelines.carry import Carried
from jwgpu.pipelines.choose import choose, dark, detector1, guider, image2, image3, single
from jwgpu.pipelines.core import Call, Pipeline
from jwgpu.pipelines.run import Run

__all__ = ["Call", "Carried", "Pipeline", "Run", "choose", "dark", "detector1", "guider", "image2", "image3", "single"]
