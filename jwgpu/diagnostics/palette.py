"""Colour maps as bytes."""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def palette(name: str) -> bytes:
    """Return the 255 colours of a matplotlib colour map, from low to high, and the last once more: 768 bytes."""
    from matplotlib import colormaps

    colours = colormaps[name](np.linspace(0, 1, 255))[:, :3]
    return (np.vstack([colours, colours[-1:]]) * 255 + 0.5).astype(np.uint8).tobytes()
