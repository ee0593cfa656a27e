"""An image: one calibrated plane, or one plane per integration."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Image(Exposure):
    """A plane (y, x), or a stack of one plane per integration (integration, y, x), with errors and flags.

    Attributes
    ----------
    data, err : float32, in `unit`
    dq : uint32, flags of `data.flags.PIXEL`
    var_poisson, var_rnoise, var_flat : float32, in the square of `unit`, or None
    area : (y, x) float32, pixel areas relative to their mean, or None
    con : (plane, y, x) int32 or None
        Of a mosaic: bit b of plane p is set where exposure 32 p + b has gone into the pixel.
    wht : (y, x) float32 or None
        Of a mosaic: the sum of the weights of the pixels that have gone into each.
    wcs : jwgpu.wcs.WCS or None
        Pixels to sky: `ra, dec = image.wcs(x, y)`.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = (
        "data", "err", "dq", "con", "wht", "var_poisson", "var_rnoise", "var_flat", "area",
    )  # fmt: skip

    data: Any
    err: Any = None
    dq: Any = None
    var_poisson: Any = None
    var_rnoise: Any = None
    var_flat: Any = None
    area: Any = None
    con: Any = None
    wht: Any = None
    wcs: Any = None

    @property
    def per_integration(self) -> bool:
        """True for a stack of one plane per integration."""
        return self.data.ndim == 3
