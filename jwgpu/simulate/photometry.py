"""What a count rate of a simulated detector is worth, and the areas of its pixels."""

from __future__ import annotations

import numpy as np

from jwgpu.simulate.distortion import BEND
from jwgpu.simulate.instruments import Detector, Window

SENSITIVITY = 2.0e-3  # (MJy / sr) / (DN / s) times the area of a pixel in square arcseconds
ERROR = 0.02  # of the factor
_MODELS = {"NIRCAM": "NrcImg", "NIRISS": "NisImg", "MIRI": "MirImg", "FGS": "FgsImg"}


def references(det: Detector, window: Window) -> dict[str, tuple[dict, dict]]:
    """Return `photom` and `area` of an imaging detector: (arrays, metadata of their own)."""
    square = det.scale**2
    mean = {"photometry.pixelarea_arcsecsq": square,
            "photometry.pixelarea_steradians": square * (np.pi / 180 / 3600) ** 2}  # fmt: skip
    factor = SENSITIVITY / square
    words = {"filter": det.filter, "pupil": det.pupil, "subarray": "GENERIC"}
    chosen = {"NIRCAM": ("filter", "pupil"), "NIRISS": ("filter", "pupil"), "MIRI": ("filter", "subarray"), "FGS": ()}
    columns = [(name, "U12") for name in chosen[det.instrument]] + [("photmjsr", "f4"), ("uncertainty", "f4")]
    row = (*(words[name] for name in chosen[det.instrument]), factor, ERROR * factor)
    table = np.array([row], columns)
    model = {"model_type": f"{_MODELS[det.instrument]}PhotomModel"}
    return {
        "photom": ({"phot_table": table}, {**mean, **model}),
        "area": ({"data": areas(det, window)}, {**mean, "model_type": "PixelAreaModel"}),
    }


def areas(det: Detector, window: Window) -> np.ndarray:
    """Return the areas of the pixels of a window relative to one without distortion, (y, x) float32."""
    rows, columns = window.shape if window.name == "FULL" else det.shape
    half = max(rows, columns) / 2
    y, x = np.ogrid[: window.rows, : window.columns]
    u = (x + window.x - 1 - (columns - 1) / 2) / half
    v = (y + window.y - 1 - (rows - 1) / 2) / half

    def slope(axis: str, along: int):
        total = np.zeros(np.broadcast_shapes(u.shape, v.shape))
        for powers, c in BEND[axis].items():
            if powers[along]:
                i, j = (p - (k == along) for k, p in enumerate(powers))
                total = total + c * powers[along] * u**i * v**j
        return total

    grown = (1 + slope("x", 0)) * (1 + slope("y", 1)) - slope("x", 1) * slope("y", 0)
    return grown.astype(np.float32)
