"""Association files: read, checked, written; what is wrong with them is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

import jwgpu as jw
from jwgpu.associations import Association, Member, Product, read
from jwgpu.backend import FileArray
from jwgpu.data import Image, Meta
from jwgpu.errors import InputError

NAMES = ("a_cal.fits", "b_cal.fits", "c_rate.fits")


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        meta = {"instrument.name": "NIRCAM", "telescope": "JWST", "filename": name}
        jw.save(Image(data=np.ones((4, 5), np.float32), meta=Meta(meta), unit="MJy/sr"), tmp_path / name)
    return tmp_path


def content(**changes):
    members = [{"expname": "a_cal.fits", "exptype": "SCIENCE", "group_id": "one"},
               {"expname": "b_cal.fits", "exptype": "science", "tweakreg_catalog": "b.ecsv"},
               {"expname": "c_rate.fits", "exptype": "background"}]  # fmt: skip
    return {
        "asn_type": "image3", "asn_rule": "Asn_Lv3Image", "program": "01345", "asn_id": "o001",
        "asn_pool": "a_pool.csv",
        "products": [{"name": "jw01345-o001_t001_nircam_clear-f200w", "members": members}], **changes,
    }  # fmt: skip


def write(folder, what, name="jw01345-o001_image3_00001_asn.json"):
    path = folder / name
    path.write_text(what if isinstance(what, str) else json.dumps(what))
    return path


def test_read(folder):
    asn = read(write(folder, content()))
    assert (asn.asn_type, asn.more["program"], asn.table_name) == ("image3", "01345", asn.default_name())
    product = asn.product()
    assert [m.expname for m in product.of("science")] == ["a_cal.fits", "b_cal.fits"]
    assert [m.expname for m in product.of("background")] == ["c_rate.fits"]
    assert asn.product(product.name) is product
    assert "2 science, 1 background" in repr(asn)
    with pytest.raises(InputError, match="no product 'other'; it has jw01345"):
        asn.product("other")


def test_exposures_stay_in_their_files_and_know_where_they_come_from(folder, tmp_path):
    asn = read(write(folder, content()))
    images = asn.exposures(scratch=tmp_path)
    assert images.name == "jw01345-o001_t001_nircam_clear-f200w"
    assert images.meta.asn.table_name == images[1].meta.asn.table_name == asn.table_name
    assert images.meta.asn.pool_name == "a_pool.csv"
    assert isinstance(images[0].data, FileArray)
    assert images[0].meta.group_id == "one"
    assert images[1].meta.tweakreg_catalog == str(folder / "b.ecsv")
    assert len(asn.exposures(role="background")) == 1
    assert asn.exposures(role="imprint") is None


def test_there_and_back(folder):
    asn = read(write(folder, content()))
    again = read(asn.write(folder / "below"))
    assert again.products[0].members[0].expname == "../a_cal.fits"
    assert again.path(again.products[0].members[0]).samefile(folder / "a_cal.fits")
    assert again.more["asn_rule"] == "Asn_Lv3Image"
    same = read(asn.write(folder, "b_asn.json"))
    assert (same.products, same.asn_type) == (asn.products, asn.asn_type)


def members(*pairs):
    return {"products": [{"name": "x", "members": [{"expname": n, "exptype": t} for n, t in pairs]}]}


WRONG = {
    "no JSON": ("{hello", "is no JSON"),
    "a list": ([], "is no association"),
    "no products": (content(products=[]), "has no products"),
    "no members": (content(products=[{"name": "x"}]), "product 1 has no list of members"),
    "half a member": (content(products=[{"members": [{"expname": "a_cal.fits"}]}]), "lacks its expname or its exptype"),
    "role": (content(**members(("a_cal.fits", "scince"))), "unknown exptype 'scince'; did you mean 'science'"),
    "twice": (content(**members(("a_cal.fits", "science"), ("a_cal.fits", "SCIENCE"))), "comes twice as science"),
    "no science": (content(**members(("a_cal.fits", "background"))), "no member of exptype 'science'"),
    "two of a name": (content(products=content()["products"] * 2), "has the product .* twice"),
    "missing": (content(**members(("d_cal.fits", "science"), ("a_cal.fits", "science"))), "1 of the 2 .*: d_cal"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said(folder, what):
    made, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        read(write(folder, made))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "no_asn.json")


def test_unchecked(folder):
    asn = read(write(folder, content(**members(("d_cal.fits", "science")))), check=False)
    with pytest.raises(InputError, match="d_cal"):
        asn.check()


def test_made_by_hand(folder):
    asn = Association((Product("mine", (Member("a_cal.fits"),)),), "image3", folder)
    assert asn.write(folder).name == "jwnoprogram-a3001_image3_00001_asn.json"
    asn.check()
