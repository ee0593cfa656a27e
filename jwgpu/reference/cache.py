"""References that are already on the device, kept for the next exposure; the oldest go first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from jwgpu import backend
from jwgpu.data import Reference

_lock = threading.RLock()
_entries: OrderedDict[tuple, Reference] = OrderedDict()
_hashes: dict[tuple, str] = {}
_limits: dict[str, int] = {}
_DEFAULTS = {"cpu": 1 << 30, "gpu": 4 << 30}


def limit(nbytes: int | None = None, device: str | None = None) -> int:
    """Return how many bytes of references are kept on `device` (the one in use), after setting it where given.

    The default is 1 GiB on the host and 4 GiB on a GPU, or JWGPU_REFERENCE_CACHE_MB where that is set.
    """
    device = device or backend.current().kind
    with _lock:
        if nbytes is not None:
            _limits[device] = int(nbytes)
            _evict(device)
        if device in _limits:
            return _limits[device]
    megabytes = os.environ.get("JWGPU_REFERENCE_CACHE_MB")
    return int(float(megabytes) * 1e6) if megabytes else _DEFAULTS[device]


@contextlib.contextmanager
def limited(nbytes: int) -> Iterator[None]:
    """Keep at most `nbytes` of references on the device in use inside the block."""
    before = limit()
    limit(nbytes)
    try:
        yield
    finally:
        limit(before)


def clear() -> None:
    """Forget every reference."""
    with _lock:
        _entries.clear()


def held(device: str) -> int:
    """Return the bytes of references kept on `device`."""
    with _lock:
        return sum(_size(r) for key, r in _entries.items() if key[-1] == device)


def get(path: Path, kind: str, cut: tuple, device: str, make: Callable[[], Reference]) -> Reference:
    """Return a reference from the cache, or make, move and keep it.

    A file is known again by its path, size and time of change; a file of another place by its content, which is
    hashed only where one of the same size is already there.

    Parameters
    ----------
    path : Path
    kind : str
    cut : tuple
        What distinguishes one window from another.
    device : str
        `"cpu"` or `"gpu"`.
    make : callable
        Reads the file; called only where the cache has nothing.
    """
    state = _state(path)
    key = (state, kind, cut, device)
    with _lock:
        found = key if key in _entries else _twin(key)
        if found is not None:
            _entries.move_to_end(found)
            return _entries[found]
    reference = make().to(device)
    for array in reference.arrays.values():
        if not backend.is_device_array(array):
            array.flags.writeable = False  # shared by every exposure that uses it
    with _lock:
        if _size(reference) <= limit(device=device):
            _entries[key] = reference
            _evict(device)
    return reference


def contains(path: Path, kind: str, cut: tuple, device: str) -> bool:
    """Say whether a reference is in the cache, without touching its age."""
    with _lock:
        return (_state(path), kind, cut, device) in _entries


def content_hash(path: Path) -> str:
    """Return the sha256 of a file's content; computed once for each version of the file."""
    state = _state(path)
    if state not in _hashes:
        with open(path, "rb") as file:
            _hashes[state] = hashlib.file_digest(file, "sha256").hexdigest()
    return _hashes[state]


def _state(path: Path) -> tuple[str, int, int]:
    resolved = Path(path).resolve()
    status = resolved.stat()
    return str(resolved), status.st_size, status.st_mtime_ns


def _twin(key: tuple) -> tuple | None:
    """Return the key of an entry with the same content under another path, or None."""
    (path, size, _), *rest = key
    for other in _entries:
        (place, length, _), *theirs = other
        if length != size or theirs != rest or place == path or not Path(place).is_file():
            continue
        if _state(Path(place)) == other[0] and content_hash(Path(place)) == content_hash(Path(path)):
            return other
    return None


def _size(reference: Reference) -> int:
    return sum(array.nbytes for array in reference.arrays.values())


def _evict(device: str) -> None:
    while held(device) > limit(device=device):
        del _entries[next(key for key in _entries if key[-1] == device)]
