"""Let the coordinates of exposures go along with a moving target."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Exposures, Image
from jwgpu.errors import InputError
from jwgpu.step import Skip, note, step


@step(unit=None)
def assign_mtwcs(images: Exposures) -> Exposures:
    """Let the coordinates of exposures go along with a moving target.

    With the place of the target in exposure i (MT_RA, MT_DEC in its header) and the mean of all, a frame is added to
    each WCS in which the target stands still::

        ra' = ra + (mean(mt_ra) - mt_ra[i])        dec' = dec + (mean(mt_dec) - mt_dec[i])

    Parameters
    ----------
    images : Exposures
        With `wcs`, of one moving target.

    Returns
    -------
    Exposures
        With another `wcs`, S_REGION, and the mean place (MT_AVRA, MT_AVDEC); the arrays are shared.

    Raises
    ------
    InputError
        An exposure has no WCS.

    Skips when
    ----------
    An exposure does not say where the target was.

    Differs from jwst
    -----------------
    Right ascensions on either side of 0 have their mean there; the official step takes it half a turn away. Running the
    step again replaces the frame, and adds no second one.
    """
    from jwgpu.wcs.moving import follow
    from jwgpu.wcs.outline import outline

    for image in images:
        if image.meta.get("wcsinfo.mt_ra") is None or image.meta.get("wcsinfo.mt_dec") is None:
            raise Skip(f"{image.name} does not say where a moving target was (MT_RA, MT_DEC)")
        if image.wcs is None:
            raise InputError(f"{image.name} has no coordinates; run assign_wcs before assign_mtwcs")
    ra, dec = (np.array([float(i.meta.get(f"wcsinfo.mt_{axis}")) for i in images]) for axis in ("ra", "dec"))
    away = (ra - ra[0] + 180) % 360 - 180
    mean = (float((ra[0] + away.mean()) % 360), float(dec.mean()))
    moves = away.mean() - away, dec.mean() - dec
    note(mt_avra=mean[0], mt_avdec=mean[1], largest_move=float(3600 * np.hypot(*moves).max()))

    def moved(image: Image, east: float, north: float) -> Image:
        wcs = follow(image.wcs, east, north)
        values = {"wcsinfo.mt_avra": mean[0], "wcsinfo.mt_avdec": mean[1], "wcsinfo.s_region": outline(wcs)}
        return image.replace(wcs=wcs, meta=image.meta.set(values))

    return images.with_members(moved(*each) for each in zip(images, *(m.tolist() for m in moves), strict=True))
