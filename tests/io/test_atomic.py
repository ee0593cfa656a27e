"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from jwgpu.errors import InputError
from jwgpu.io import atomic, output_folder


def test_appears_at_the_end(tmp_path):
    path = tmp_path / "a.fits"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == tmp_path
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_nothing_is_left(tmp_path, error):
    path = tmp_path / "a.fits"
    path.write_text("before")
    with pytest.raises(type(error)), atomic(path) as temporary:
        temporary.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "before"


@pytest.mark.parametrize("number, words", [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota"),
                                           (errno.EROFS, "read-only")])  # fmt: skip
def test_refusals_of_the_system_are_explained(tmp_path, number, words):
    with pytest.raises(InputError, match=words) as caught, atomic(tmp_path / "a.fits") as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_full_disk(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(InputError, match="disk is full"), atomic(tmp_path / "a.fits"), open("/dev/full", "w") as full:
        full.write("x" * 100000)
    assert not list(tmp_path.iterdir())


def test_unusable_folders(tmp_path):
    assert output_folder(tmp_path / "new" / "folder").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        output_folder(tmp_path / "file")
    (tmp_path / "a.fits").mkdir()
    with pytest.raises(InputError, match="a folder has that name"), atomic(tmp_path / "a.fits"):
        pass
    assert output_folder(tmp_path) == tmp_path
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="not permitted"):
            output_folder(tmp_path)
    finally:
        tmp_path.chmod(0o700)
