"""Files sorted into associations by what their headers say."""

from __future__ import annotations

import pytest
from astropy.io import fits

from jwgpu.associations import associate, read
from jwgpu.errors import InputError

COMMON = {
    "TELESCOP": "JWST", "PROGRAM": "01345", "OBSERVTN": "001", "VISIT": "001", "INSTRUME": "NIRCAM",
    "DETECTOR": "NRCB1", "EXP_TYPE": "NRC_IMAGE", "FILTER": "F200W", "PUPIL": "CLEAR", "SUBARRAY": "FULL",
    "TARGPROP": "FIELD", "TARGNAME": "M 51", "BKGDTARG": False,
}  # fmt: skip


def write(folder, name, **changes):
    header = fits.Header({**COMMON, **changes})
    folder.mkdir(exist_ok=True)
    fits.PrimaryHDU(header=header).writeto(folder / name)
    return folder / name


def names(asn):
    return [m.expname for m in asn.product().of("science")]


def test_mosaics(tmp_path):
    """Detectors go together; filters, pupils, subarrays, targets and instruments do not."""
    write(tmp_path, "b_nrcb1_cal.fits")
    write(tmp_path, "a_nrcb1_cal.fits")
    write(tmp_path, "a_nrca3_cal.fits", DETECTOR="NRCA3")
    write(tmp_path, "a_nrcblong_cal.fits", DETECTOR="NRCBLONG", FILTER="F444W")
    write(tmp_path, "c_nrcblong_cal.fits", DETECTOR="NRCBLONG", FILTER="F444W", PUPIL="F470N")
    write(tmp_path, "d_nrcb1_cal.fits", SUBARRAY="SUB160")
    write(tmp_path, "e_nrcb1_cal.fits", TARGNAME="M 52")
    write(tmp_path, "m_mirimage_cal.fits", INSTRUME="MIRI", DETECTOR="MIRIMAGE", EXP_TYPE="MIR_IMAGE", FILTER="F770W",
          PUPIL="N/A")  # fmt: skip
    write(tmp_path, "a_nrcb1_rate.fits")
    made = associate(tmp_path)
    assert {asn.product().name: names(asn) for asn in made} == {
        "jw01345-o001_t001_miri_f770w": ["m_mirimage_cal.fits"],
        "jw01345-o001_t001_nircam_clear-f200w": ["a_nrca3_cal.fits", "a_nrcb1_cal.fits", "b_nrcb1_cal.fits"],
        "jw01345-o001_t001_nircam_clear-f200w-sub160": ["d_nrcb1_cal.fits"],
        "jw01345-o001_t001_nircam_clear-f444w": ["a_nrcblong_cal.fits"],
        "jw01345-o001_t001_nircam_f444w-f470n": ["c_nrcblong_cal.fits"],
        "jw01345-o001_t002_nircam_clear-f200w": ["e_nrcb1_cal.fits"],
    }
    for asn in made:
        assert (asn.asn_type, asn.more["program"], asn.folder) == ("image3", "01345", tmp_path)
        asn.check()
        assert read(asn.write(tmp_path, f"{asn.product().name}_asn.json")).products == asn.products


def test_several_observations(tmp_path):
    paths = [write(tmp_path, "a_cal.fits"), write(tmp_path / "sub", "b_cal.fits", OBSERVTN="002")]
    (asn,) = associate(paths)
    assert asn.product().name == "jw01345-a3001_t001_nircam_clear-f200w"
    asn.check()
    again = read(asn.write(tmp_path))
    assert names(again) == ["a_cal.fits", "sub/b_cal.fits"]


def test_rates_and_their_backgrounds(tmp_path):
    write(tmp_path, "a_nrcb1_rate.fits")
    write(tmp_path, "a_nrcb2_rate.fits", DETECTOR="NRCB2")
    write(tmp_path, "z_nrcb1_rate.fits", BKGDTARG=True)
    write(tmp_path, "y_nrcb1_rate.fits", BKGDTARG=True)
    write(tmp_path, "y_nrcb1f_rate.fits", BKGDTARG=True, FILTER="F150W")
    made = {asn.product().name: asn for asn in associate(tmp_path)}
    assert made.keys() == {"a_nrcb1", "a_nrcb2", "z_nrcb1", "y_nrcb1", "y_nrcb1f"}
    backgrounds = {name: [m.expname for m in asn.product().of("background")] for name, asn in made.items()}
    assert backgrounds.pop("a_nrcb1") == ["y_nrcb1_rate.fits", "z_nrcb1_rate.fits"]
    assert not any(backgrounds.values())
    assert {asn.asn_type for asn in made.values()} == {"image2"}


def test_what_cannot_be_sorted(tmp_path):
    cal, spectrum = write(tmp_path, "a_cal.fits"), write(tmp_path, "s_cal.fits", EXP_TYPE="NRC_WFSS")
    other = write(tmp_path / "sub", "a_cal.fits")
    alien = write(tmp_path, "h_cal.fits", TELESCOP="HST")
    for files, words in (
        ([], "no files are named"),
        ([cal, tmp_path / "a_rate.fits"], "several kinds"),
        ([cal, spectrum], "EXP_TYPE NRC_WFSS"),
        ([cal, other], "have the same name"),
        ([alien], "no exposure of JWST|not an exposure of JWST"),
        ([tmp_path / "no_cal.fits"], "does not exist"),
    ):
        with pytest.raises(InputError, match=words):
            associate(files)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"holds no _rate\.fits or _cal\.fits files"):
        associate(empty)
