"""Associations beside those of jwst 3.0.0: its generator sorts alike, its pipelines read what is written here."""

from __future__ import annotations

import contextlib
import io
import warnings

import pytest
from associations.test_make import write

import jwgpu as jw
from jwgpu.associations import associate, read

pytest.importorskip("jwst")
pytestmark = pytest.mark.oracle

FILES = {
    "jw01345001001_02101_00001_nrcb1": {},
    "jw01345001001_02101_00002_nrcb1": {"EXPOSURE": "00002"},
    "jw01345001001_02101_00001_nrcblong": {"DETECTOR": "NRCBLONG", "FILTER": "F444W"},
    "jw01345001001_02101_00001_nrcalong": {"DETECTOR": "NRCALONG", "FILTER": "F444W", "PUPIL": "F470N"},
    "jw01345001001_02103_00001_nrcb1": {"SUBARRAY": "SUB160"},
    "jw01345001001_02105_00001_nis": {"INSTRUME": "NIRISS", "DETECTOR": "NIS", "EXP_TYPE": "NIS_IMAGE",
                                      "FILTER": "CLEAR", "PUPIL": "F150W"},
    "jw01345001001_02107_00001_mirimage": {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE",
                                           "FILTER": "F770W", "PUPIL": "N/A"},
}  # fmt: skip


def official(folder):
    """Return what the official generator makes of the raw files of an observation: products and their members."""
    from jwst.associations.main import Main
    from jwst.associations.mkpool import mkpool

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        raw = [write(folder / "raw", f"{name}_uncal.fits", NAXIS=0, **changes) for name, changes in FILES.items()]
        pool = mkpool([str(path) for path in raw], asn_candidate="[('o001','observation')]")
        pool["filename"] = [path.name for path in raw]
        pool["subarray"] = [name.lower() for name in pool["subarray"]]  # as pools of the archive have it
        pool["exp_type"] = [name.lower() for name in pool["exp_type"]]
        made = Main.cli(["--dry-run", "-i", "o001"], pool=pool).associations
    return {
        (asn["asn_type"], product["name"]): {m["expname"] for m in product["members"]}
        for asn in made
        for product in asn["products"]
    }


def test_files_are_sorted_alike(tmp_path):
    for name, changes in FILES.items():
        write(tmp_path, f"{name}_cal.fits", **changes)
        write(tmp_path, f"{name}_rate.fits", **changes)
    ours = {
        (asn.asn_type, product.name): {m.expname for m in product.members}
        for asn in associate(tmp_path, 2) + associate(tmp_path, 3)
        for product in asn
    }
    assert ours == official(tmp_path)


def test_official_pipelines_read_what_is_written(tmp_path):
    from jwst.associations.load_as_asn import LoadAsLevel2Asn
    from jwst.datamodels import ModelLibrary

    made = jw.simulate.dithers(3, size=32, n_visits=2)
    made.write(tmp_path)
    (asn,) = associate(tmp_path)
    path = asn.write(tmp_path)
    library = ModelLibrary(str(path), on_disk=True)
    assert library.asn["products"][0]["name"] == asn.product().name
    images = read(path).exposures()
    with library:
        found = [library.read_metadata(k)["meta.filename"] for k in range(len(library))]
    assert [image.name for image in images] == found
    assert [tuple(group) for group in library.group_indices.values()] == images.groups()
    level2 = LoadAsLevel2Asn.load(str(associate([tmp_path / name for name in found[:1]], 2)[0].write(tmp_path)))
    assert level2["products"][0]["members"][0]["expname"] == found[0]
