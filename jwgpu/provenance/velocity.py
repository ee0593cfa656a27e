"""VELOSYS, the velocity that wavelengths are corrected for, from the ephemeris in the header."""

from __future__ import annotations

import math
from collections.abc import Mapping

SPEED_OF_LIGHT = 299792458.0  # m/s
VELOCITY = ("JWST_DX", "JWST_DY", "JWST_DZ")
# In the order of preference: what was aimed at, where the aperture looked, the reference pixel.
POSITIONS = (("TARG_RA", "TARG_DEC"), ("RA_REF", "DEC_REF"), ("CRVAL1", "CRVAL2"))


def velosys(header: Mapping) -> tuple[float, str]:
    """Return VELOSYS from the velocity of JWST and the direction of the target.

    VELOSYS = -v . n, with v the barycentric velocity (`JWST_DX`, `JWST_DY`, `JWST_DZ`, km/s, equator and equinox of
    J2000) and n the unit vector towards the target. The wavelength correction multiplies by 1 / (1 + VELOSYS / c):
    where JWST moves towards the target, VELOSYS is negative and wavelengths grow.

    Parameters
    ----------
    header : mapping
        Keywords and values.

    Returns
    -------
    velosys : float
        m/s.
    position : str
        Which keywords gave the position.

    Raises
    ------
    ValueError
        The header lacks the ephemeris or a position; the message says which keywords.
    """
    v = [_number(header.get(name)) for name in VELOCITY]
    if None in v:
        raise ValueError(f"the header has no velocity of JWST ({', '.join(VELOCITY)})")
    if str(header.get("REFFRAME", "EME2000")).strip().upper() not in ("EME2000", "ICRS", "ICRF"):
        raise ValueError(f"the ephemeris is in the frame {header.get('REFFRAME')!r}, not EME2000")
    for names in POSITIONS:
        ra, dec = (_number(header.get(name)) for name in names)
        if ra is not None and dec is not None:
            ra, dec = math.radians(ra), math.radians(dec)
            n = (math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec))
            return -1000.0 * sum(a * b for a, b in zip(v, n)), "/".join(names)
    raise ValueError("the header has no position of the target (" + ", ".join("/".join(p) for p in POSITIONS) + ")")


def _number(value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
