"""The outline of an image on the sky, as headers say it."""

from __future__ import annotations

import numpy as np


def outline(wcs) -> str | None:
    """Return the corners of the bounding box on the sky as an S_REGION; None where one is nowhere."""
    corners = wcs.footprint()
    if np.isnan(corners).any():
        return None
    corners[:, 0] %= 360
    return "POLYGON ICRS  " + " ".join(f"{value:.9f}" for value in corners.ravel())
