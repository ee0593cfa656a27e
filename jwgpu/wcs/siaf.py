"""Distortion from the Science Instrument Aperture File, for where no reference file is to be had."""

from __future__ import annotations

import numpy as np

from jwgpu.data import Meta

_APERTURES = {"MIRIMAGE": "MIRIM_FULL", "NIS": "NIS_CEN", "GUIDER1": "FGS1_FULL", "GUIDER2": "FGS2_FULL"}


def distortion(meta: Meta):
    """Return pixels of the full frame to V2, V3 (arcsec) and back, and in words where the polynomials come from.

    They are those of the full-frame aperture of the detector. Filters move images by up to a few pixels (in NIRCam
    some hundredths of an arcsecond), which SIAF does not know.

    Parameters
    ----------
    meta : Meta
        Its detector is looked up.

    Returns
    -------
    model : astropy.modeling.Model
    words : str

    Raises
    ------
    ImportError
        pysiaf is not installed.
    """
    import contextlib
    import io
    import warnings

    from astropy.modeling.models import Mapping, Shift

    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        warnings.simplefilter("ignore")  # it asks a server for newer apertures and says so when there is none
        import pysiaf

        instrument = str(meta.require("instrument.name", "assign_wcs")).upper()
        aperture = pysiaf.Siaf(instrument)[aperture_name(meta)]
    release = pysiaf.JWST_PRD_VERSION
    angle, parity = np.deg2rad(aperture.V3IdlYAngle), aperture.VIdlParity
    matrix = np.array([[parity * np.cos(angle), np.sin(angle)], [-parity * np.sin(angle), np.cos(angle)]])
    twice = Mapping((0, 1, 0, 1))

    def polynomials(*names):
        return _polynomial(aperture, names[0]) & _polynomial(aperture, names[1])

    forward = (
        (Shift(1 - aperture.XSciRef) & Shift(1 - aperture.YSciRef))
        | (twice | polynomials("Sci2IdlX", "Sci2IdlY"))
        | (twice | _plane(matrix))
        | (Shift(aperture.V2Ref) & Shift(aperture.V3Ref))
    )
    forward.inverse = (
        (Shift(-aperture.V2Ref) & Shift(-aperture.V3Ref))
        | (twice | _plane(np.linalg.inv(matrix)))
        | (twice | polynomials("Idl2SciX", "Idl2SciY"))
        | (Shift(aperture.XSciRef - 1) & Shift(aperture.YSciRef - 1))
    )
    return forward, f"SIAF aperture {aperture.AperName} of {release}, pysiaf {pysiaf.__version__}"


def aperture_name(meta: Meta) -> str:
    """Return the name of the full-frame aperture of an exposure's detector."""
    detector = str(meta.require("instrument.detector", "assign_wcs")).upper()
    return _APERTURES.get(detector) or f"{detector.replace('LONG', '5')}_FULL"


def _polynomial(aperture, prefix: str):
    """Return a polynomial of an aperture; its coefficient i, j goes with x**(i - j) y**j."""
    from astropy.modeling.models import Polynomial2D

    degree = int(aperture.Sci2IdlDeg)
    pairs = [(i, j) for i in range(degree + 1) for j in range(i + 1)]
    return Polynomial2D(degree, **{f"c{i - j}_{j}": float(getattr(aperture, f"{prefix}{i}{j}")) for i, j in pairs})


def _plane(matrix):
    from astropy.modeling.models import Polynomial2D

    first, second = (Polynomial2D(1, c1_0=float(a), c0_1=float(b)) for a, b in matrix)
    return first & second
