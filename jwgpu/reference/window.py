"""Which part of a reference an exposure needs: its subarray, and of a dark the frames it was read for."""

from __future__ import annotations

import dataclasses

import numpy as np

from jwgpu.data import Meta
from jwgpu.data.irs2 import Interleaved, is_irs2
from jwgpu.data.multistripe import Stripes
from jwgpu.errors import InputError

# Full frames (y, x): near-infrared detectors, MIRI.
FULL_FRAMES = ((2048, 2048), (1024, 1032))

# Types of which an exposure can use as many frames as it has itself.
_BY_FRAME = ("dark", "reset")

# Types that superstripes take while they have not been put together: one plane for each. All others fit the whole.
_AS_READ = ("mask", "user_supplied_dq", "saturation", "ipc", "superbias")


@dataclasses.dataclass(frozen=True)
class Window:
    """What an exposure needs of its references.

    Attributes
    ----------
    start : (y, x) or None
        First pixel on the detector, 1-based as in the headers (SUBSTRT2, SUBSTRT1); None where it is not said.
    shape : (y, x)
        Pixels of the exposure; of superstripes, as `start`, when they have been put together.
    frames : int
        Most frames of a dark or reset that can be of use.
    subarray, instrument, detector, owner : str
        Names, for messages; `owner` is the file name of the exposure.
    stack : bool
        A stack of the guider's identification strips, which overlap: it lies nowhere on the detector.
    science : (y, x) or None
        Science pixels of a frame in NIRSpec IRS2 format. Its mask and superbias are in that format, its saturation
        and what the steps after refpix use hold science pixels alone; none is cut.
    stripes : Stripes or None
        Read in stripes: rows of the frame come from several places.
    read : (y, x) or None
        Pixels of a frame in stripes as read.
    rows : (first, last) or None
        Rows of the exposure, of which alone those of the reference are wanted.
    """

    start: tuple[int, int] | None
    shape: tuple[int, int]
    frames: int = 0
    subarray: str = ""
    instrument: str = ""
    detector: str = ""
    owner: str = "the exposure"
    stack: bool = False
    science: tuple[int, int] | None = None
    stripes: Stripes | None = None
    read: tuple[int, int] | None = None
    rows: tuple[int, int] | None = None

    @classmethod
    def of(cls, meta: Meta, shape: tuple[int, ...]) -> Window:
        """Make the window of an exposure from its metadata and the shape of its data (..., y, x).

        Raises
        ------
        InputError
            The keywords of stripes contradict each other.
        """
        x, y = meta.get("subarray.xstart"), meta.get("subarray.ystart")
        groups = meta.get("exposure.ngroups") or (shape[-3] if len(shape) > 2 else 1)
        reads = (meta.get("exposure.nframes") or 1) + (meta.get("exposure.groupgap") or 0)
        stripes, plane = Stripes.of(meta, shape), (int(shape[-2]), int(shape[-1]))
        if stripes is not None and stripes.superstripes:
            first, plane = stripes.window(shape)
            x, y = (x, first) if stripes.axis == -2 else (first, y)
            groups = int(groups) * stripes.repeats
        return cls(
            start=None if x is None or y is None else (int(y), int(x)),
            shape=plane,
            frames=int(groups) * int(reads),
            subarray=str(meta.get("subarray.name", "")),
            instrument=str(meta.get("instrument.name", "")).upper(),
            detector=str(meta.get("instrument.detector", "")).upper(),
            owner=meta.get("filename", "the exposure"),
            stack=meta.get("exposure.type") == "FGS_ID-STACK",
            stripes=stripes,
            read=None if stripes is None else (int(shape[-2]), int(shape[-1])),
            science=Interleaved.of(meta, shape).shape if is_irs2(meta, shape) else None,
        )

    def key(self, kind: str) -> tuple:
        """Return what distinguishes one cut of a reference of type `kind` from another."""
        stripes = self.stripes if self.striped(kind) else None
        return self.start, self.shape, self.frames if kind in _BY_FRAME else 0, self.rows, stripes

    def striped(self, kind: str) -> bool:
        """Say whether references of type `kind` are cut to the stripes as they were read."""
        return self.stripes is not None and (not self.stripes.superstripes or kind in _AS_READ)

    def planes(self, kind: str) -> int:
        """Return how many axes more than usual a reference of type `kind` has: one for superstripes."""
        return int(self.striped(kind) and self.stripes.superstripes > 0)


