"""Lists of sky levels that the user makes."""

from __future__ import annotations

import pytest

import jwgpu as jw
from jwgpu.errors import InputError


def read(exposure, path):
    return jw.references(exposure, overrides={"skymatch.skylist": path}).get("skylist", step="skymatch")


def test_names_and_levels(exposure, tmp_path):
    path = tmp_path / "sky.txt"
    path.write_text("# name level\njw01_cal.fits 1.5\n\njw02_cal.fits  -2e-1  # dark\n")
    found = read(exposure, path)
    assert found.name == "sky.txt"
    assert found.skylist["name"].tolist() == ["jw01_cal.fits", "jw02_cal.fits"]
    assert found.skylist["sky"].tolist() == [1.5, -0.2]


@pytest.mark.parametrize("text", ["", "# nothing\n", "jw01_cal.fits\n", "jw01 high\n", "a 1 2\n"])
def test_what_is_no_list_is_refused(exposure, tmp_path, text):
    path = tmp_path / "sky.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=r"skylist reference sky\.txt .*write the name of an exposure"):
        read(exposure, path)
