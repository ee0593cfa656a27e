"""Windows of persistence that an exposure leaves open for the next one."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Windows(Exposure):
    """Pixels in which an afterglow may still be seen, and until when; always on the host.

    Attributes
    ----------
    row, column : (window,) int, 0-based, in the frame of the exposure
    end : (window,) float64, seconds since 1970
    persistence_time : int
        Length of a window in seconds.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("row", "column", "end")

    row: Any
    column: Any
    end: Any
    persistence_time: int
    unit: str = "s"

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of windows, as a shape."""
        return self.row.shape
