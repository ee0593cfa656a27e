"""What is looked at: an exposure or a reference, as planes with flags and a sky, on the device it lives on."""

from __future__ import annotations

import numpy as np

from jwgpu import backend
from jwgpu.data import GROUP, PIXEL, Exposure, Ramp
from jwgpu.errors import InputError


class Subject:
    """One noun under a viewer.

    Attributes
    ----------
    noun : Exposure or Reference
    label : str
        What it is called on the screen.
    unit : str
    arrays : dict
        Arrays of pixels that can be shown, by name; the first is shown first.
    shape : (rows, columns)
    first_row : int
        Row of the detector, or of the whole exposure, that its first row is.
    axes : (n_integrations, n_groups)
        How far each slider goes; of a reference, its planes are taken for groups.
    """

    def __init__(self, noun, label: str = "", first_row: int = 0):
        self.noun, self.first_row = noun, first_row
        self.is_ramp = isinstance(noun, Ramp)
        held = noun.arrays() if isinstance(noun, Exposure) else noun.arrays
        self.label = label or (_last_step(noun) if isinstance(noun, Exposure) else "") or "data"
        self.unit = getattr(noun, "unit", "")
        self.shape = _plane_shape(noun, held)
        self.arrays = {n: a for n, a in held.items() if a.ndim > 1 and tuple(a.shape[-2:]) == self.shape}
        if isinstance(noun, Exposure):  # what is not one value a pixel of the image is left out
            self.arrays = {n: a for n, a in self.arrays.items() if n not in ("refout", "zeroframe")}
        self._counted: dict = {}

    @property
    def axes(self) -> tuple[int, int]:
        """How far the sliders of integrations and of groups go."""
        stacks = [a.shape[:-2] for a in self.arrays.values() if a.ndim > 2]
        integrations = max((s[0] for s in stacks if isinstance(self.noun, Exposure)), default=1)
        groups = max((s[-1] for s in stacks if len(s) == 2 or not isinstance(self.noun, Exposure)), default=1)
        return integrations, groups

    def plane(self, name: str, integration: int = 0, group: int = -1):
        """Return one (y, x) plane of an array, on its device; indices beyond its end mean the last."""
        return self._plane(self.arrays[name], integration, group)

    def _plane(self, array, integration: int, group: int):
        where = (
            (integration, group) if isinstance(self.noun, Exposure) else (integration,) * (array.ndim - 3) + (group,)
        )
        index = tuple(min(i, n - 1) for i, n in zip(where, array.shape[:-2]))
        if isinstance(array, backend.FileArray):
            return array[index] if index else array.read()
        return array[index] if index else array

    def _turn(self, name: str, integration: int) -> int:
        """Return which plane of flags belongs to an integration: superstripes take turns."""
        return self.noun.superstripe(integration) if name == "pixeldq" and self.noun.n_superstripes else integration

    def flag_planes(self, integration: int = 0, group: int = -1) -> list:
        """Return the planes of flags that hold for what is shown; a pixel of a ramp has its own and its group's."""
        planes = [
            (
                GROUP if name == "groupdq" else PIXEL,
                self._plane(self.arrays[name], self._turn(name, integration), group),
            )
            for name in ("groupdq", "pixeldq", "dq")
            if name in self.arrays
        ]
        return [(flags, plane) for flags, plane in planes if plane.dtype.kind == "u"]

    def flagged(self, name: str, integration: int = 0, group: int = -1):
        """Return where flag `name` is set, (y, x) bool on the device, or None where nothing is."""
        found = None
        for flags, plane in self.flag_planes(integration, group):
            if name in flags:
                here = (plane & flags[name]) != 0
                found = here if found is None else found | here
        return found

    def flag_counts(self, integration: int = 0, group: int = -1) -> dict[str, int]:
        """Count the pixels that carry each flag, in bit order."""
        key = integration, group
        if key not in self._counted:
            planes = dict(self.flag_planes(*key))
            of_pixels = planes.get(PIXEL)
            turn = self._turn("pixeldq", integration) if self.is_ramp else integration
            counts = dict(self._counts_of_pixels(turn, of_pixels)) if of_pixels is not None else {}
            if GROUP in planes:  # what groups can carry fits into a byte, which is counted sooner
                both = planes[GROUP] if of_pixels is None else planes[GROUP] | of_pixels.astype(np.uint8)
                counts |= {name: _count(both, bit) for name, bit in GROUP.items()}
            self._counted[key] = {name: counts[name] for name in PIXEL if counts.get(name)}
        return self._counted[key]

    def _counts_of_pixels(self, turn: int, plane) -> dict[str, int]:
        """Count the flags of pixels, once for all groups."""
        if ("pixels", turn) not in self._counted:
            self._counted["pixels", turn] = {name: _count(plane, bit) for name, bit in PIXEL.items()}
        return self._counted["pixels", turn]

    def value(self, name: str, x: int, y: int, integration: int = 0, group: int = -1) -> float:
        """Return the value of one pixel."""
        return float(backend.to_host(self.plane(name, integration, group)[y : y + 1, x : x + 1])[0, 0])

    def flags_at(self, x: int, y: int, integration: int = 0, group: int = -1) -> list[str]:
        """Return the names of the flags of one pixel."""
        bits = 0
        for _, plane in self.flag_planes(integration, group):
            bits |= int(backend.to_host(plane[y : y + 1, x : x + 1])[0, 0])
        return PIXEL.names(bits)

    def sky(self, x: int, y: int) -> tuple[float, float] | None:
        """Return right ascension and declination of a pixel, degrees; None where they are not known."""
        wcs = getattr(self.noun, "wcs", None)
        if wcs is None:
            return None
        coordinates = [float(c) for c in wcs(float(x), float(y + self.first_row))[:2]]
        return tuple(coordinates) if np.all(np.isfinite(coordinates)) else None


def _plane_shape(noun, held) -> tuple[int, int]:
    if getattr(noun, "data", None) is not None and noun.data.ndim > 1:
        return tuple(noun.data.shape[-2:])
    shapes = [a.shape[-2:] for a in held.values() if getattr(a, "ndim", 0) > 1 and a.dtype.names is None]
    if not shapes:
        raise InputError(f"{noun.name} holds no image; {noun!r}")
    return tuple(max(shapes, key=lambda s: s[0] * s[1]))


def _count(plane, bit) -> int:
    return int(backend.namespace(plane).count_nonzero((plane & bit) != 0))


def _last_step(exposure: Exposure) -> str:
    done = [record.step for record in exposure.history if record.status == "COMPLETE"]
    return f"after {done[-1]}" if done else ""
