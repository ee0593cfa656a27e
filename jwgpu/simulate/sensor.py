"""The properties of every pixel of a simulated detector."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from jwgpu.simulate.effects import Effects
from jwgpu.simulate.instruments import Detector, Window

# Coefficients of the linearity polynomial (powers 0 to 4 of the measured DN); those above the first are scaled by
# the `curvature` of each pixel.
POLYNOMIAL = (0.0, 1.0, 7.0e-7, 9.0e-12, 9.0e-17)
CEILING = 1.02  # bottom of the well, in units of the level at which a pixel counts as saturated
KERNEL = np.array([[0.0002, 0.0055, 0.0002], [0.0055, 0.9772, 0.0055], [0.0002, 0.0055, 0.0002]], np.float32)

_BAD_SHARES = {
    "DEAD": 1.2e-3, "HOT": 1.5e-3, "WARM": 2.5e-3, "LOW_QE": 6e-4, "TELEGRAPH": 4e-4, "NONLINEAR": 1e-4,
    "OPEN": 1.5e-4, "OTHER_BAD_PIXEL": 2e-4, "UNRELIABLE_SLOPE": 2e-4,
    "UNRELIABLE_BIAS": 5e-4, "UNRELIABLE_DARK": 3e-4, "NO_SAT_CHECK": 2e-4, "NO_LIN_CORR": 3e-4, "NO_GAIN_VALUE": 7e-5,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sensor:
    """Maps of one detector window, each (y, x).

    Attributes
    ----------
    bias : float32, DN
    gain : float32, electron / DN
    read_noise : float32, DN
        Noise of a single read.
    saturation : float32, DN
        Raw level at which a pixel counts as saturated.
    curvature : float32
        Scale of the powers above the first of the linearity polynomial.
    dark : float32, electron / s
    response : float32
        Share of the light that is detected.
    reference : bool
        Reference pixels: they collect no charge.
    flags : mapping of bool maps
        Bad pixels, by the name of their flag.
    nonlinear : bool
    coupled : bool
        The charge of a pixel is seen by its neighbours (inter-pixel capacitance).
    raw_curve : bool
        The polynomial acts on raw DN, bias included (MIRI).
    anomaly : float32, DN
        What the first read after a reset lacks.
    """

    bias: np.ndarray
    gain: np.ndarray
    read_noise: np.ndarray
    saturation: np.ndarray
    curvature: np.ndarray
    dark: np.ndarray
    response: np.ndarray
    reference: np.ndarray
    flags: Mapping[str, np.ndarray]
    nonlinear: bool
    coupled: bool
    raw_curve: bool
    anomaly: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.bias.shape


def ripple(rng, shape: tuple[int, int], waves: int = 5) -> np.ndarray:
    """Return a smooth pattern of unit scatter and zero mean over the detector, float32."""
    y, x = (np.arange(n) / n for n in shape)
    image = np.zeros(shape, np.float32)
    for _ in range(waves):
        along = np.cos(np.pi * (rng.integers(1, 7) * y + rng.random()))
        across = np.cos(np.pi * (rng.integers(1, 7) * x + rng.random()))
        image += np.outer(along, across).astype(np.float32)
    return image * np.float32(2 / waves**0.5)


def reference_pixels(det: Detector, window: Window) -> np.ndarray:
    """Return where the window holds reference pixels: a border of 4, or for MIRI 4 columns on each side."""
    ny, nx = det.shape if window.name != "FULL" else window.shape
    y = np.arange(window.y - 1, window.y - 1 + window.rows)
    x = np.arange(window.x - 1, window.x - 1 + window.columns)
    columns = (x < 4) | (x >= nx - 4)
    rows = (y < 4) | (y >= ny - 4) if det.instrument != "MIRI" else np.zeros(len(y), bool)
    return rows[:, None] | columns[None, :]


def _bad_pixels(rng, active: np.ndarray) -> dict[str, np.ndarray]:
    """Scatter bad pixels over the active ones: of each kind its share, and at least two."""
    where = np.flatnonzero(active)
    flags = {}
    for name, share in _BAD_SHARES.items():
        count = min(max(2, round(share * where.size)), where.size)
        mask = np.zeros(active.size, bool)
        mask[rng.choice(where, count, replace=False)] = True
        flags[name] = mask.reshape(active.shape)
    beside = np.zeros_like(active)
    beside[1:] |= flags["OPEN"][:-1]
    beside[:-1] |= flags["OPEN"][1:]
    beside[:, 1:] |= flags["OPEN"][:, :-1]
    beside[:, :-1] |= flags["OPEN"][:, 1:]
    flags["ADJ_OPEN"] = beside & active & ~flags["OPEN"]
    flags["DO_NOT_USE"] = flags["DEAD"] | flags["OPEN"] | flags["ADJ_OPEN"] | flags["OTHER_BAD_PIXEL"]
    flags["DO_NOT_USE"] = flags["DO_NOT_USE"] | (flags["HOT"] & (rng.random(active.shape, np.float32) < 0.3))
    border = np.flatnonzero(~active)
    bad = np.zeros(active.size, bool)
    if border.size:
        bad[rng.choice(border, max(1, border.size // 500), replace=False)] = True
    flags["BAD_REF_PIXEL"] = bad.reshape(active.shape)
    flags["DO_NOT_USE"] = flags["DO_NOT_USE"] | flags["BAD_REF_PIXEL"]
    return flags


def _bias(rng, det: Detector, window: Window) -> np.ndarray:
    shape = window.shape
    scatter = 40 if det.instrument == "MIRI" else 250
    bias = np.float32(det.bias) + np.float32(scatter) * rng.standard_normal(shape, dtype=np.float32)
    bias += 150 * ripple(rng, shape)
    x = np.arange(window.columns)
    if det.instrument == "MIRI":
        return bias + (120.0 * (x % 4)).astype(np.float32)
    turned = abs(det.fast) == 2
    fast, start = (window.rows, window.y) if turned else (window.columns, window.x)
    place = np.arange(fast)
    output = np.array([0.0, 180.0, -120.0, 60.0])[place * window.outputs // fast]
    level = (output + np.where((place + start) % 2, -35.0, 35.0)).astype(np.float32)
    return bias + (level[:, None] if turned else level)


def sensor(rng, det: Detector, window: Window, effects: Effects) -> Sensor:
    """Draw the pixels of a detector."""
    shape = window.shape

    def normal() -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    def constant(value: float) -> np.ndarray:
        return np.full(shape, value, np.float32)

    reference = reference_pixels(det, window)
    flags = _bad_pixels(rng, ~reference) if effects.bad_pixels else {}
    bias = _bias(rng, det, window) if effects.bias else constant(det.bias)
    saturation = constant(det.saturation if effects.saturate else 70000.0)
    if effects.saturate:
        saturation += np.minimum(900 * normal() + 600 * ripple(rng, shape), 3500)
    gain = np.float32(det.gain) * (1 + np.float32(0.01) * (ripple(rng, shape) + normal()))
    read_noise = np.float32(det.read_noise) * np.exp(np.float32(0.08) * normal()) / gain
    dark = np.float32(det.dark) * np.exp(np.float32(0.3) * normal()) if effects.dark else constant(0.0)
    response = constant(1.0)
    if effects.sensitivity:  # of draws of its own, so that all others stay as they are
        own = np.random.default_rng([*rng.bit_generator.seed_seq.generate_state(2), 1])
        fine = own.standard_normal(shape, dtype=np.float32)
        response += np.float32(effects.sensitivity * 0.5**0.5) * (fine + ripple(own, shape))
    if flags:
        read_noise[flags["TELEGRAPH"]] *= 4
        response[flags["DEAD"] | flags["OPEN"]] = 0
        response[flags["LOW_QE"]] = 0.55
        if effects.dark:
            dark[flags["WARM"]] = rng.uniform(0.3, 3, flags["WARM"].sum())
            dark[flags["HOT"]] = 10 ** rng.uniform(0.7, 3.0, flags["HOT"].sum())
    response[reference] = 0
    dark[reference] = 0
    curvature = 1 + np.float32(0.08) * normal() if effects.nonlinear else constant(0.0)
    anomaly = constant(0.0)
    if effects.reset_anomaly:
        anomaly += np.float32(effects.reset_anomaly) * (1 + np.float32(0.2) * ripple(rng, shape)) * ~reference
    return Sensor(
        bias=bias, gain=gain, read_noise=read_noise, saturation=saturation, curvature=curvature, dark=dark,
        response=response, reference=reference, flags=flags, nonlinear=effects.nonlinear, coupled=effects.ipc,
        raw_curve=det.instrument == "MIRI", anomaly=anomaly,
    )  # fmt: skip


def linearized(measured, curvature):
    """Apply the linearity polynomial to DN as measured."""
    _, _, c2, c3, c4 = (np.float32(c) for c in POLYNOMIAL)
    return measured * (1 + curvature * measured * (c2 + measured * (c3 + measured * c4)))


def measured(linear, curvature):
    """Invert `linearized`: two Newton steps from the solution of the quadratic part.

    Within 0.01 DN for signals up to 60,000 DN.
    """
    _, _, c2, c3, c4 = (np.float32(c) for c in POLYNOMIAL)
    x = 2 * linear / (1 + np.sqrt(1 + 4 * c2 * curvature * np.maximum(linear, 0)))
    for _ in range(2):
        s = curvature * x
        value = x * (1 + s * (c2 + x * (c3 + x * c4))) - linear
        x -= value / (1 + s * (2 * c2 + x * (3 * c3 + x * 4 * c4)))
    return x
