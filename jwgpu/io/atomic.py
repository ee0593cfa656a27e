"""A product that exists is whole: files are written beside their place and renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jwgpu.errors import InputError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up; free some space or choose another folder",
    errno.EACCES: "writing there is not permitted; choose another folder or change its permissions",
    errno.EPERM: "writing there is not permitted; choose another folder or change its permissions",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EFBIG: "the file is larger than the file system or a limit allows; choose another folder",
}


def _refusal(folder: Path, error: OSError) -> InputError:
    why = _REMEDIES.get(error.errno, f"{error.strerror or error}; choose another folder")
    return InputError(f"cannot write into the folder {folder}: {why}")


def output_folder(folder: str | os.PathLike) -> Path:
    """Return `folder` as a Path, made where it does not exist yet, if files can be made in it.

    Raises
    ------
    InputError
        It cannot be made, is not a folder, or refuses a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"the output folder {folder} is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refusal(folder, error) from error
    return folder


@contextlib.contextmanager
def atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` where the block ends well, remove it otherwise.

    Raises
    ------
    InputError
        The folder cannot be made or refuses the file, or the disk is full.
    """
    path = Path(path)
    output_folder(path.parent)
    if path.is_dir():
        raise InputError(f"cannot write {path}: a folder has that name; choose another name")
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _REMEDIES:
            raise _refusal(path.parent, error) from error
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
