"""NIRSpec IRS2 frames: reference pixels among the normal ones, and the noise that both have in common."""

from __future__ import annotations

import functools

import numpy as np

from jwgpu.data import PIXEL
from jwgpu.data.detector import Readout
from jwgpu.data.irs2 import SECTIONS, Interleaved
from jwgpu.simulate.electronics import pink
from jwgpu.simulate.instruments import Detector

REFERENCE_NOISE = 4.0  # DN, of a single read of a reference pixel
_DQ_TABLE = np.dtype([("OUTPUT", "u2"), ("ODD_EVEN", "u2"), ("MASK", "u4")])  # bad interleaved pixels; here none
CORNER = 0.02  # share of the highest frequency up to which the weights of the references stay near their full value


class Layout:
    """Where the pixels of a square detector lie in an IRS2 frame (rows along the fast axis).

    Attributes
    ----------
    rows : (normal row,) int
        Rows of the normal pixels.
    shape : (y, x)
    """

    def __init__(self, det: Detector, shape: tuple[int, int]):
        columns, lines = shape[0] * 25 // 16, shape[1]
        self.frame = Interleaved(Readout(det.fast, det.slow, 0, 0, lines, columns, lines, columns), lines, columns)
        science = self.frame.science(np)
        self.rows = np.flatnonzero(science if det.fast > 0 else science[::-1])
        self.shape = (columns, lines)

    def spread(self, normal: np.ndarray, between: np.ndarray) -> np.ndarray:
        """Return (y, x) `between`, an IRS2 frame, with the pixels of `normal` in their places."""
        image = between.copy()
        image[self.rows] = normal
        return image

    def noise(self, rng, strength: float) -> np.ndarray:
        """Return 1/f noise that all outputs have in common, as it comes in time; (y, x), DN."""
        frame = self.frame
        series = pink(rng, 1, frame.lines * frame.ticks).reshape(frame.lines, frame.ticks)
        pixels = np.float32(strength) * frame.from_time(series).reshape(frame.lines, -1)
        image = np.empty(self.shape, np.float32)
        for section in range(SECTIONS):
            frame.put(frame.view(image), section, pixels)
        return image


def interleave(rng, det: Detector, data: np.ndarray, strength: float, n_frames: int):
    """Put reference pixels among normal ones.

    Parameters
    ----------
    data : (integration, group, y, x) float32, DN
        Normal pixels, means of `n_frames` frames.
    strength : float
        Noise of a single frame that normal and reference pixels have in common, DN.

    Returns
    -------
    spread : (integration, group, y, x) float32, DN
    references : callable
        Turns the references of normal pixels, type: (arrays, metadata), into those of these frames.
    """
    layout = Layout(det, data.shape[-2:])
    between = np.float32(det.bias) + 30 * rng.standard_normal(layout.shape, dtype=np.float32)
    spread = np.empty((*data.shape[:2], *layout.shape), np.float32)
    less = 1 / n_frames**0.5
    for place in np.ndindex(data.shape[:2]):
        own = between + np.float32(REFERENCE_NOISE * less) * rng.standard_normal(layout.shape, dtype=np.float32)
        spread[place] = layout.spread(data[place], own)
        if strength:
            spread[place] += layout.noise(rng, strength * less)
    return spread, functools.partial(references, layout=layout, between=between)


def references(types: dict, layout: Layout, between: np.ndarray) -> dict:
    """Return reference type: (arrays, metadata), with mask and superbias in IRS2 format and the weights of refpix."""
    flags = np.full(layout.shape, PIXEL.REFERENCE_PIXEL, np.uint32)
    science = types["mask"][0]["dq"].copy()
    # Among science pixels this flag would condemn their whole row in jwst 3.0.0.
    science[(science & PIXEL.BAD_REF_PIXEL) != 0] = PIXEL.REFERENCE_PIXEL
    mask = layout.spread(science, flags)
    bias = types["superbias"][0]
    superbias = {
        "data": layout.spread(bias["data"], between),
        "dq": layout.spread(bias["dq"], np.zeros(layout.shape, np.uint32)),
    }
    return types | {
        "mask": ({"dq": mask}, types["mask"][1]),
        "superbias": (superbias, types["superbias"][1]),
        "refpix": ({"irs2_table": weights(layout), "dq_table": np.zeros(1, _DQ_TABLE)}, {}),
    }


def weights(layout: Layout) -> np.ndarray:
    """Return the table of refpix: complex weights of all frequencies as pairs of real numbers, one column an output.

    Half of what is subtracted comes from the reference output (alpha), half from the interleaved pixels (beta); both
    fall off beyond the frequencies that 1/f noise fills.
    """
    n = layout.frame.lines * layout.frame.ticks
    share = 0.5 / (1 + (np.fft.fftfreq(n) / (0.5 * CORNER)) ** 2)
    names = [f"{kind}_{output}" for kind in ("alpha", "beta") for output in range(4)]
    table = np.zeros(2 * n, [(name, "f4") for name in names])
    for name in names:
        table[name][::2] = share
    return table
