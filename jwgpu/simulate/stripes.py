"""Readouts in stripes: a strip of the whole detector of which some rows are read, in turns, and again and again.

Only rows that are read are simulated, side by side: inter-pixel capacitance, snowballs and 1/f noise take them for
neighbours.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.data import Meta, Reference
from jwgpu.data.detector import SIZE
from jwgpu.data.multistripe import KEYWORDS, Stripes, frame_time
from jwgpu.errors import InputError
from jwgpu.simulate.instruments import Detector, Window, choose
from jwgpu.simulate.sensor import Sensor
from jwgpu.simulate.timing import Timing

# Subarray: 1-based corner (x, y) and size (columns, rows), outputs, detector: values in the order of the keywords.
SUBARRAYS = {
    "SUB41STRIPE1_DHS": ((1, 1, 2048, 41), 4, {"NRCA1": (1, 1901, 40, 0, 1, 1, 0, 0)}),
    "SUB82STRIPE2_DHS": ((1, 1, 2048, 82), 4, {"NRCA2": (1, 1662, 40, 82, 1, 1, 0, 0)}),
    "SUB164STRIPE4_DHS": (
        (1, 1, 2048, 164), 4, {"NRCA1": (1, 1526, 40, 85, 1, 1, 0, 0), "NRCALONG": (1, 971, 40, 0, 1, 0, 0, 0)},
    ),
    "SUB64P_SUPSTP008": ((1851, 1880, 64, 8), 1, {"NRCB1": (0, 0, 0, 0, 0, 0, 8, 8)}),
    "SUB64P_SUPSTP002": ((1851, 2046, 64, 8), 1, {"NRCB1": (1, 165, 1, 0, 1, 0, 1, 64)}),
    "SUB680STRIPE_SOSS": ((2048, 1793, 684, 256), 1, {"NIS": (4, 0, 680, 0, 1, 1, 680, 3)}),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Layout:
    """A readout in stripes.

    Attributes
    ----------
    window : Window
        What the header says: the subarray.
    strip : Window
        The part of the detector it is taken from: all of the slow axis.
    seen : Window
        The rows of the strip that are read at all, side by side.
    keywords : dict
    stripes : Stripes
    rows : (row,) int
        Which places of the strip's slow axis these are, rising.
    """

    window: Window
    strip: Window
    seen: Window
    keywords: dict
    stripes: Stripes
    rows: np.ndarray

    @classmethod
    def of(cls, det: Detector, subarray: str, size: tuple[int, int] | None) -> Layout | None:
        """Return the layout of a subarray in stripes, None for others; `size` (rows, columns) goes for its fast axis.

        Raises
        ------
        InputError
            The subarray is not known of this detector.
        """
        if subarray not in SUBARRAYS:
            return None
        (x, y, columns, rows), outputs, detectors = SUBARRAYS[subarray]
        values = choose(f"detector with {subarray}", det.name, detectors)
        along_y = abs(det.slow) == 2
        if size is not None:
            rows, columns = (rows, size[1]) if along_y else (size[0], columns)
        keywords = {f"subarray.{name}": value for name, value in zip(KEYWORDS, values)}
        fast, slow = (columns, rows) if along_y else (rows, columns)
        window = Window(subarray, x, y, columns, rows, outputs, frame_time(fast, slow, outputs))
        meta = Meta(keywords | place(window) | {"subarray.fastaxis": det.fast, "subarray.slowaxis": det.slow})
        stripes = Stripes.of(meta, window.shape)
        lines = np.unique(stripes.index)
        whole, seen = ({"y": 1, "rows": n} if along_y else {"x": 1, "columns": n} for n in (SIZE, lines.size))
        return cls(
            window, dataclasses.replace(window, **whole), dataclasses.replace(window, **seen), keywords, stripes, lines
        )

    @property
    def turns(self) -> int:
        """Integrations in which the frame is covered once."""
        return max(self.stripes.superstripes, 1)

    @property
    def ticks(self) -> np.ndarray:
        """Reads of one frame at which the stripes are, one for each repeat that is told apart.

        The repeats of superstripes follow each other in the time of one; the first comes after a reset, which takes as
        long again. Substripes are read all at once.
        """
        repeats = self.stripes.repeats if self.stripes.superstripes else 1
        return np.arange(repeats) + (repeats > 1)

    @property
    def reads(self) -> int:
        """Reads to be simulated for each frame."""
        return int(self.ticks[-1]) + 1

    def clock(self, timing: Timing) -> Timing:
        """Return the timing of the reads to be simulated: all integrations of each turn, a group for every read."""
        if self.reads > 1 and (timing.n_frames, timing.gap) != (1, 0):
            raise InputError(f"{self.window.name} can be simulated with single frames and no gaps alone; take RAPID.")
        return dataclasses.replace(
            timing, n_integrations=timing.n_integrations * self.turns, n_groups=timing.n_groups * self.reads,
            frame_time=timing.frame_time / self.reads,
        )  # fmt: skip

    @property
    def planes(self) -> tuple[int, ...]:
        """Shape of the flags of pixels: (y, x), with one plane for each superstripe."""
        number = self.stripes.superstripes
        return (number, *self.window.shape) if number else self.window.shape

    def exposed(self, timing: Timing) -> Timing:
        """Return the timing as the header has it: every superstripe is an integration."""
        return dataclasses.replace(timing, n_integrations=timing.n_integrations * self.turns)

    def narrow(self, strip: np.ndarray) -> np.ndarray:
        """Return the rows that are read of a (y, x) strip."""
        return np.ascontiguousarray(np.take(strip, self.rows, axis=self.stripes.axis))

    def compact(self, pixels: Sensor) -> Sensor:
        """Return the rows that are read of the pixels of a strip."""
        fields = {f.name: getattr(pixels, f.name) for f in dataclasses.fields(pixels)}
        made = {name: self.narrow(array) for name, array in fields.items() if isinstance(array, np.ndarray)}
        flags = {name: self.narrow(array) for name, array in pixels.flags.items()}
        return dataclasses.replace(pixels, **made, flags=flags)

    def read(self, data: np.ndarray) -> np.ndarray:
        """Return (integration, read, y, x) `data` of the rows side by side as the stripes hold them, in groups."""
        places = np.searchsorted(self.rows, self.stripes.index)
        ends = np.array([last for _, last in self.stripes.blocks])
        repeat = np.searchsorted(ends, np.arange(places.shape[1]), side="right")
        tick = self.ticks[repeat if self.stripes.slow > 0 else repeat[::-1]] if self.reads > 1 else repeat * 0
        made = []
        for number, integration in enumerate(data.reshape(len(data), -1, self.reads, *data.shape[-2:])):
            place = places[number % self.turns]
            if self.stripes.axis == -2:
                made.append(integration[:, tick, place])
            else:
                made.append(integration[:, tick, :, place].transpose(1, 2, 0))
        return np.stack(made)

    def final(self, strip: np.ndarray) -> np.ndarray:
        """Return what a rate shows of a (y, x) strip: its stripes, or the frame of superstripes put together."""
        if not self.stripes.superstripes:
            return self.stripes.cut(strip)
        return np.take(strip, self._frame(), axis=self.stripes.axis)

    def _frame(self) -> np.ndarray:
        first, shape = self.stripes.window(self.window.shape)
        return np.arange(first - 1, first - 1 + shape[self.stripes.axis])

    def turned(self, first: np.ndarray) -> np.ndarray:
        """Return (integration, y, x) numbers of reads of the rows side by side, as groups as `final` shows them.

        Where a frame holds what is not read, it has the number of groups.
        """
        first = first // self.reads * len(self.ticks) + np.maximum(first % self.reads - 1, 0)
        if not self.stripes.superstripes:
            return np.take(first, np.searchsorted(self.rows, self.stripes.index[0]), axis=self.stripes.axis)
        place = np.searchsorted(self.rows, self.stripes.index)
        _, shape = self.stripes.window(self.window.shape)
        made = np.full((len(first) // self.turns, *shape), first.max(), first.dtype)
        for stripe, index in enumerate(self.stripes.index):
            there = index - self._frame()[0]
            inside = (there >= 0) & (there < shape[self.stripes.axis])
            part = np.take(first[stripe :: self.turns], place[stripe][inside], axis=self.stripes.axis)
            np.moveaxis(made, self.stripes.axis, 0)[there[inside]] = np.moveaxis(part, self.stripes.axis, 0)
        return made

    def hits(self, hits: np.ndarray, charge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return hits (integration, read, y, x) of the rows side by side, and their charge, as `final` shows them."""
        column = 4 + self.stripes.axis
        moved, kept = [], []
        for stripe, index in enumerate(self.stripes.index):
            mine = np.flatnonzero(hits[:, 0] % self.turns == stripe)
            which, row = np.nonzero(self.rows[hits[mine, column]][:, None] == index)
            found = hits[mine[which]]
            found[:, 0] //= self.turns
            found[:, 1] = found[:, 1] // self.reads * len(self.ticks) + np.maximum(found[:, 1] % self.reads - 1, 0)
            found[:, column] = index[row] - self._frame()[0] if self.stripes.superstripes else row
            moved.append(found)
            kept.append(charge[mine[which]])
        found, which = np.unique(np.concatenate(moved), axis=0, return_index=True)
        return found, np.concatenate(kept)[which]

    def dark(self, types: dict) -> dict:
        """Return reference type: (arrays, metadata), with the reads of the dark at which the stripes are."""
        if self.reads == 1:
            return types
        arrays, meta = types["dark"]
        frames = arrays["data"].reshape(-1, self.reads, *arrays["data"].shape[-2:])[:, self.ticks]
        frames = frames.reshape(-1, *frames.shape[-2:])
        return types | {"dark": (arrays | {"data": frames}, meta | {"exposure.ngroups": len(frames)})}


