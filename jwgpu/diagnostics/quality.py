"""`jw.quality`: which flags there are, on how many pixels, where, and since which step."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu import backend, markup
from jwgpu.data import PIXEL, Exposure
from jwgpu.diagnostics import windows
from jwgpu.diagnostics.figures import as_html, empty
from jwgpu.errors import InputError

_MAP = 96  # pixels of a side of the maps


@dataclasses.dataclass(frozen=True)
class Version:
    """The flags of an exposure after some step: how many pixels carry each, and where."""

    label: str
    counts: dict[str, int]
    maps: dict[str, np.ndarray]
    pixels: int


class Quality:
    """What `jw.quality` returns: a table and maps of the flags, in one version of an exposure or in several.

    Attributes
    ----------
    versions : list of Version
    names : list of str
        The flags that any version carries, in bit order.
    """

    def __init__(self, versions: list[Version], name: str):
        self.versions, self._name = versions, name
        found = {flag for version in versions for flag in version.counts}
        self.names = [flag for flag in PIXEL if flag in found]

    def since(self, flag: str) -> str:
        """Say after which step pixels carry a flag for the first time, and after which there are others."""
        if len(self.versions) < 2:
            return ""
        before, words = 0, []
        for version in self.versions:
            now = version.counts.get(flag, 0)
            if now != before:
                words.append(f"{version.label} ({now - before:+d})")
            before = now
        return ", ".join(words)

    def rows(self) -> list[tuple]:
        """Return (flag, pixels, share, since) for each flag, of the last version."""
        last = self.versions[-1]
        return [
            (flag, last.counts.get(flag, 0), f"{last.counts.get(flag, 0) / last.pixels:.3%}", self.since(flag))
            for flag in self.names
        ]

    def figure(self, most: int = 8):
        """Return maps of the flags that most pixels carry, as a matplotlib Figure: darker where more pixels do."""
        last = self.versions[-1]
        shown = sorted(last.maps, key=lambda flag: -last.counts[flag])[:most]
        columns = 4
        rows = max(1, -(-len(shown) // columns))
        figure = empty(3 * columns, 2.9 * rows)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
        for axis, flag in zip(axes, shown):
            array, step = last.maps[flag]
            extent = (-0.5, array.shape[1] * step - 0.5, -0.5, array.shape[0] * step - 0.5)
            high = max(float(array.max()), 1e-9)
            axis.imshow(array, origin="lower", cmap="Greys", vmin=0, vmax=high, extent=extent)
            axis.set_title(f"{flag}: {last.counts[flag]}", fontsize=9)
            axis.tick_params(labelsize=7)
        return figure

    def _title(self) -> str:
        return f"flags of {self._name}, {self.versions[-1].label}: {self.versions[-1].pixels} pixels"

    def __repr__(self) -> str:
        return markup.text(("flag", "pixels", "share", "since"), self.rows(), self._title())

    def _repr_html_(self) -> str:
        last = self.versions[-1]
        rows = [(flag, n, _bar(n / last.pixels), share, since) for flag, n, share, since in self.rows()]
        told = f"maps of the flags that most pixels carry: {', '.join(last.maps)}"
        return markup.table(("flag", "pixels", "", "share", "since"), rows, self._title()) + as_html(
            self.figure(), told
        )


def quality(*versions) -> Quality:
    """Count the flags of an exposure: which, on how many pixels, where, and since which step.

    A pixel of a ramp counts if it, or any of its groups, carries the flag. Counting is done on the device that the
    exposure lives on; of the arrays only small maps come to the host.

    Parameters
    ----------
    *versions : Exposure or Run
        One exposure; or the same one after some steps, in order. Of a run, what was kept, and its first product:
        `jw.quality(p.run(ramp, refs, keep=p.names()))` says of each flag which step set it.

    Raises
    ------
    InputError
        There are no flags, or the exposures differ in shape.
    """
    found: list[Exposure] = []
    for version in versions:
        if hasattr(version, "kept"):
            results = [getattr(kept, "rate", kept) for kept in version.kept.values()]
            last = next(iter(version.products.values()))
            found += [e for e in results if isinstance(e, Exposure)]
            found += [] if found and found[-1].history == last.history else [last]
        else:
            found.append(version)
    wrong = [v for v in found if not isinstance(v, Exposure) or not _flags_of(v)]
    if wrong or not found:
        what = getattr(wrong[0], "name", repr(wrong[0])) if wrong else "nothing"
        raise InputError(f"quality: {what} has no flags; give exposures with dq, or with groupdq and pixeldq")
    if len({v.data.shape[-2:] for v in found}) > 1:
        raise InputError("quality: give versions of one exposure; these differ in shape")
    return Quality([_version(v, found[:k]) for k, v in enumerate(found)], found[-1].name)


def _flags_of(exposure: Exposure) -> list:
    return [a for a in (getattr(exposure, name, None) for name in ("groupdq", "pixeldq", "dq")) if a is not None]


def _version(exposure: Exposure, before: list[Exposure]) -> Version:
    done = [r.step for r in exposure.history if r.status == "COMPLETE"]
    label = (f"after {done[-1]}" if before or len(done) == 1 else "now") if done else "as read"
    plane = _merged(exposure)
    xp = backend.namespace(plane)
    seen = windows.whole(plane.shape, _MAP)
    counts, maps = {}, {}
    for name, bit in PIXEL.items():
        mask = (plane & bit) != 0
        if n := int(xp.count_nonzero(mask)):
            counts[name] = n
            maps[name] = backend.to_host(windows.mean(mask, seen)), seen.step
    return Version(label, counts, maps, plane.size)


def _merged(exposure: Exposure):
    """Return the OR of all flags of each pixel, (y, x) uint32 on the device."""
    merged = None
    for array in _flags_of(exposure):
        for index in np.ndindex(*array.shape[:-2]):
            part = (array[index] if index else backend.files.read(array)).astype(np.uint32)
            merged = part if merged is None else merged | part
    return merged


def _bar(share: float) -> markup.Markup:
    """Return a bar whose length says a share, on a logarithmic scale from 1e-6 to 1."""
    length = 100 * max(0.0, 1 + np.log10(max(share, 1e-6)) / 6)
    style = f"display:inline-block;height:9px;width:{length:.0f}px;background:#1f6fb4"
    return markup.Markup(f"<span style='{style}' aria-hidden='true'></span>")
