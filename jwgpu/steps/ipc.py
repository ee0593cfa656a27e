"""Give every pixel back the signal that its neighbours see through inter-pixel capacitance (IPC).

References
----------
.. [1] Moore, A. C., et al. 2006, Opt. Eng. 45, 076402, doi:10.1117/1.2219103.
"""

from __future__ import annotations

from jwgpu.backend import namespace
from jwgpu.cut import Cut
from jwgpu.data import Ramp, Reference
from jwgpu.data.detector import BORDER, SIZE
from jwgpu.data.irs2 import is_irs2, science_rows
from jwgpu.data.multistripe import Stripes
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.step import Skip, note, step

_MIRI_WIDTH = 1032

# Rows treated at a time: they are gone over once for each element of the kernel, in a small cache.
_ROWS = 16


def _cut(ramp: Ramp, parameters: dict) -> Cut:
    return Cut("integration" if parameters["ipc"] else "rows", sets=0)


@step(unit="DN", streams=_cut, superstripes=True)
def ipc(ramp: Ramp, ipc: Reference | None = None) -> Ramp:
    """Convolve every group with the kernel that undoes inter-pixel capacitance.

    With the kernel k of (rows, columns) j, i and its middle J, I, a pixel becomes::

        S'[y, x] = sum_ji k[j, i] S[y + J - j, x + I - i]

    Light-sensitive pixels alone take part: reference pixels stay as they are and count as 0 for their
    neighbours, and so does what lies outside the exposure. In NIRSpec IRS2 readouts the reference pixels that are
    interleaved are taken out before and put back after. Every stripe of a readout in stripes is corrected by itself, as
    its rows have no others of the exposure for neighbours.

    Parameters
    ----------
    ramp : Ramp
        `data` (integration, group, y, x), DN, as read.
    ipc : Reference, optional
        `data`, the kernel: (j, i), or (j, i, y, x) with one for each pixel that is corrected; of superstripes
        (j, i, superstripe, y, x).

    Returns
    -------
    Ramp
        `data` corrected. The zero frame is left alone.

    Raises
    ------
    InputError
        The kernel is not finite, or has another shape than the exposure; an IRS2 readout is not of NRS1 or NRS2.

    Skips when
    ----------
    There is no IPC reference for the exposure.

    Differs from jwst
    -----------------
    A pixel whose own kernel holds a value that is not finite stays uncorrected; there it becomes NaN. An exposure
    whose SUBARRAY is FULL is the whole detector, whatever its size (simulated detectors may be small). Stripes are
    treated there as if their rows lay side by side on the detector, with its border where SUBSTRT1 and SUBSTRT2 put it.
    """
    if ipc is None:
        raise Skip("there is no ipc reference for this exposure")
    xp = namespace(ramp.data, ipc.data)
    lines = science_rows(ramp.meta, ramp.shape, xp) if is_irs2(ramp.meta, ramp.shape) else None
    ny = ramp.shape[-2] if lines is None else lines.size
    shape = (*ramp.pixeldq.shape[:-2], ny, ramp.shape[-1])
    kernel = ipc.check_shape("data", shape) if ipc.data.ndim >= 4 else ipc.data
    each_pixel = kernel.ndim >= 4
    if not each_pixel and not bool(xp.isfinite(kernel).all()):
        raise InputError(f"ipc reference {ipc.name}: its kernel holds a value that is not finite; give another file")
    note(kernel_shape=tuple(ipc.data.shape))
    stripes = Stripes.of(ramp.meta, ramp.shape)
    turns = []
    for stripe in range(max(ramp.n_superstripes, 1)):
        parts = [_light_sensitive(ramp, shape[-2:])] if stripes is None else stripes.light_sensitive(stripe)
        own = kernel[:, :, stripe] if kernel.ndim == 5 else kernel
        cut = [own[..., inside[0], inside[1]] if each_pixel else own for inside in parts]
        usable = [xp.isfinite(part).all(axis=(0, 1)) if each_pixel else None for part in cut]
        turns.append(list(zip(parts, cut, usable)))
    data = ramp.own("data")
    for number, integration in enumerate(data):
        for group in integration:
            science = group if lines is None else group[lines]
            for inside, part, known in turns[ramp.superstripe(number) if ramp.n_superstripes else 0]:
                _convolve(xp, science[inside], part, known)
            if lines is not None:
                group[lines] = science
    return ramp.replace(data=data)


def _light_sensitive(ramp: Ramp, shape) -> tuple[slice, slice]:
    """Return the rows and columns of a window of `shape` that are not at an edge of the detector, where it has one.

    MIRI has reference pixels at the left and right only.
    """
    ny, nx = shape
    whole = ramp.meta.get("subarray.name") == "FULL" or ny == nx == SIZE
    y, x = (0, 0) if whole else (int(ramp.meta.require(f"subarray.{n}start", "ipc")) - 1 for n in "yx")
    if str(ramp.meta.get("instrument.name", "")).upper() == "MIRI":
        return slice(0, ny), _between(x, nx, nx if whole else _MIRI_WIDTH)
    return _between(y, ny, ny if whole else SIZE), _between(x, nx, nx if whole else SIZE)


def _between(start: int, length: int, full: int) -> slice:
    """Return the part of `length` pixels from `start` on that is more than the border away from 0 and `full`."""
    first = max(BORDER - start, 0)
    return slice(first, max(min(length, full - BORDER - start), first))


def _convolve(xp, image, kernel, usable):
    """Convolve (y, x) `image` in place, nothing being around it; where `usable` is False it stays."""
    height, width = kernel.shape[:2]
    middle = (height // 2, width // 2)
    ny, nx = image.shape
    padded = xp.zeros((ny + height - 1, nx + width - 1), dtype=image.dtype)
    padded[middle[0] : middle[0] + ny, middle[1] : middle[1] + nx] = image
    # From the outside in: the middle is the largest, and adding it last keeps most of the small ones' digits.
    offsets = [(j, i) for j in range(height) for i in range(width) if (j, i) != middle]

    def fill(rows):
        total = xp.zeros((rows.stop - rows.start, nx), dtype=image.dtype)
        share = xp.empty_like(total)
        for j, i in [*offsets, middle]:
            y, x = middle if (j, i) == middle else (height - 1 - j, width - 1 - i)
            weight = kernel[j, i] if kernel.ndim == 2 else kernel[j, i, rows]
            total += xp.multiply(padded[y + rows.start : y + rows.stop, x : x + nx], weight, out=share)
        image[rows] = total if usable is None else xp.where(usable[rows], total, image[rows])

    over_rows(fill, image, rows=_ROWS)
