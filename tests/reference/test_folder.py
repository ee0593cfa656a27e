"""A plain folder of reference files: the one that fits best is taken, and why others are not is said."""

from __future__ import annotations

import asdf
import numpy as np
import pytest

import jwgpu as jw
from jwgpu.errors import InputError

from .conftest import CUT, FULL

ONE = np.ones(FULL, np.float32)


def chosen(exposure, folder, kind):
    return jw.references(exposure, folder=folder).select(kind).name


def test_by_type_detector_and_date(exposure, write):
    write("gain", "other_type.fits", SCI=ONE).rename(write.folder / "g1.fits")
    write("readnoise", "r.fits", SCI=ONE)
    write("gain", "other_detector.fits", SCI=ONE, DETECTOR="NRCA1", USEAFTER="2025-01-01")
    write("gain", "deeper/g2.fits", SCI=ONE, USEAFTER="2024-05-06T00:00:00")
    write("gain", "future.fits", SCI=ONE, USEAFTER="2025-10-04T12:00:01")
    assert chosen(exposure, write.folder, "gain") == "g2.fits"
    assert chosen(exposure, write.folder, "readnoise") == "r.fits"


def test_own_subarray_goes_before_full(exposure, write, plane):
    own = {"SUBARRAY": "SUB160", "SUBSTRT1": 11, "SUBSTRT2": 21}
    write("dark", "own.fits", SCI=np.ones((9, 16, 24), np.float32), **own)
    write("dark", "full.fits", SCI=np.ones((9, *FULL), np.float32), USEAFTER="2025-01-01")
    write("dark", "another.fits", SCI=np.ones((9, 8, 8), np.float32), SUBARRAY="SUB64P", USEAFTER="2025-01-01")
    assert chosen(exposure, write.folder, "dark") == "own.fits"
    (write.folder / "own.fits").unlink()
    assert jw.references(exposure, folder=write.folder).dark.data.shape == (9, 16, 24)


def test_filter_matters_for_a_flat_and_not_for_a_gain(exposure, write):
    write("flat", "f115w.fits", SCI=ONE, FILTER="F115W")
    write("flat", "f200w.fits", SCI=ONE, FILTER="F200W")
    write("gain", "gain.fits", SCI=ONE, FILTER="F115W", EXP_TYPE="NRC_LED")
    assert chosen(exposure, write.folder, "flat") == "f200w.fits"
    assert chosen(exposure, write.folder, "gain") == "gain.fits"


def test_listed_patterns(exposure, write):
    write("flat", "no.fits", SCI=ONE, P_FILTER="F115W|F150W|", USEAFTER="2025-01-01")
    write("flat", "yes.fits", SCI=ONE, FILTER="F115W", P_FILTER="F115W | F200W |")
    assert chosen(exposure, write.folder, "flat") == "yes.fits"


def test_read_pattern(exposure, change, write):
    """A dark of single reads serves every pattern of the same clock, a dark of another pattern does not."""
    cube = np.ones((9, *FULL), np.float32)
    write("dark", "rapid.fits", SCI=cube, READPATT="RAPID")
    assert chosen(exposure, write.folder, "dark") == "rapid.fits"
    write("dark", "rapid.fits", SCI=cube, READPATT="DEEP8")
    with pytest.raises(InputError, match="READPATT is DEEP8, not BRIGHT2"):
        chosen(exposure, write.folder, "dark")
    irs2 = change(instrument__name="NIRSPEC", instrument__detector="NRS1", exposure__readpatt="NRSIRS2")
    write("dark", "rapid.fits", SCI=cube, INSTRUME="NIRSPEC", DETECTOR="NRS1", READPATT="NRSRAPID")
    with pytest.raises(InputError, match="READPATT"):
        chosen(irs2, write.folder, "dark")
    write("dark", "rapid.fits", SCI=cube, INSTRUME="NIRSPEC", DETECTOR="NRS1", READPATT="NRSIRS2RAPID")
    assert chosen(irs2, write.folder, "dark") == "rapid.fits"


def test_none_of_the_type(exposure, write):
    write("gain", SCI=ONE)
    refs = jw.references(exposure, folder=write.folder)
    assert refs.get("dark") is None and refs.dark is None and "dark" not in refs
    with pytest.raises(InputError, match=r"no dark reference.*DETECTOR=NRCB1.*types gain.*dark=FILE"):
        refs.get("dark", required=True)


def test_none_fits_says_why(exposure, write):
    write("gain", "a.fits", SCI=ONE, DETECTOR="NRCA1")
    write("gain", "b.fits", SCI=ONE, USEAFTER="2030-01-01T00:00:00")
    with pytest.raises(InputError, match=r"a\.fits: DETECTOR is NRCA1, not NRCB1.*b\.fits: USEAFTER 2030"):
        chosen(exposure, write.folder, "gain")


def test_headers_are_read_once_and_again_when_a_file_changes(exposure, write, monkeypatch):
    from jwgpu.reference import header

    reads = []
    whole = header.read
    monkeypatch.setattr(header, "read", lambda path: reads.append(path.name) or whole(path))
    write("gain", SCI=ONE)
    write("mask", DQ=np.zeros(FULL, np.uint32))
    for _ in range(2):
        assert chosen(exposure, write.folder, "gain") == "gain.fits"
    assert sorted(reads) == ["gain.fits", "mask.fits"]
    write("gain", SCI=ONE[:40], DETECTOR="NRCA1")
    with pytest.raises(InputError, match="NRCA1"):
        chosen(exposure, write.folder, "gain")


def test_other_files_do_not_disturb(exposure, write):
    (write.folder / "broken.fits").write_text("no")
    (write.folder / "notes.txt").write_text("no")
    meta = {"reftype": "DISTORTION", "instrument": {"name": "NIRCAM", "detector": "NRCB1"}}
    asdf.AsdfFile({"meta": meta}).write_to(write.folder / "d.asdf")
    write("gain", SCI=ONE)
    assert chosen(exposure, write.folder, "gain") == "gain.fits"
    assert chosen(exposure, write.folder, "distortion") == "d.asdf"


def test_no_such_folder(exposure, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        jw.references(exposure, folder=tmp_path / "nowhere")


def test_cut_of_the_chosen_file(exposure, write, plane):
    write("gain", SCI=plane)
    assert np.array_equal(jw.references(exposure, folder=write.folder).gain.data, plane[CUT])