def check_origin(meta: Meta, window: Window, label: str) -> None:
    """Check that a reference is of the exposure's instrument and detector.

    Raises
    ------
    InputError
        Naming both.
    """
    for path, word, own in (
        ("instrument.name", "instrument", window.instrument),
        ("instrument.detector", "detector", window.detector),
    ):
        theirs = str(meta.get(path, "")).upper()
        listed = [w.strip() for w in str(meta.get("instrument.p_detector", "")).upper().split("|")]
        anything = theirs in ("", "ANY", "N/A", "MULTIPLE", "GENERIC") or (word == "detector" and own in listed)
        if own and not anything and theirs != own:
            raise InputError(
                f"{label} is for {word} {theirs}, but {window.owner} is of {own}; use the file made for {own}"
            )


def cut(meta: Meta, shape: tuple[int, ...], window: Window, label: str, kind: str) -> tuple:
    """Return what cuts an array of a reference to the window, for `take`.

    Parameters
    ----------
    meta : Meta
        Of the reference: SUBSTRT1/2, SUBSIZE1/2 and SUBARRAY, as far as it has them.
    shape : tuple of int
        Shape of the array, (..., y, x).
    window : Window
        Of the exposure.
    label : str
        Type and name of the file, for messages.
    kind : str
        Type of the reference.

    Returns
    -------
    rows, columns : slice
        Along the slow axis of stripes, int array (row,) or (superstripe, row).

    Raises
    ------
    InputError
        The reference does not cover the exposure; both places and the remedy are named.
    """
    size, striped = shape[-2:], window.striped(kind)
    wanted = window.read if striped else window.shape
    if window.science is not None and size in (window.shape, window.science):
        return slice(0, size[0]), slice(0, size[1])  # the headers of both claim the shape of the science pixels
    if is_irs2(meta, size) and window.science is None:
        raise InputError(
            f"{label} has {size[0]} x {size[1]} pixels (y, x), as in NIRSpec IRS2 format, and {window.owner} has "
            f"{wanted[0]} x {wanted[1]}; use a reference of its own format"
        )
    claimed = (meta.get("subarray.ysize"), meta.get("subarray.xsize"))
    if None not in claimed and tuple(map(int, claimed)) != size:
        raise InputError(
            f"{label} says in its header that it has {claimed[0]} x {claimed[1]} pixels (y, x), but its array is "
            f"{size[0]} x {size[1]}; the file is damaged or mislabelled, fetch it again or mend SUBSIZE1, SUBSIZE2"
        )
    start = (meta.get("subarray.ystart"), meta.get("subarray.xstart"))
    anywhere = str(meta.get("subarray.name", "")).upper() in ("GENERIC", "ANY") or None in start
    if size == wanted and not window.planes(kind) and (anywhere or window.start is None or start == window.start):
        return slice(0, size[0]), slice(0, size[1])
    if None in start and size in FULL_FRAMES:
        start = (1, 1)
    if window.start is None or None in start:
        side = window.owner if window.start is None else label
        raise InputError(
            f"{label} has {size[0]} x {size[1]} pixels (y, x) and {window.owner} has {wanted[0]} x "
            f"{wanted[1]}, and {side} does not say where it lies on the detector (SUBSTRT1, SUBSTRT2); add "
            f"these keywords or use a reference of the same shape"
        )
    ranges = [
        (own - first, own - first + n, own - first) for own, first, n in zip(window.start, start, wanted, strict=True)
    ]
    if striped:
        lines = window.stripes.index - (int(start[window.stripes.axis]) - 1)
        ranges[window.stripes.axis] = (lines.min(), lines.max() + 1, lines if window.planes(kind) else lines[0])
    if any(first < 0 or last > full for (first, last, _), full in zip(ranges, size)):
        raise InputError(
            f"{label} covers {_place(start, size, meta.get('subarray.name'))} and not {window.owner}, which covers "
            f"{_covered(start, ranges, window.subarray)}; use a reference of that subarray or of the full frame"
        )
    return tuple(slice(first, last) if np.ndim(what) == 0 else what for first, last, what in ranges)


def take(array, rows, columns):
    """Return (..., y, x) `array` cut as `cut` says: (..., y, x), or (..., superstripe, y, x)."""
    for axis, lines in ((-2, rows), (-1, columns)):
        if np.ndim(lines) == 2:
            each = [(one, columns) if axis == -2 else (rows, one) for one in lines]
            return np.stack([array[..., y, x] for y, x in each], axis=-3)
    return array[..., rows, columns]


def frames_needed(kind: str, meta: Meta, window: Window, available: int) -> int:
    """Return how many leading frames of a dark or reset the exposure can use; all for other types."""
    return min(available, window.frames) if kind in _BY_FRAME and window.frames else available


def _place(start, size, name) -> str:
    return _covered(start, [(0, n) for n in size], name)


def _covered(start, ranges, name) -> str:
    rows, columns = (f"{s + r[0]}-{s + r[1] - 1}" for s, r in zip(start, ranges))
    return f"columns {columns}, rows {rows}" + (f" ({name})" if name else "")
