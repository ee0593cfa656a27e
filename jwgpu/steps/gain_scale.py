"""Rescale slopes taken at a non-standard detector gain to the standard one."""

from __future__ import annotations

from jwgpu.data import Image, Reference
from jwgpu.step import Skip, note, step


@step(unit="DN/s", streams="integration")
def gain_scale(image: Image, gain: Reference | None = None) -> Image:
    """Multiply a rate by the factor between the detector gain of the exposure and the standard gain.

    NIRSpec reads bright-object and subarray exposures at another gain than the reference files were made for.
    The factor is in the exposure's own header (GAINFACT, `meta.exposure.gain_factor`), or else in that of the gain
    reference file.

    With this factor f::

        data' = f data        err' = f err        var' = f**2 var

    Parameters
    ----------
    image : Image
        Rates, (y, x) or (integration, y, x), DN / s.
    gain : Reference, optional
        Gain file; only its GAINFACT is used.

    Returns
    -------
    Image
        `data` and `err` times the factor, variances times its square, `meta.exposure.gain_factor` set.

    Skips when
    ----------
    Neither says a factor.

    Differs from jwst
    -----------------
    `var_flat`, where there is one, is scaled like the other variances; jwst 3.0.0 leaves it out.
    """
    factor = image.meta.get("exposure.gain_factor")
    if factor is None and gain is not None:
        factor = gain.meta.get("exposure.gain_factor")
    if factor is None:
        raise Skip("no gain factor (GAINFACT) is given by the exposure or the gain reference")
    factor = float(factor)
    powers = {"data": 1, "err": 1, "var_poisson": 2, "var_rnoise": 2, "var_flat": 2}
    scaled = {}
    for name, power in powers.items() if factor != 1 else ():
        if getattr(image, name) is not None:
            scaled[name] = image.own(name)
            scaled[name] *= factor**power
    note(gain_factor=factor)
    return image.replace(**scaled, meta=image.meta.set({"exposure.gain_factor": factor}))
