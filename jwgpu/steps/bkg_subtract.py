"""Subtract the mean of exposures of empty sky."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.backend import files, namespace
from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.clipping import clipped_mean
from jwgpu.step import Skip, byproduct, note, step

_SLITLESS = ("NIS_WFSS", "NRC_WFSS", "MIR_WFSS", "NRC_GRISM", "NIS_SOSS")
_TILT = 1e-8
ROWS_ON_DEVICE = 256


@step(unit=None)
def bkg_subtract(
    image: Image,
    background: Exposures | None = None,
    *,
    save_combined_background: bool = False,
    sigma: float = 3.0,
    maxiters: int | None = None,
) -> Image:
    """Subtract the mean of exposures of empty sky.

    Of n background exposures, in each pixel, values farther than `sigma` standard deviations from the median are left
    out until nothing more is. With the m that are left::

        data' = data - sum(background) / m        dq' = dq | dq of all backgrounds

    A background of several integrations is first averaged over them in the same way. Backgrounds of another subarray
    count where they overlap. The errors stay as they are.

    Parameters
    ----------
    image : Image
        A plane (y, x) or a stack (integration, y, x).
    background : Exposures, optional
        Rates of the same detector and optics, in the same unit.
    save_combined_background : bool
        Leave the mean, its error ``sqrt(sum(err**2)) / m`` and its flags beside the image, as `combinedbackground`.
    sigma : float
        Clipping threshold, standard deviations.
    maxiters : int, optional
        Most rounds of clipping; as many as change something unless given.

    Returns
    -------
    Image
        `data` and `dq` changed.

    Raises
    ------
    InputError
        A background has another unit, `sigma` is not positive, or `maxiters` is negative.

    Skips when
    ----------
    There are no backgrounds, none overlaps the exposure, the exposure is one of slitless spectra, or of NIRSpec with
    the grating wheel in another position than the backgrounds.

    Differs from jwst
    -----------------
    Backgrounds are the role of an association, or given here; there is no `bkg_list`. A background that begins inside
    the exposure is subtracted where it lies on the detector, where the official step puts it into the corner. Pixels
    that are NaN in all integrations of one background do not count in the mean, there as 0. Planes may be subtracted
    from stacks and the other way about. WFSS and SOSS are not done yet.
    """
    kind = image.meta.get("exposure.type")
    if kind in _SLITLESS:
        raise Skip(f"the background of {kind} is fitted, not averaged, and that is not done yet")
    if background is None:
        raise Skip("there are no background exposures")
    if not sigma > 0:
        raise InputError(f"bkg_subtract.sigma = {sigma}: give a positive number of standard deviations")
    if maxiters is not None and maxiters < 0:
        raise InputError(f"bkg_subtract.maxiters = {maxiters}: give a number of rounds, or None for all")
    if background.unit != image.unit:
        raise InputError(
            f"{image.name} is in {image.unit}, its backgrounds are in {background.unit}; give rates of both"
        )
    _check_tilt(image, background)
    places = [place for member in background if (place := _Place.of(image, member)) is not None]
    if not places:
        raise Skip("no background exposure overlaps this one on the detector")
    xp = namespace(image.data)
    data = image.own("data")
    shape = image.shape[-2:]
    dq = image.own("dq") if image.dq is not None else xp.zeros(image.shape, np.uint32)
    mean, error, flags = xp.empty(shape, np.float32), xp.empty(shape, np.float32), xp.empty(shape, np.uint32)

    def work(rows):
        mean[rows], error[rows], flags[rows] = _combined(xp, places, image, rows, sigma, maxiters)
        data[..., rows, :] -= mean[rows]
        dq[..., rows, :] |= flags[rows]

    with np.errstate(all="ignore"):
        over_rows(work, data, device_rows=ROWS_ON_DEVICE)
    note(backgrounds=len(places), mean_background=float(mean.mean(dtype=np.float64)))
    if save_combined_background:
        byproduct(combinedbackground=Image(data=mean, err=error, dq=flags, meta=image.meta, unit=image.unit))
    return image.replace(data=data, dq=dq)


def _check_tilt(image: Image, background: Exposures) -> None:
    """Skip where the wheel that holds NIRSpec's gratings was elsewhere, so that light fell elsewhere."""
    if image.meta.get("instrument.name") != "NIRSPEC":
        return
    for name in ("instrument.gwa_xtilt", "instrument.gwa_ytilt"):
        there = image.meta.get(name)
        for member in background:
            other = member.meta.get(name)
            if (there is None) != (other is None) or (there is not None and abs(there - other) > _TILT):
                raise Skip(f"the grating wheel was in another position ({name}) than for {member.name}")


class _Place:
    """A background exposure and where it lies in the frame of the image, (y, x)."""

    def __init__(self, member: Image, offset: tuple[int, int]):
        self.member, self.offset = member, offset

    @classmethod
    def of(cls, image: Image, member: Image) -> _Place | None:
        """Return the place of a background; None where it does not overlap the image."""
        starts = [[int(e.meta.get(f"subarray.{axis}start", 1)) for axis in "yx"] for e in (image, member)]
        offset = tuple(b - a for a, b in zip(*starts))
        inside = all(
            at < n and at + m > 0 for at, n, m in zip(offset, image.shape[-2:], member.shape[-2:], strict=True)
        )
        return cls(member, offset) if inside else None

    def rows(self, xp, name: str, rows: slice, width: int, outside, device: str):
        """Return some rows of the image's frame of one of the arrays, (..., y, x); `outside` where it has none."""
        array = getattr(self.member, name)
        y, x = self.offset
        height, n_columns = self.member.shape[-2:]
        first, last = max(rows.start - y, 0), min(rows.stop - y, height)
        left, right = max(-x, 0), min(width - x, n_columns)
        some = (*self.member.shape[:-2], rows.stop - rows.start, width)
        filled = xp.full(some, outside, dtype=np.uint32 if name == "dq" else np.float64)
        if array is not None and first < last:
            piece = backend.to(files.read(array, rows=slice(first, last)), device)
            target = filled[..., first + y - rows.start : last + y - rows.start, left + x : right + x]
            target[...] = piece[..., left:right]
        return filled


def _combined(xp, places: list[_Place], image: Image, rows: slice, sigma: float, maxiters: int | None):
    """Return mean, error and flags of the backgrounds for some rows."""
    values, squares, flags = [], [], xp.zeros((rows.stop - rows.start, image.shape[-1]), np.uint32)
    for place in places:
        value, error, dq = (
            place.rows(xp, name, rows, image.shape[-1], outside, image.device)
            for name, outside in (("data", np.nan), ("err", np.nan), ("dq", 0))
        )
        square = error * error
        for plane in dq.reshape(-1, *flags.shape):
            flags |= plane
        if value.ndim == 3:
            value, _ = clipped_mean(value, sigma, maxiters)
            square, _ = clipped_mean(square, sigma, maxiters)
        values.append(value)
        squares.append(square)
    mean, kept = clipped_mean(xp.stack(values), sigma, maxiters)
    total = xp.where(kept, xp.stack(squares), 0).sum(axis=0)
    n = xp.count_nonzero(kept, axis=0)
    return xp.where(n > 0, mean, 0), xp.where(n > 0, xp.sqrt(total) / xp.maximum(n, 1), 0), flags
