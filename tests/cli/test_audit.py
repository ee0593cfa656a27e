"""jwgpu audit, repair, builds."""

import gzip
import json

import pytest
from audited import header, write


@pytest.fixture
def folder(tmp_path):
    inside = tmp_path / "products" / "deeper"
    inside.mkdir(parents=True)
    for number, version in enumerate(("1.9.6", "1.10.1", "3.0.0")):
        keywords = header(version=version, PROGRAM=f"0{number}000")
        write(inside / f"jw01234001001_02101_0000{number}_nrcb1_rate.fits", keywords)
    return inside.parent


def test_one_product_in_full(jwgpu, folder):
    answer = jwgpu("audit", next(folder.rglob("*00000_*")))
    assert answer.status == 1
    assert "[certain] S1-DQ-MASK" in answer.out
    assert "jwgpu run" in answer.out
    assert "build 9.2" in answer.out


def test_a_folder_is_summarised(jwgpu, folder):
    answer = jwgpu("audit", folder)
    assert answer.status == 1
    assert "3 products audited" in answer.out
    assert all(words in answer.out for words in ("programme", "00000", "02000", "S1-DQ-MASK"))


def test_json_and_html(jwgpu, folder, tmp_path):
    answer = jwgpu("audit", folder, "--json", "--html", tmp_path / "page.html")
    tree = json.loads(answer.out)
    assert len(tree["files"]) == 3
    issue = tree["files"][0]["issues"][0]
    assert {"id", "certainty", "predicate", "remedy", "command", "steps"} <= set(issue)
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_bad_files_are_one_line_each_and_the_rest_goes_on(jwgpu, folder, tmp_path):
    (folder / "broken.fits").write_bytes(b"nothing")
    write(folder / "hubble.fits", {"TELESCOP": "HST"})
    write(folder / "unsigned.fits", {"TELESCOP": "JWST"})
    answer = jwgpu("audit", folder, tmp_path / "missing.fits")
    assert answer.status == 2
    assert "3 products audited, 4 refused" in answer.out
    assert len(answer.err.strip().splitlines()) == 4
    assert all(words in answer.err for words in ("not a FITS file", "not a product of JWST", "no CAL_VER", "no such"))


def test_what_is_no_file_is_said_and_no_link_is_followed_in_a_circle(jwgpu, folder, tmp_path):
    whole = next(folder.rglob("*00000_*")).read_bytes()
    (folder / "cut.fits.gz").write_bytes(gzip.compress(whole)[:300])
    (folder / "nothing.fits").touch()
    (folder / "circle").symlink_to(folder)
    (folder / "itself.fits").symlink_to("itself.fits")
    (folder / "folder.fits").mkdir()
    (tmp_path / "empty").mkdir()
    answer = jwgpu("audit", folder, tmp_path / "empty")
    assert answer.status == 2
    assert "3 products audited, 4 refused" in answer.out
    assert len(answer.err.strip().splitlines()) == 4
    assert "folder.fits" not in answer.err
    assert all(words in answer.err for words in ("leads to no file", "a folder without FITS files", "damaged"))


def test_repair(jwgpu, tmp_path):
    keywords = header("NRS_IFU", VELOSYS=None, JWST_DX=30.0, JWST_DY=0.0, JWST_DZ=0.0, TARG_RA=0.0, TARG_DEC=0.0)
    path = write(tmp_path / "jw01234001001_02101_00001_nrs1_rate.fits", keywords)
    answer = jwgpu("repair", path, "--out", tmp_path / "out")
    assert answer.status == 0, answer.err
    assert "VELOSYS -30000.00 m/s" in answer.out
    again = jwgpu("repair", tmp_path / "out", "--out", tmp_path / "more")
    assert "nothing to repair" in again.out
    assert jwgpu("repair", path, "--out", tmp_path).status == 2


def test_builds(jwgpu):
    assert "9.2" in jwgpu("builds").out
    one = jwgpu("builds", "9.2").out
    assert "S2-VELOSYS" in one
    assert "Mended by this build" in one
    assert jwgpu("builds", "99").status == 2
