"""Headers read quickly, VELOSYS computed, and corrected copies."""

import gzip
import os

import pytest
from astropy.io import fits
from audited import header, write

import jwgpu as jw
from jwgpu.errors import InputError
from jwgpu.io.quickheader import quick_header
from jwgpu.io.repair import velocity
from jwgpu.provenance.velocity import velosys

EPHEMERIS = {"JWST_DX": 1.967151210053097, "JWST_DY": 27.52097978124853, "JWST_DZ": 12.0711225245424,
             "REFFRAME": "EME2000"}  # fmt: skip
TARGET = {"TARG_RA": 83.83477, "TARG_DEC": -5.417780555555566}
SCIENCE = (*EPHEMERIS, "VELOSYS")


@pytest.fixture
def product(tmp_path):
    keywords = header("NRS_IFU", VELOSYS=None) | EPHEMERIS | TARGET
    return write(tmp_path / "jw01234001001_02101_00001_nrs1_rate.fits", keywords, SCIENCE)


def test_velocity_towards_the_target_is_negative():
    assert velosys({"JWST_DX": 30.0, "JWST_DY": 0.0, "JWST_DZ": 0.0, "TARG_RA": 0.0, "TARG_DEC": 0.0})[0] == -30000.0
    assert velosys({"JWST_DX": 0, "JWST_DY": 0, "JWST_DZ": 5, "RA_REF": 7, "DEC_REF": -90.0}) == (
        5000.0,
        "RA_REF/DEC_REF",
    )


@pytest.mark.parametrize("name", ["JWST_DY", "TARG_DEC"])
def test_what_is_missing_is_named(name):
    keywords = EPHEMERIS | TARGET
    del keywords[name]
    with pytest.raises(ValueError, match=name):
        velosys(keywords)


def test_another_frame_is_refused():
    with pytest.raises(ValueError, match="ECLIPTIC"):
        velosys(EPHEMERIS | TARGET | {"REFFRAME": "ECLIPTIC"})


def test_the_copy_has_the_keyword_and_the_original_is_untouched(product, tmp_path):
    before = product.read_bytes()
    assert "S2-VELOSYS" in jw.audit(product).ids("certain")
    copy, found = jw.repair(product, tmp_path / "repaired")
    assert product.read_bytes() == before
    assert found.official is None
    # The value of a flight header with this ephemeris and target.
    assert fits.getval(copy, "VELOSYS", "SCI") == pytest.approx(-26310.1, abs=1.0)
    assert (fits.getdata(copy, "SCI") == fits.getdata(product, "SCI")).all()
    assert "S2-VELOSYS" not in jw.audit(copy).ids()
    assert jw.repair(copy, tmp_path / "again") is None
    assert not (tmp_path / "again").exists()


def test_integers_with_an_offset_survive(product, tmp_path):
    with fits.open(product, mode="update") as hdus:
        hdus["SCI"].data = (hdus["SCI"].data * 1000).astype("u2")
    copy, _ = jw.repair(product, tmp_path / "repaired")
    assert (fits.getdata(copy, "SCI") == fits.getdata(product, "SCI")).all()
    assert fits.getdata(copy, "SCI").dtype == "u2"


def test_the_original_is_never_the_target(product, tmp_path):
    with pytest.raises(InputError, match="never changed"):
        jw.repair(product, tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path)
    with pytest.raises(InputError, match="never changed"):
        jw.repair(product, tmp_path / "linked")


def test_a_failed_repair_leaves_nothing(product, tmp_path):
    with fits.open(product, mode="update") as hdus:
        hdus["SCI"].name = "OTHER"
        hdus[0].header.update(EPHEMERIS)
    with pytest.raises(InputError, match="no extension SCI"):
        jw.repair(product, tmp_path / "repaired")
    assert os.listdir(tmp_path / "repaired") == []


def test_compressed_files_are_read_whatever_their_name(product, tmp_path):
    for name in ("a_rate.fits.gz", "b_rate.fits"):
        packed = tmp_path / name
        packed.write_bytes(gzip.compress(product.read_bytes()))
        assert quick_header(packed) == quick_header(product)
        with pytest.raises(InputError, match="decompress"):
            jw.repair(packed, tmp_path / "repaired")


def test_only_headers_are_read(product):
    """A file whose arrays are cut off can be audited; one whose header is cut off is refused."""
    content = product.read_bytes()
    product.write_bytes(content[: 4 * 2880])
    assert quick_header(product)[1]
    product.write_bytes(content[:1000])
    with pytest.raises(InputError, match="breaks off"):
        quick_header(product)


@pytest.mark.parametrize(
    "content", [b"", b"no FITS at all" * 500, b"\x1f\x8b but not gzip", b"SIMPLE  =  T" + b" " * 9000]
)
def test_damaged_files_are_refused(content, tmp_path):
    path = tmp_path / "bad.fits"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.fits"):
        quick_header(path)


def test_an_exposure_in_memory_is_audited():
    simulation = jw.simulate.tiny("nircam")
    ramp = jw.steps.dq_init(simulation.ramp, simulation.references.mask)
    audit = jw.audit(ramp)
    assert audit.software.startswith("jwgpu ")
    assert audit.version == "3.0.0"


def test_flight_headers_that_carry_velosys(real_data):
    names = ("miri-orion-sub128-i2d/jw01288015001_04101_00001_mirimage_i2d.fits",
             "nirspec-mos-ceers/jw01345062001_03101_00001_nrs2_phot.138.1345_933.fits",
             "nirspec-mos-ceers/jw01345062001_03101_00002_nrs2_phot.138.1345_933.fits")  # fmt: skip
    for name in names:
        found = velocity(real_data / name)
        assert abs(found.computed - found.official) < 100.0
