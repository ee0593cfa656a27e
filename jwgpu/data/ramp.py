"""A ramp: the non-destructive reads of a detector, group by group."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from jwgpu.data.exposure import Exposure


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Ramp(Exposure):
    """Groups read up the ramp.

    Attributes
    ----------
    data : (integration, group, y, x) float32, DN
    groupdq : (integration, group, y, x) uint8, flags of `data.flags.GROUP`
    pixeldq : (y, x) uint32, flags of `data.flags.PIXEL`
        Of superstripes that have not been put together yet, one plane each: (superstripe, y, x).
    zeroframe : (integration, y, x) float32, DN, or None
        The first frame of each integration, where the exposure kept it.
    refout : (integration, group, y, x / 4) float32, DN, or None
        MIRI reference output.
    average_dark_current : (y, x) float32, electron / s, or None
    tables
        Tables that travel with the exposure (`int_times`, `group`, guider tables), always on the host.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = (
        "data", "groupdq", "pixeldq", "zeroframe", "refout", "average_dark_current",
    )  # fmt: skip

    data: Any
    groupdq: Any
    pixeldq: Any
    zeroframe: Any = None
    refout: Any = None
    average_dark_current: Any = None

    @property
    def n_integrations(self) -> int:
        """Number of integrations in the arrays."""
        return self.data.shape[0]

    @property
    def n_groups(self) -> int:
        """Number of groups of each integration."""
        return self.data.shape[1]

    @property
    def n_superstripes(self) -> int:
        """Number of superstripes that take turns in the integrations (`data.multistripe`); 0 where there are none."""
        return self.pixeldq.shape[0] if self.pixeldq.ndim == 3 else 0

    def superstripe(self, integration: int) -> int:
        """Return which superstripe an integration of the arrays holds."""
        return (int(self.meta.get("exposure.integration_start", 1)) - 1 + integration) % self.n_superstripes

    def plane(self, planes, integration: int):
        """Return the plane (y, x) that belongs to an integration, of (y, x) or (superstripe, y, x) `planes`."""
        return planes[self.superstripe(integration)] if planes.ndim == 3 else planes
