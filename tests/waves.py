"""MIRI ramps with periodic disturbances, and the references that tell of them."""

from __future__ import annotations

import numpy as np

from jwgpu.data import PIXEL, Meta, Ramp, Reference

PATTERN = "FASTR1"
FREQUENCIES = {"Hz218a": 218.52055, "Hz390": 390.625, "Hz10": 10.039216}
CLOCKS = {"FULL_FAST": (271, 277504), "FULL_SLOW": (2333, 2388992), "SUB64": (28, 8512)}


def wave(n: int = 500) -> np.ndarray:
    """Return one period of a distorted sine of unit amplitude."""
    phase = (np.arange(n) + 0.5) / n * 2 * np.pi
    return np.sin(phase) + 0.25 * np.sin(2 * phase + 0.7)


def emi_reference(names=("Hz218a", "Hz10"), **changes) -> Reference:
    """Return an emicorr reference that corrects `names` in every readout."""
    meta, arrays = {}, {}
    for name, frequency in FREQUENCIES.items():
        meta[f"frequencies.{name}.frequency"] = frequency
        arrays[f"frequencies.{name}.phase_amplitudes"] = wave(480 if name == "Hz10" else 500)
    for case, (row, frame) in CLOCKS.items():
        key = f"subarray_cases.{case}."
        meta[key + "rowclocks"], meta[key + "frameclocks"] = row, frame
        meta[key + "freqs.FAST"] = meta[key + "freqs.SLOW.MIRIMAGE"] = tuple(names)
    return Reference("emicorr", "emicorr.asdf", arrays, Meta({**meta, **changes}))


def disturbance(shape, frequency: float, subarray: str, readpatt: str, nsamples: int, phase: float) -> np.ndarray:
    """Return a wave of unit amplitude in the pixels of an exposure, float64."""
    integrations, groups, rows, columns = shape
    case = subarray if subarray != "FULL" else f"FULL_{'SLOW' if 'SLOW' in readpatt else 'FAST'}"
    row, frame = CLOCKS[case]
    pixel = np.arange(rows)[:, None] * row + np.arange(columns) // 4 * nsamples
    length = rows * row + (1024 - rows) * 7
    reset = frame if readpatt in ("FASTR1", "SLOWR1") else 0
    index = np.arange(integrations * groups).reshape(integrations, groups)
    start = index * length + np.arange(integrations)[:, None] * reset
    ticks = start[..., None, None] + pixel
    samples = wave(4000)
    place = (np.arange(4002) - 0.5) / 4000
    return np.interp((ticks * 1e-5 * frequency + phase) % 1, place, np.r_[samples[-1], samples, samples[0]])


def emi_ramp(
    subarray="SUB64", shape=(2, 12, 64, 72), readpatt=PATTERN, nsamples=1, *, amplitudes=None, noise=4.0, seed=1, **meta
) -> Ramp:
    """Return whole-numbered ramps of sky, stars and fixed pattern, disturbed by `amplitudes` (frequency: DN)."""
    rng = np.random.default_rng(seed)
    groups, rows, columns = shape[1:]
    rate = np.full((rows, columns), 30.0) * rng.normal(1, 0.02, (rows, columns))
    rate[rng.random(rate.shape) < 0.02] += 2000
    data = 9500 + 60 * rng.standard_normal((rows, columns)) + rate * np.arange(groups)[:, None, None]
    data = data + noise * rng.standard_normal(shape)
    for name, amplitude in ({"Hz218a": 9.0, "Hz10": 6.0} if amplitudes is None else amplitudes).items():
        data += amplitude * disturbance(shape, FREQUENCIES[name], subarray, readpatt, nsamples, 0.31)
    pixeldq = np.where(rng.random((rows, columns)) < 0.02, PIXEL.HOT, 0).astype(np.uint32)
    values = {
        "instrument.name": "MIRI", "instrument.detector": "MIRIMAGE", "exposure.readpatt": readpatt,
        "exposure.nsamples": nsamples, "subarray.name": subarray, "subarray.xsize": columns, "subarray.xstart": 1,
        "exposure.ngroups": groups, **meta,
    }  # fmt: skip
    return Ramp(
        data=np.rint(data).astype(np.float32), groupdq=np.zeros(shape, np.uint8), pixeldq=pixeldq, meta=Meta(values)
    )