def place(window: Window) -> dict:
    """Return the metadata that say where a window lies."""
    return {
        "subarray.name": window.name, "subarray.xstart": window.x, "subarray.ystart": window.y,
        "subarray.xsize": window.columns, "subarray.ysize": window.rows,
    }  # fmt: skip


def cut(references: dict[str, Reference], meta: Meta, shape: tuple[int, int]) -> dict[str, Reference]:
    """Return references of a strip as a loader cuts them to the exposure."""
    from jwgpu.reference import window  # loads the reference package only where it is needed

    wanted, made = window.Window.of(meta, shape), {}
    for kind, reference in references.items():
        arrays, strip = dict(reference.arrays), (reference.meta.subarray.ysize, reference.meta.subarray.xsize)
        for name, array in arrays.items():
            if array.shape[-2:] == strip:
                rows, columns = window.cut(reference.meta, array.shape, wanted, reference.name, kind)
                arrays[name] = np.ascontiguousarray(window.take(array, rows, columns))
        made[kind] = dataclasses.replace(reference, arrays=arrays)
    return made


def own_dark(dark: Reference, meta: Meta, shape: tuple[int, int]) -> Reference:
    """Return a dark that was cut, as the file of a dark that was taken in stripes: the official step cuts none."""
    stripes = Stripes.of(meta, shape)
    names = ("xstart", "ystart", "xsize", "ysize")
    values = {f"subarray.{name}": meta.get(f"subarray.{name}") for name in names}
    if stripes.superstripes:
        whole = stripes.collated(meta, 1, shape)
        values = {path: whole.get(path) for path in values}
    return dataclasses.replace(dark, meta=dark.meta.set(values))
