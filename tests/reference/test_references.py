"""The set of references: laziness, overrides, the cache, what it shows."""

from __future__ import annotations

import copy
import os

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import backend
from jwgpu.data import Reference
from jwgpu.errors import InputError
from jwgpu.reference import References, cache, load

from .conftest import CUT, FULL

ONE = np.ones(FULL, np.float32)


@pytest.fixture
def loads(monkeypatch):
    """Names of the files that were read."""
    from jwgpu.reference.references import References as owner

    names = []
    whole = load.load
    monkeypatch.setitem(owner.get.__globals__, "load", lambda path, *a: names.append(path.name) or whole(path, *a))
    return names


def test_nothing_happens_before_a_type_is_asked_for(exposure, write, loads):
    write("gain", SCI=ONE)
    refs = jw.references(exposure, folder=write.folder)
    assert "none asked for yet" in repr(refs) and refs.describe() == []
    assert refs.describe("gain") == [{"type": "gain", "file": "gain.fits", "origin": "folder", "loaded": False}]
    assert loads == []
    assert refs.gain.data is refs.gain.data and loads == ["gain.fits"]
    assert refs.describe()[0]["loaded"] and "gain.fits  (folder, loaded)" in repr(refs)
    assert ">gain.fits</td>" in refs._repr_html_() and refs.context == "folder references"
    assert refs.gain.context == "folder references"


def test_overrides(exposure, write, plane):
    write("gain", SCI=ONE)
    own = write("gain", "../own.fits", SCI=plane)
    memory = Reference("readnoise", "mine", {"data": ONE[CUT]})
    given = {"jump.gain": own, "ramp_fit.gain": "N/A", "dark": None, "readnoise": memory}
    refs = jw.references(exposure, folder=write.folder, overrides=given)
    assert np.array_equal(refs.get("gain", step="jump").data, plane[CUT])
    assert (refs.get("gain", step="saturation").data == 1).all() and (refs.gain.data == 1).all()
    assert refs.get("gain", required=True, step="ramp_fit") is None and refs.get("dark", required=True) is None
    assert refs.readnoise.data is memory.data
    assert refs.get("gain", step="jump").context == "", "a file that is named is chosen by no rules"
    rows = {row["type"]: row for row in refs.describe()}
    assert rows["jump.gain"]["file"] == "own.fits" and rows["dark"] == {
        "type": "dark", "file": "N/A", "origin": "override", "loaded": False,
    }  # fmt: skip
    with pytest.raises(InputError, match=r"no dark reference .*override"):
        refs.require("dark")


def test_bad_overrides(exposure, tmp_path):
    with pytest.raises(InputError, match="'gian'; did you mean 'gain'"):
        jw.references(exposure, overrides={"jump.gian": "x.fits"})
    with pytest.raises(InputError, match=r"x\.fits does not exist"):
        jw.references(exposure, overrides={"gain": tmp_path / "x.fits"})


def test_misspelt_type(exposure, write):
    refs = jw.references(exposure, folder=write.folder)
    with pytest.raises(AttributeError, match="did you mean 'readnoise'"):
        _ = refs.readnois
    assert not hasattr(refs, "_ipython_display_") and "gain" in dir(refs)
    assert copy.copy(refs).describe() == []


def test_in_memory(device):
    gain = device.put(Reference("gain", "simulated gain", {"data": np.ones((4, 4), np.float32)}))
    refs = References.from_mapping({"gain": gain, "dark": None}, context="made up")
    assert refs.gain is gain and refs.dark is None and refs.get("mask", required=True) is None
    assert refs.context == "made up" and "simulated gain" in repr(refs)
    assert isinstance(refs.to("cpu").gain.data, np.ndarray)


def test_a_second_exposure_reads_nothing(exposure, change, write, loads):
    write("gain", SCI=ONE)
    write("dark", SCI=np.ones((20, *FULL), np.float32))
    first = jw.references(exposure, folder=write.folder)
    second = jw.references(change(filename="other.fits", exposure__ngroups=4), folder=write.folder)
    assert first.gain.data is second.gain.data and loads == ["gain.fits"]
    assert first.dark.data.shape[0] == 9 and second.dark.data.shape[0] == 12, "another number of frames is another cut"
    assert not first.gain.data.flags.writeable, "shared arrays are not for writing"


def test_a_file_that_changes_is_read_again(exposure, write):
    path = write("gain", SCI=ONE)
    assert jw.references(exposure, folder=write.folder).gain.data[0, 0] == 1
    write("gain", SCI=2 * ONE)
    os.utime(path, ns=(1, 1))
    assert jw.references(exposure, folder=write.folder).gain.data[0, 0] == 2


def test_the_same_content_elsewhere_is_not_read_again(exposure, write, loads):
    path = write("gain", SCI=ONE)
    twin, other = path.with_name("sub") / path.name, path.with_name("other") / path.name
    for place in (twin, other):
        place.parent.mkdir()
        place.write_bytes(path.read_bytes())
    write("gain", "other/gain.fits", SCI=3 * ONE)
    gains = [jw.references(exposure, overrides={"gain": p}).gain for p in (path, twin, other)]
    assert gains[0].data is gains[1].data and (gains[2].data == 3).all() and len(loads) == 2


def test_the_oldest_go_first(exposure, write, loads):
    for kind in ("gain", "readnoise", "superbias"):
        write(kind, SCI=ONE)
    size = 16 * 24 * 4
    cache.limit(3 * size)
    refs = jw.references(exposure, folder=write.folder)
    for kind in ("gain", "readnoise", "gain", "superbias", "gain", "readnoise"):  # a superbias has a dq of its own
        assert refs.get(kind) is not None
    assert loads == ["gain.fits", "readnoise.fits", "superbias.fits", "readnoise.fits"]
    assert cache.held("cpu") <= 3 * size
    cache.limit(0)
    assert cache.held("cpu") == 0 and refs.gain is not None and cache.held("cpu") == 0


def test_limit_from_the_environment(monkeypatch):
    monkeypatch.setenv("JWGPU_REFERENCE_CACHE_MB", "1.5")
    assert cache.limit() == 1_500_000


def test_references_go_to_the_device_once(exposure, write, fakecupy_installed):
    write("gain", SCI=ONE)
    ramp = exposure.to("gpu")
    with backend.counting() as traffic:
        first = jw.references(ramp, folder=write.folder).gain
        second = jw.references(ramp, folder=write.folder).gain
    assert first.data is second.data and backend.is_device_array(first.data)
    assert traffic.bytes_up == 16 * 24 * 4 and traffic.bytes_down == 0
