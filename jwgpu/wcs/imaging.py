"""The gwcs of an image: detector, distortion, velocity aberration, attitude of the telescope."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Meta
from jwgpu.errors import InputError

EXP_TYPES = frozenset(
    "FGS_IMAGE FGS_FOCUS MIR_IMAGE MIR_TACQ MIR_LYOT MIR_4QPM MIR_CORONCAL MIR_TACONFIRM NIS_IMAGE NIS_AMI NIS_TACQ "
    "NIS_TACONFIRM NIS_FOCUS NRC_IMAGE NRC_TACQ NRC_TACONFIRM NRC_CORON NRC_FOCUS NRC_TSIMAGE".split()
)
"""Exposures whose pixels see the sky directly."""


def imaging(meta: Meta, shape: tuple[int, int], distortion, offset: tuple[float, float] | None = None):
    """Return the gwcs of an image.

    Four frames: `detector` (pixels from 0), `v2v3` (arcsec), `v2v3vacorr` (the same without the differential velocity
    aberration of the observatory) and `world` (ICRS, degrees).

    Parameters
    ----------
    meta : Meta
        Of the exposure: its subarray, V2_REF to ROLL_REF, VA_SCALE.
    shape : (y, x)
        Pixels of the image.
    distortion : astropy.modeling.Model
        Pixels of the full frame to V2, V3 (arcsec); it is copied.
    offset : (x, y), optional
        Pixels by which the filter moves the image.

    Returns
    -------
    gwcs.WCS

    Raises
    ------
    InputError
        The header lacks the attitude, or its VA_SCALE is not positive.
    """
    from astropy import units
    from astropy.coordinates import ICRS
    from gwcs import WCS
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    arcsec = dict(axes_order=(0, 1), axes_names=("v2", "v3"), unit=(units.arcsec, units.arcsec))
    detector = Frame2D(name="detector", axes_order=(0, 1), unit=(units.pix, units.pix))
    telescope, corrected = Frame2D(name="v2v3", **arcsec), Frame2D(name="v2v3vacorr", **arcsec)
    world = CelestialFrame(name="world", reference_frame=ICRS())
    return WCS(
        [
            (detector, _to_telescope(meta, shape, distortion, offset)),
            (telescope, _aberration(meta)),
            (corrected, attitude(meta)),
            (world, None),
        ]
    )


def _to_telescope(meta: Meta, shape: tuple[int, int], distortion, offset):
    """Return pixels of the exposure to V2, V3, with the box of valid pixels."""
    from astropy.modeling import bind_bounding_box
    from astropy.modeling.models import Identity, Shift

    model = distortion
    box = ((-0.5, shape[1] - 0.5), (-0.5, shape[0] - 0.5))  # x first
    try:
        full = distortion.bounding_box.bounding_box(order="F")
    except NotImplementedError:
        full = box
    if offset is not None:
        model = Shift(offset[0]) & Shift(offset[1]) | model
    starts = [int(meta.get(f"subarray.{axis}start", 1)) - 1 for axis in "xy"]
    if any(starts):
        first, second = (Shift(start) if start else Identity(1) for start in starts)
        model, full = first & second | model, box
    if model is distortion:  # which is to have no other box than its own
        model = distortion.copy()
    bind_bounding_box(model, full, order="F")
    return model


def _aberration(meta: Meta):
    """Return V2, V3 corrected for the motion of the observatory, which changes the scale about the reference point."""
    from astropy.modeling.models import Identity, Scale, Shift

    scale = meta.get("velocity_aberration.scale_factor", 1.0)
    if scale == 1:
        return Identity(2)
    if not scale > 0:
        raise InputError(
            f"{meta.get('filename', 'the exposure')} says VA_SCALE = {scale}, the change of scale by velocity "
            f"aberration, which is close to 1; correct the header, or remove the keyword to go without"
        )
    v2, v3 = (meta.get(f"wcsinfo.{name}_ref", 0.0) for name in ("v2", "v3"))
    model = Scale(scale, name="dva_scale_v2") & Scale(scale, name="dva_scale_v3")
    if v2 or v3:
        model |= Shift((1 - scale) * v2, name="dva_v2_shift") & Shift((1 - scale) * v3, name="dva_v3_shift")
        model.name = "DVA_Correction"
    return model


def attitude(meta: Meta):
    """Return V2, V3 (arcsec) to right ascension and declination (degrees), from where the reference point is."""
    from astropy.modeling.models import RotationSequence3D, Scale
    from gwcs.geometry import CartesianToSpherical, SphericalToCartesian

    v2, v3, roll, ra, dec = (
        float(meta.require(f"wcsinfo.{name}_ref", "assign_wcs")) for name in ("v2", "v3", "roll", "ra", "dec")
    )
    model = (
        (Scale(1 / 3600) & Scale(1 / 3600))
        | SphericalToCartesian(wrap_lon_at=180)
        | RotationSequence3D(np.array([v2 / 3600, -v3 / 3600, roll, dec, -ra]), axes_order="zyxyz")
        | CartesianToSpherical(wrap_lon_at=360)
    )
    model.name = "v23tosky"
    return model
