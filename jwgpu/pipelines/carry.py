"""What an exposure leaves for the next one of its detector: windows of persistence."""

from __future__ import annotations

from jwgpu.data import Ramp

_NAME = "PERSISTENCE"


class Carried:
    """Windows of persistence, taken from each exposure and given to the next one of the same detector.

    Exposures may be of different subarrays: a window stays at its place on the detector. Those read in stripes, whose
    rows come from several places, neither give nor take.
    """

    def __init__(self):
        self._last: dict[str, tuple] = {}

    def take(self, ramp: Ramp) -> None:
        """Keep the windows that the persistence step has left open in `ramp`; nothing where it has not run."""
        table, place = ramp.tables.get(_NAME), _place(ramp)
        if table is not None and place is not None:
            self._last[str(ramp.meta.instrument.detector)] = table, place

    def give(self, ramp: Ramp) -> Ramp:
        """Return `ramp` with the windows of the last exposure of its detector, as far as they lie in it."""
        place = _place(ramp)
        table, before = self._last.get(str(ramp.meta.instrument.detector), (None, None))
        if table is None or place is None or _NAME in ramp.tables:
            return ramp
        table = table.copy()
        for axis, name in enumerate(("row", "column")):
            table[name] += before[axis] - place[axis]
            table = table[(table[name] >= 0) & (table[name] < ramp.shape[axis - 2])]
        return ramp.replace(tables={**ramp.tables, _NAME: table})


def _place(ramp: Ramp) -> tuple[int, int] | None:
    """Return the first pixel (y, x) on the detector, or None where the rows of the exposure do not follow on."""
    meta = ramp.meta
    if meta.get("subarray.multistripe_reads1") is not None:
        return None
    return int(meta.get("subarray.ystart", 1)), int(meta.get("subarray.xstart", 1))
