"""Catalogues as files: the table as text, the segmentation beside it, and back."""

from __future__ import annotations

import numpy as np
import pytest
from mosaics import abvegaoffset, apcorr, mosaic

import jwgpu as jw
from jwgpu import steps
from jwgpu.errors import InputError
from jwgpu.io import catalogs


@pytest.fixture(scope="module")
def catalog():
    return steps.source_catalog(mosaic().image, apcorr(), abvegaoffset())


def test_there_and_back(catalog, tmp_path):
    path = jw.save(catalog, out=tmp_path)
    assert path.name == "mosaic_cat.ecsv"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mosaic_cat.ecsv", "mosaic_segm.fits"]
    back = jw.open(path)
    assert back.table.dtype == catalog.table.dtype
    for name in catalog.table.dtype.names:
        np.testing.assert_array_equal(back[name], catalog[name], err_msg=name)
    assert back.columns == catalog.columns
    np.testing.assert_array_equal(back.segmentation, catalog.segmentation)
    assert back.segmentation.dtype == np.int32
    assert back.history[-1].notes["sources"] == len(catalog)
    assert back.meta.instrument.filter == "F150W"
    x, y = catalog["xcentroid"][:3], catalog["ycentroid"][:3]
    np.testing.assert_allclose(back.wcs(x, y), catalog.wcs(x, y), rtol=0, atol=1e-12)
    again = jw.save(back, tmp_path / "again_cat.ecsv")
    np.testing.assert_array_equal(jw.open(again).table["kron_flux"], catalog["kron_flux"])


def test_the_table_has_units_and_says_how_it_was_made(catalog, tmp_path):
    from astropy.table import QTable

    table = QTable.read(jw.save(catalog, out=tmp_path))
    assert str(table["aper_total_flux"].unit) == "Jy"
    assert str(table["isophotal_area"].unit) == "pix2"
    np.testing.assert_array_equal(table["sky_centroid"].ra.deg, catalog["sky_centroid"][:, 0])
    assert "star" in table["aper50_flux"].info.description
    assert table.meta["aperture_params"]["aperture_ee"] == [30, 50, 70]
    assert table.meta["abvega_offset"] == 1.24


def test_the_text_is_that_of_astropy(catalog, tmp_path):
    from io import StringIO

    from astropy.table import QTable

    table = QTable.read(jw.save(catalog, out=tmp_path))
    for values in ([0.1, np.nan, 1e-300], [np.inf, -0.0, 1e16]):
        table["kron_flux"][:3] = values * table["kron_flux"].unit
    table["single"] = table["kron_flux"].value.astype(np.float32)
    other = table[:2]
    other["word"] = ["one", "two words"]
    for each in (table, other, table[:0]):
        written = StringIO()
        each.write(written, format="ascii.ecsv")
        assert catalogs._text(each) == written.getvalue()


def test_the_segmentation_says_what_it_belongs_to(catalog, tmp_path):
    from astropy.io import fits

    jw.save(catalog, out=tmp_path)
    with fits.open(tmp_path / "mosaic_segm.fits") as hdus:
        assert hdus[0].header["SCATFILE"] == "mosaic_cat.ecsv"
        assert hdus[0].header["DATAMODL"] == "SegmentationMapModel"
        assert hdus["SCI"].data.dtype == np.uint32
        np.testing.assert_array_equal(hdus["SCI"].data, catalog.segmentation)
        assert "BUNIT" not in hdus["SCI"].header


def test_without_segmentation(catalog, tmp_path):
    path = jw.save(catalog.replace(segmentation=None), out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mosaic_cat.ecsv"]
    back = jw.open(path)
    assert back.segmentation is None
    assert len(back) == len(catalog)


def test_no_sources(catalog, tmp_path):
    nothing = catalog.chosen(slice(0))
    assert len(jw.open(jw.save(nothing, out=tmp_path))) == 0


def test_names(catalog, tmp_path):
    assert jw.save(catalog, out=tmp_path, suffix="stars").name == "mosaic_stars.ecsv"
    with pytest.raises(InputError, match=r"end in \.ecsv"):
        jw.save(catalog, tmp_path / "mosaic_cat.fits")
    jw.save(catalog, out=tmp_path)
    with pytest.raises(InputError, match="exists already"):
        jw.save(catalog, out=tmp_path, overwrite=False)


def test_bad_files(catalog, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        jw.open(tmp_path / "none_cat.ecsv")
    path = tmp_path / "text_cat.ecsv"
    path.write_text("nothing of the kind\n")
    with pytest.raises(InputError, match="cannot be read as a catalogue"):
        jw.open(path)
    path.write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1\n")
    with pytest.raises(InputError, match="no column label"):
        jw.open(path)
    saved = jw.save(catalog, out=tmp_path)
    (tmp_path / "mosaic_segm.fits").write_bytes(b"SIMPLE  =")
    with pytest.raises(InputError, match=r"mosaic_segm\.fits"):
        jw.open(saved)
