"""Synthetic exposures whose truth is known, for tests, notebooks and timing."""

from jwgpu.simulate.effects import IDEAL, Effects
from jwgpu.simulate.exposures import Simulation, Truth, exposure
from jwgpu.simulate.files import Written, write
from jwgpu.simulate.tiny import modes, tiny

__all__ = ["IDEAL", "Effects", "Simulation", "Truth", "Written", "exposure", "modes", "tiny", "write"]
