"""How much memory a run may take, and what follows: where its arrays lie and how large its pieces are."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

from jwgpu import backend
from jwgpu.backend import FileArray, memory
from jwgpu.data import Exposure, Exposures, Image, Ramp
from jwgpu.data.pieces import in_files, loaded
from jwgpu.errors import InputError

IN_CACHE = 24 << 20
"""Bytes of a piece: few enough for a large cache, enough for the threads of a step to share its blocks of rows."""

LEAST_ROWS, LARGEST = 32, 64 << 20
"""Rows that a piece has where memory allows it, and bytes up to which it has: each brings a halo and calls along."""

WORTH_ROWS = 16
"""Rows that have to fit a cache for it to pay to cut what lies in memory: those of long time series do not."""

OF_REFERENCES = 40 << 20
"""Bytes of the rows of an exposure for which references are read at a time."""

_BESIDE = 96 << 20  # pieces, references and other small things
_TIMES = 4  # a piece, what steps make beside it, and what they make of it, in pieces
_LEAST_TILE = 16 << 20
_RATES = 20  # bytes of a pixel of a rate: data, error, two variances, flags


@dataclasses.dataclass(frozen=True)
class Room:
    """Where the arrays of a run lie, and how large its pieces are.

    Attributes
    ----------
    device : str
        Where steps run.
    piece : int or None
        Most bytes of a piece of rows; None where pieces are of no use.
    frames : int or None
        Most bytes of a piece of whole frames; None where the exposure lies where steps run, whole.
    folder : path or None
        Where arrays are put that the memory does not hold.
    limit : int
        Bytes that the run may take, for messages.
    """

    device: str
    piece: int | None = None
    frames: int | None = None
    folder: Path | None = None
    limit: int = 0


def arrange(exposure: Exposure, pipeline, max_memory, scratch, donate: bool) -> tuple[Exposure, Room]:
    """Return the exposure where the run will have it, and the room for the run.

    Parameters
    ----------
    exposure : Exposure
        Its arrays may be in files.
    pipeline : Pipeline
    max_memory : int, str or None
        Bytes that the process may take; most of what is free where it is None.
    scratch : path or None
        Folder for what does not fit.
    donate : bool
        Whether the arrays of the exposure may be written over.

    Raises
    ------
    InputError
        The memory is too little whatever is done, or the folder is too small.
    """
    if isinstance(exposure, Exposures):
        if exposure.scratch is None and any(map(in_files, exposure)):
            exposure = exposure.replace(scratch=str(scratch or tempfile.gettempdir()))
        return exposure, Room(exposure.device)
    if isinstance(exposure, Image) and in_files(exposure):
        exposure = loaded(exposure).to(backend.current().kind)
    if not isinstance(exposure, Ramp) or exposure.device == "gpu":
        return exposure, Room(exposure.device)
    if not donate:
        held = {n: a.sealed() for n, a in exposure.arrays().items() if isinstance(a, FileArray)}
        exposure = exposure.replace(**held)
    given = None if max_memory is None else memory.parse_bytes(max_memory)
    device = backend.current().kind if in_files(exposure) else exposure.device
    host = memory.budget("cpu") if given is None or device == "gpu" else given - memory.used()
    rates = _rates(exposure, pipeline)
    size = sum(array.nbytes for array in exposure.arrays().values())
    need = rates + _BESIDE + (size if in_files(exposure) or not donate else 0)
    if device == "gpu":
        room = memory.budget("gpu") if given is None else given
        if need <= room and size <= host:
            return loaded(exposure).to("gpu"), Room("gpu", limit=room)
        if need <= host:
            return loaded(exposure), Room("gpu", (room - _BESIDE) // _TIMES, (room - _BESIDE) // 2, limit=room)
    elif need <= host:
        pays = IN_CACHE * exposure.shape[-2] >= WORTH_ROWS * exposure.nbytes
        return loaded(exposure), Room("cpu", IN_CACHE if pays else None, limit=host)
    free = (room if device == "gpu" else host) - _BESIDE
    left = min(free, host - _BESIDE) - rates
    folder = Path(scratch or tempfile.gettempdir())
    _check(exposure, folder, size, left, given or host, rates)
    return exposure, Room(device, left // _TIMES, int(0.9 * free), folder, host)


def _check(exposure: Ramp, folder: Path, size: int, left: int, limit: int, rates: int) -> None:
    row = size // exposure.shape[-2]
    if left < _TIMES * row:
        least = limit - left + _TIMES * row
        raise InputError(
            f"{exposure.name} cannot be calibrated in {words(limit)} of memory: its rates and the smallest pieces "
            f"take {words(least)}; allow as much (--max-memory, max_memory=) or free some"
        )
    there = shutil.disk_usage(folder).free
    if there < size:
        raise InputError(
            f"{exposure.name} takes {words(size)}, more than the memory that may be used ({words(limit)}), and the "
            f"folder for what does not fit, {folder}, has room for {words(there)}; name another one (--scratch, "
            "scratch=), or allow more memory (--max-memory, max_memory=)"
        )


def _rates(exposure: Ramp, pipeline) -> int:
    """Return the bytes of the rates that a pipeline makes."""
    makes = any(call.name == "ramp_fit" and not call.skip for call in pipeline.calls)
    pixels = exposure.shape[-2] * exposure.shape[-1]
    return (exposure.shape[0] + 1) * pixels * _RATES if makes else 0


def for_tiles(max_memory):
    """Return a context in which tiles of many exposures take what `max_memory` leaves for them."""
    free = None if max_memory is None else memory.parse_bytes(max_memory) - memory.used()
    return memory.tiles_of(None if free is None else max(free // _TIMES, _LEAST_TILE))


def words(n: int) -> str:
    """Return a number of bytes in words."""
    return f"{n / 1e9:.2f} GB"
