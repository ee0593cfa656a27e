"""Synthetic exposures whose truth is known, for tests, notebooks and timing."""

from jwgpu.simulate.dithers import Dithers, Field, dithers
from jwgpu.simulate.effects import IDEAL, Effects
from jwgpu.simulate.exposures import Simulation, Truth, exposure
from jwgpu.simulate.files import Written, write
from jwgpu.simulate.tiny import modes, tiny

__all__ = [
    "IDEAL",
    "Dithers",
    "Effects",
    "Field",
    "Simulation",
    "Truth",
    "Written",
    "dithers",
    "exposure",
    "modes",
    "tiny",
    "write",
]
