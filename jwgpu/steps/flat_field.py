"""Divide by the sensitivity of the pixels."""

from __future__ import annotations

import numpy as np

from jwgpu.backend import namespace
from jwgpu.data import PIXEL, Image, Reference
from jwgpu.numerics.blocks import over_rows
from jwgpu.numerics.masks import spread_invalid
from jwgpu.step import Skip, note, step

_FLOATS = ("data", "err", "var_poisson", "var_rnoise", "var_flat")
_SPECTRA = ("NRS_AUTOWAVE", "NRS_AUTOFLAT", "NRS_BRIGHTOBJ", "NRS_FIXEDSLIT", "NRS_IFU", "NRS_LAMP", "NRS_MSASPEC")


@step(unit=None, streams="integration")
def flat_field(image: Image, flat: Reference, *, inverse: bool = False) -> Image:
    """Divide by the sensitivity of the pixels.

    With the flat F and its error s, data and error become::

        d' = d / F        var' = var / F**2        var_flat = (d' / F * s)**2
        err' = sqrt(var_poisson' + var_rnoise' + var_flat)

    A pixel whose flat is NaN, 0 or flagged NO_FLAT_FIELD or DO_NOT_USE stays as it is and is flagged. In the end what
    is NaN in one array, or DO_NOT_USE, is so in all.

    Parameters
    ----------
    image : Image
        A plane (y, x) or a stack (integration, y, x).
    flat : Reference
        `data` (y, x), 1 for a pixel of mean sensitivity; `dq` (y, x), flags of `data.flags.PIXEL`; `err` (y, x), 0
        where there is none.
    inverse : bool
        Multiply instead, which takes the correction back where the flat is good; `var_flat` becomes 0.

    Returns
    -------
    Image
        `data`, `err`, `dq`, the variances, and `var_flat` (the square of the unit).

    Raises
    ------
    InputError
        The flat has another shape than the exposure.

    Skips when
    ----------
    There is no flat for the exposure, or it is a NIRSpec spectrum, whose flat has three parts.

    Differs from jwst
    -----------------
    NIRSpec spectra are not done yet. A flat of one's own is given as the reference instead of as
    `user_supplied_flat`. A flat that is smaller than the exposure is an error and no reason to skip. Where an image
    has no variances, as those of guiders, its `err` is squared in their stead.
    """
    if image.meta.get("exposure.type") in _SPECTRA and image.meta.get("instrument.lamp_mode") != "IMAGE":
        raise Skip("NIRSpec spectra, whose flat has three parts, are not done yet")
    xp = namespace(image.data, flat.data)
    usable, useless = _usable(xp, image, flat), []
    arrays = {name: image.own(name) for name in (*_FLOATS, "dq") if getattr(image, name) is not None}
    for name, dtype in (("err", np.float32), ("var_flat", np.float32), ("dq", np.uint32)):
        if name not in arrays:
            arrays[name] = xp.zeros(image.shape, dtype)
    variances = [name for name in ("var_poisson", "var_rnoise") if name in arrays]

    def work(rows):
        part = {name: array[..., rows, :] for name, array in arrays.items()}
        data, var_flat = part["data"], part["var_flat"]
        values, error, flags, bad = usable(rows)
        square = values * values
        useless.append(bad.sum())
        if inverse:
            data *= values
            var_flat[...] = 0
        else:
            data /= values
            var_flat[...] = data * data / square * (error * error)
        for name in variances:
            part[name][...] = part[name] * square if inverse else part[name] / square
        total = sum((part[name] for name in variances[1:]), part[variances[0]]) if variances else part["err"] ** 2
        part["err"][...] = xp.sqrt(total if inverse else total + var_flat)
        part["dq"] |= flags
        spread_invalid(xp, [part[name] for name in _FLOATS if name in part], part["dq"])

    with np.errstate(all="ignore"):
        over_rows(work, image.data)
    note(pixels_without_flat=int(sum(useless)))
    return image.replace(**arrays)


def _usable(xp, image: Image, flat: Reference):
    """Return a function that gives, for some rows, the flat, 1 where it is of no use, its error, and the flags it adds.

    It also says where the flat is of no use.
    """
    shape = image.shape[-2:]
    given, given_flags = flat.check_shape("data", shape), flat.check_shape("dq", shape)
    error = flat.check_shape("err", shape) if "err" in flat else None

    def usable(rows):
        values = given[rows]
        bad = np.uint32(PIXEL.NO_FLAT_FIELD | PIXEL.DO_NOT_USE)
        flags = given_flags[rows] | xp.where(xp.isnan(values) | (values == 0), bad, np.uint32(0))
        flags |= xp.where(flags & np.uint32(PIXEL.NO_FLAT_FIELD) != 0, np.uint32(PIXEL.DO_NOT_USE), np.uint32(0))
        useless = flags & np.uint32(PIXEL.DO_NOT_USE) != 0
        values = xp.where(useless, np.float32(1), values)
        return values, xp.zeros_like(values) if error is None else error[rows], flags, useless

    return usable
