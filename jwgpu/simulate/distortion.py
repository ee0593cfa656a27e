"""The geometric distortion of a simulated detector, in the form of the official reference files."""

from __future__ import annotations

import functools

import numpy as np

from jwgpu.data import Meta, Reference
from jwgpu.simulate.header import START
from jwgpu.simulate.instruments import Detector, Window

DEGREE, INVERSE_DEGREE = 3, 5
BEND = {"x": {(2, 0): 1.2e-3, (1, 1): -5.3e-3, (0, 2): 1.1e-3, (3, 0): 4.0e-4, (1, 2): 3.9e-4},
        "y": {(2, 0): 2.8e-3, (1, 1): -1.2e-3, (0, 2): -2.5e-3, (2, 1): 3.0e-4, (0, 3): 2.9e-4}}  # fmt: skip
"""Powers of x and y, in half sizes of the detector: share of the half size by which pixels are off there."""
OFFSET = (0.042, -0.151)  # pixels (x, y) by which filters move the image


def references(det: Detector, window: Window) -> dict[str, Reference]:
    """Return the references of the coordinates of an imaging detector: `distortion`, and `filteroffset`.

    There is no filter offset for FGS, which has no filters. The spectrograph has neither.
    """
    if det.instrument == "NIRSPEC":
        return {}
    shape = window.shape if window.name == "FULL" else det.shape
    made = {"distortion": Reference("distortion", **_described(det, "distortion", shape), arrays={},
                                    models={"model": model(det, shape)})}  # fmt: skip
    if det.instrument != "FGS":
        table = np.array([(det.filter, det.pupil or "N/A", *OFFSET)], [("filter", "U12"), ("pupil", "U12"),
                         ("column_offset", "f8"), ("row_offset", "f8")])  # fmt: skip
        described = _described(det, "filteroffset", shape)
        made["filteroffset"] = Reference("filteroffset", **described, arrays={"filters": table})
    return made


def _described(det: Detector, kind: str, shape: tuple[int, int]) -> dict:
    name = f"simulated_{det.name.lower()}_{shape[1]}x{shape[0]}_{kind}.asdf"
    values = {
        "filename": name, "date": START.isoformat(), "model_type": f"{kind.capitalize()}Model", "reftype": kind,
        "telescope": "JWST", "pedigree": "DUMMY", "useafter": "2020-01-01T00:00:00", "author": "jwgpu.simulate",
        "description": f"Simulated {kind}", "instrument.name": det.instrument, "instrument.detector": det.name,
        "instrument.module": det.module, "instrument.channel": det.channel,
    }  # fmt: skip
    if kind == "distortion":
        values |= {"input_units": "pixel", "output_units": "arcsec"}
        values |= {"instrument.p_pupil": f"{det.pupil}|"} if det.pupil else {}
    return {"name": name, "meta": Meta({path: value for path, value in values.items() if value is not None})}


@functools.cache
def model(det: Detector, shape: tuple[int, int]):
    """Return pixels of the full frame to V2, V3 (arcsec), with an inverse that is a fit, as in real files."""
    from astropy.modeling.models import Mapping, Polynomial2D, Shift

    half = max(shape) / 2
    middle = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    plane = {"x": {(1, 0): 1.0}, "y": {(0, 1): 1.0}}
    bent = {
        axis: {powers: det.scale * value / half ** (sum(powers) - 1) for powers, value in (plane[axis] | terms).items()}
        for axis, terms in BEND.items()
    }
    u, v = (grid.ravel() for grid in np.meshgrid(*[np.linspace(-1.05, 1.05, 12) * half] * 2))
    ideal = [sum(c * u**i * v**j for (i, j), c in bent[axis].items()) for axis in "xy"]
    pairs = [(i, j) for i in range(INVERSE_DEGREE + 1) for j in range(INVERSE_DEGREE + 1 - i)]
    unit = det.scale * half
    columns = np.stack([(ideal[0] / unit) ** i * (ideal[1] / unit) ** j for i, j in pairs], axis=1)
    fits = np.linalg.lstsq(columns, np.stack([u, v], axis=1))[0].T
    back = [{pair: c / unit ** sum(pair) for pair, c in zip(pairs, fit)} for fit in fits]
    c, s = np.cos(np.radians(det.angle)), np.sin(np.radians(det.angle))
    to_v = [{(1, 0): -c, (0, 1): s}, {(1, 0): s, (0, 1): c}]  # parity -1; its own inverse
    twice = Mapping((0, 1, 0, 1))

    def both(degree, terms):
        first, second = (Polynomial2D(degree, **{f"c{i}_{j}": float(c) for (i, j), c in t.items()}) for t in terms)
        return twice | first & second

    forward = (Shift(-middle[0]) & Shift(-middle[1])) | both(DEGREE, bent.values()) | both(1, to_v)
    forward |= Shift(det.v2) & Shift(det.v3)
    inverse = (Shift(-det.v2) & Shift(-det.v3)) | both(1, to_v) | both(INVERSE_DEGREE, back)
    forward.inverse = inverse | (Shift(middle[0]) & Shift(middle[1]))
    return forward
