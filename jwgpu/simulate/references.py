"""The reference files that belong to a simulated detector."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data import PIXEL, Meta, Reference
from jwgpu.simulate import distortion, emi, glow, photometry, transients
from jwgpu.simulate.header import START
from jwgpu.simulate.instruments import Detector, Window
from jwgpu.simulate.sensor import KERNEL, POLYNOMIAL, Sensor
from jwgpu.simulate.timing import Timing

DARK_NOISE = 0.4  # DN; what averaging many darks leaves
FRAME_BY_FRAME = 512 * 2**20  # bytes up to which a dark holds single frames; a larger one holds the exposure's groups
MIRI_DARK_INTEGRATIONS = 2
FLAT_ERROR = 0.003

_MODELS = {
    "mask": "MaskModel", "superbias": "SuperBiasModel", "saturation": "SaturationModel", "gain": "GainModel",
    "linearity": "LinearityModel", "readnoise": "ReadnoiseModel", "dark": "DarkModel", "ipc": "IPCModel",
    "reset": "ResetModel", "rscd": "RSCDModel", "refpix": "IRS2Model", "pictureframe": "PictureFrameModel",
    "flat": "FlatModel",
}  # fmt: skip


def _flags(sensor: Sensor, *names: str) -> np.ndarray:
    """Return a uint32 map of the named bad pixels."""
    dq = np.zeros(sensor.shape, np.uint32)
    for name in names:
        if name in sensor.flags:
            dq[sensor.flags[name]] |= PIXEL[name]
    return dq


def _gaps(array: np.ndarray, sensor: Sensor, name: str, every: int, first: int = 0, value=np.nan) -> np.ndarray:
    """Return `array` with `value` in every n-th of the pixels flagged `name`: what a fit that failed leaves."""
    if name not in sensor.flags:
        return array
    array = array.copy()
    y, x = np.nonzero(sensor.flags[name])
    array[..., y[first::every], x[first::every]] = value
    return array


def mask_dq(sensor: Sensor) -> np.ndarray:
    """Return the bad pixel map, (y, x) uint32."""
    names = ("DO_NOT_USE", "DEAD", "HOT", "WARM", "LOW_QE", "TELEGRAPH", "NONLINEAR", "OPEN", "ADJ_OPEN",
             "OTHER_BAD_PIXEL", "UNRELIABLE_SLOPE", "BAD_REF_PIXEL")  # fmt: skip
    dq = _flags(sensor, *names)
    dq[sensor.reference] |= PIXEL.REFERENCE_PIXEL
    return dq


def _ipc(sensor: Sensor, each_pixel: bool) -> np.ndarray:
    """Return the kernel that undoes inter-pixel capacitance, (j, i) or (j, i, y, x): the middle of the inverse."""
    size = 16
    padded = np.zeros((size, size))
    padded[:3, :3] = KERNEL
    inverse = np.real(np.fft.ifft2(1 / np.fft.fft2(np.roll(padded, (-1, -1), axis=(0, 1)))))
    kernel = np.roll(inverse, (1, 1), axis=(0, 1))[:3, :3]
    kernel = (kernel / kernel.sum()).astype(np.float32)
    return np.broadcast_to(kernel[:, :, None, None], (3, 3, *sensor.shape)).copy() if each_pixel else kernel


def _flat(sensor: Sensor) -> tuple[dict, dict]:
    """Return the flat, which knows the sensitivity of every pixel, and which of them see nothing."""
    dq = _flags(sensor, "LOW_QE", "DEAD", "OPEN")
    blind = sensor.response == 0
    dq[blind] |= PIXEL.NO_FLAT_FIELD | PIXEL.DO_NOT_USE
    data = np.where(blind, np.float32(np.nan), sensor.response)
    return {"data": data, "dq": dq, "err": np.where(blind, np.float32(np.nan), np.float32(FLAT_ERROR))}, {}


def _dark(rng, sensor: Sensor, timing: Timing, miri: bool) -> tuple[np.ndarray, dict]:
    """Return the dark ramp in DN, (frame, y, x), and the metadata of its read pattern."""
    reads = timing.n_groups * (timing.n_frames + timing.gap)
    single = reads * sensor.bias.nbytes <= FRAME_BY_FRAME or (timing.n_frames, timing.gap) == (1, 0)
    if single:
        times = (np.arange(reads) + 1.0) * timing.frame_time
        pattern = {"exposure.nframes": 1, "exposure.groupgap": 0, "exposure.ngroups": reads}
    else:
        middle = (timing.n_frames + 1) / 2
        times = np.arange(timing.n_groups) * timing.group_time + middle * timing.frame_time
        pattern = {
            "exposure.nframes": timing.n_frames, "exposure.groupgap": timing.gap, "exposure.ngroups": timing.n_groups,
        }  # fmt: skip
    rate = sensor.dark / sensor.gain
    active = ~sensor.reference
    frames = np.empty((len(times), *sensor.shape), np.float32)

    def fill(job):
        index, child = job
        noise = np.random.Generator(np.random.SFC64(child)).standard_normal(sensor.shape, dtype=np.float32)
        np.multiply(noise, np.float32(DARK_NOISE), out=frames[index])
        frames[index] += rate * np.float32(times[index])
        frames[index] *= active

    seeds = rng.bit_generator.seed_seq.spawn(len(times))
    backend.each(fill, enumerate(seeds))
    if miri:
        frames = np.broadcast_to(frames, (MIRI_DARK_INTEGRATIONS, *frames.shape)).copy()
        for later in frames[1:]:  # measured apart from the first
            later += np.float32(DARK_NOISE) * rng.standard_normal(later.shape, dtype=np.float32) * active
    return frames, pattern


def _arrays(rng, det: Detector, sensor: Sensor, timing: Timing, guiding: bool) -> dict[str, tuple[dict, dict]]:
    """Return reference type: (arrays, metadata of its own)."""
    border = sensor.reference
    read_noise = (sensor.read_noise * np.float32(2**0.5)).astype(np.float32)  # files hold that of a difference
    gain = _gaps(sensor.gain, sensor, "NO_GAIN_VALUE", 2)
    gain = _gaps(gain, sensor, "NO_GAIN_VALUE", 2, 1, -1.0)
    types = {
        "mask": ({"dq": mask_dq(sensor)}, {}),
        "gain": ({"data": gain}, {}),
        "readnoise": ({"data": read_noise}, {}),
    }
    if guiding:
        return types
    no_check = _flags(sensor, "NO_SAT_CHECK")
    no_check[border] |= PIXEL.NO_SAT_CHECK
    types["saturation"] = {"data": _gaps(sensor.saturation, sensor, "NO_SAT_CHECK", 3), "dq": no_check}, {}
    coeffs = np.empty((len(POLYNOMIAL), *sensor.shape), np.float32)
    for power, c in enumerate(POLYNOMIAL):
        coeffs[power] = c if power < 2 else np.float32(c) * sensor.curvature
    no_correction = _flags(sensor, "NO_LIN_CORR", "NONLINEAR")
    no_correction[border] |= PIXEL.NO_LIN_CORR
    types["linearity"] = {"coeffs": _gaps(coeffs, sensor, "NO_LIN_CORR", 3), "dq": no_correction}, {}
    miri = det.instrument == "MIRI"
    if sensor.coupled:
        types["ipc"] = {"data": _ipc(sensor, each_pixel=det.instrument == "NIRCAM")}, {}
    if not miri:
        bias = _gaps(sensor.bias, sensor, "UNRELIABLE_BIAS", 10)
        types["superbias"] = {"data": bias, "dq": _flags(sensor, "UNRELIABLE_BIAS")}, {}
    frames, pattern = _dark(rng, sensor, timing, miri)
    dq = _flags(sensor, "HOT", "WARM", "UNRELIABLE_DARK")
    if miri:
        dq = np.broadcast_to(dq, (MIRI_DARK_INTEGRATIONS, 1, *dq.shape)).copy()
    types["dark"] = {"data": frames, "dq": dq}, pattern
    return types | (transients.references(rng, sensor, timing) if miri else {})


def references(
    rng, det: Detector, window: Window, sensor: Sensor, timing: Timing, read_pattern: str, guiding=False, spread=None
):
    """Return reference type: `Reference`, with the arrays as a loader gives them (flags in PIXEL bits).

    `guiding` exposures have few; `spread`, if given, turns the types and arrays into those of another format.
    """
    made = {}
    types = _arrays(rng, det, sensor, timing, guiding)
    if not guiding and not spread and det.instrument != "NIRSPEC":
        types |= {"flat": _flat(sensor), **photometry.references(det, window)}
    if glow.shows(det, window):
        types["pictureframe"] = glow.reference(rng, sensor.reference), {}
    for kind, (arrays, own) in (spread(types) if spread else types).items():
        model = "DarkMIRIModel" if kind == "dark" and det.instrument == "MIRI" else _MODELS.get(kind)
        of_pattern = kind in ("dark", "reset") or (spread and kind in ("mask", "superbias", "refpix"))
        pattern = f"_{read_pattern.lower()}" if of_pattern else ""
        name = f"simulated_{det.name.lower()}_{window.name.lower()}{pattern}_{kind}.fits"
        meta = {
            "filename": name, "date": START.isoformat(), "model_type": model, "reftype": kind, "telescope": "JWST",
            "pedigree": "DUMMY", "useafter": "2020-01-01T00:00:00", "author": "jwgpu.simulate",
            "description": f"Simulated {kind}",
            "instrument.name": det.instrument, "instrument.detector": det.name,
            "subarray.name": window.name, "subarray.xstart": window.x, "subarray.ystart": window.y,
            "subarray.xsize": window.columns, "subarray.ysize": window.rows,
            "subarray.fastaxis": det.fast, "subarray.slowaxis": det.slow, **own,
        }  # fmt: skip
        if of_pattern:
            meta["exposure.readpatt"] = read_pattern
        made[kind] = Reference(kind, name, arrays, Meta(meta))
    if det.instrument == "MIRI":
        made["emicorr"] = emi.reference(det)
    return made if guiding else made | distortion.references(det, window)
