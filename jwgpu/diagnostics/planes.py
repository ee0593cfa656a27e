"""From an exposure to the host arrays that a figure needs, and no more than those."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data import GROUP, PIXEL, Exposure, Ramp


def plane(exposure: Exposure, integration: int = 0, group: int = -1) -> np.ndarray:
    """Return one (y, x) plane of the data on the host, float32."""
    data = exposure.data
    if data.ndim == 4:
        data = data[integration, group]
    elif data.ndim == 3:
        data = data[integration]
    return backend.to_host(data)


def flags(exposure: Exposure, name: str, integration: int = 0, group: int = -1) -> np.ndarray:
    """Return where flag `name` is set, (y, x) bool on the host.

    A ramp has flags of the group and of the pixel; a pixel counts where either is set.
    """
    if isinstance(exposure, Ramp):
        found = backend.to_host(exposure.pixeldq) & PIXEL[name] != 0
        if name in GROUP:
            found |= backend.to_host(exposure.groupdq[integration, group]) & GROUP[name] != 0
        return found
    if exposure.dq is None:
        return np.zeros(exposure.data.shape[-2:], bool)
    dq = exposure.dq if exposure.dq.ndim == 2 else exposure.dq[integration]
    return backend.to_host(dq) & PIXEL[name] != 0


def flag_names(exposures, integration: int = 0) -> list[str]:
    """Return the names of the flags that any pixel of the exposures carries, in bit order."""
    found = 0
    for exposure in exposures:
        for array in (getattr(exposure, name, None) for name in ("groupdq", "pixeldq", "dq")):
            if array is not None and array.size:
                # Halving by OR: bitwise_or.reduce is not in every array library.
                flat = array.reshape(-1)
                while flat.size > 1:
                    half = flat.size // 2
                    rest = flat[2 * half :]
                    flat = flat[:half] | flat[half : 2 * half]
                    if rest.size:
                        flat[:1] |= rest
                found |= int(flat[0])
    return PIXEL.names(found)


def pixel_ramp(ramp: Ramp, integration: int, y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    """Return data (DN) and groupdq of one pixel, up the ramp, on the host."""
    return backend.to_host(ramp.data[integration, :, y, x]), backend.to_host(ramp.groupdq[integration, :, y, x])


def limits(array: np.ndarray, percent: float = 99.5) -> tuple[float, float]:
    """Return display limits that hold the central `percent` of the finite values."""
    # A regular sample of the plane decides; percentiles of four million pixels would make a slider lag.
    sample = array[:: max(1, array.shape[0] // 512), :: max(1, array.shape[1] // 512)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(sample, [(100 - percent) / 2, (100 + percent) / 2])
    return float(low), float(high if high > low else low + 1.0)
