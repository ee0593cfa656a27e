"""Alignment with catalogues of the sky, and with sources that a user lists."""

from __future__ import annotations

import dataclasses
import http.server
import threading

import numpy as np
import pytest
from alignments import ABSOLUTE, BEST, CLOSE, SET, N, align, offsets
from astropy.table import Table

import jwgpu as jw
from jwgpu import io, simulate, steps
from jwgpu.data import Exposures
from jwgpu.errors import InputError


@pytest.fixture(scope="module")
def field():
    return simulate.dithers(4, **SET)


@pytest.fixture(scope="module")
def aligned(field):
    return align(field.images, **CLOSE, **BEST)


def catalogue(made, path, shift=(0.0, 0.0), n=None):
    table = made.truth.catalogue[made.truth.catalogue["kind"] == "star"][:n]
    dec = table["dec"] + shift[1] / 3600
    ra = np.remainder(table["ra"] + shift[0] / 3600 / np.cos(np.radians(dec)), 360)
    Table({"RA": ra, "dec": dec}).write(path, format="ascii.ecsv")
    return str(path)


def test_alignment_with_a_catalogue(field, tmp_path):
    """All exposures move together onto the catalogue, which lies elsewhere by an arcsecond."""
    path = catalogue(field, tmp_path / "sky.ecsv", shift=(0.8, -0.5))
    done, report = align(field.images, abs_refcat=path, **ABSOLUTE, **CLOSE, **BEST)
    found = offsets(done, field, relative=False).mean(axis=2)
    np.testing.assert_allclose(found, np.broadcast_to([800, -500], found.shape), atol=0.5)
    assert (report.exposures["abs_status"] == "aligned").all()
    assert (report.exposures["abs_n_matches"] > 60).all()
    assert done[0].wcs.gwcs.name == f"FIT-LVL3-{path}"
    assert report.residuals["absolute"].any() and not report.residuals["absolute"].all()
    assert done.history[-1].notes["absolute"] == "aligned"


def test_a_single_exposure_with_a_catalogue(field, tmp_path):
    path = catalogue(field, tmp_path / "sky.ecsv")
    done, report = align(field.images[1:2], abs_refcat=path, **ABSOLUTE, **BEST)
    assert np.hypot(*offsets(done, dataclasses.replace(field, truth=dataclasses.replace(
        field.truth, wcs=field.truth.wcs[1:2])), relative=False).mean(axis=2)[0]) < 0.5  # fmt: skip
    assert report.exposures["abs_status"][0] == "aligned"


def test_a_catalogue_that_does_not_serve(field, tmp_path):
    few = catalogue(field, tmp_path / "few.ecsv", n=5)
    done, _ = align(field.images, abs_refcat=few, **CLOSE, **BEST)
    assert done.history[-1].status == "SKIPPED" and "5 sources here" in done.history[-1].reason
    assert all(a.wcs is b.wcs for a, b in zip(done, field.images))
    elsewhere = catalogue(field, tmp_path / "elsewhere.ecsv", shift=(900.0, 0.0))
    done, _ = align(field.images, abs_refcat=elsewhere, **CLOSE, **BEST)
    assert "0 matches" in done.history[-1].reason
    with pytest.raises(InputError, match="there is no file"):
        align(field.images, abs_refcat=str(tmp_path / "none.ecsv"), **CLOSE)
    Table({"lon": [1.0]}).write(tmp_path / "odd.ecsv")
    with pytest.raises(InputError, match="no column ra"):
        align(field.images, abs_refcat=str(tmp_path / "odd.ecsv"), **CLOSE)
    (tmp_path / "no.ecsv").write_text("not a table")
    with pytest.raises(InputError, match="cannot be read as a table"):
        align(field.images, abs_refcat=str(tmp_path / "no.ecsv"), **CLOSE)


@pytest.fixture
def service(field, monkeypatch):
    """A catalogue service on this machine; returns what it was asked, and a place for its answer."""
    table = field.truth.catalogue[field.truth.catalogue["kind"] == "star"]
    rows = [f"{s['ra']},{s['dec']},{k},{2016.0},{1.0 if k % 4 else ''},1.0" for k, s in enumerate(table)]
    told = {"asked": [], "text": "\n".join(["# Gaia", "ra,dec,objID,epoch,pmra,pmdec", *rows])}

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told["asked"].append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told["text"].encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", f"http://127.0.0.1:{server.server_port}")
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def test_alignment_with_gaia(field, service):
    done, report = align(field.images, abs_refcat="GAIADR3", **ABSOLUTE, **CLOSE, **BEST)
    assert (report.exposures["abs_status"] == "aligned").all()
    assert done[0].wcs.gwcs.name == "FIT-LVL3-GAIADR3"
    assert "CAT=GAIADR3" in service["asked"][0] and "EPOCH=2025.75" in service["asked"][0]
    # A star in four has no proper motion, and no position at the epoch.
    assert report.exposures["abs_n_matches"][0] < 0.8 * report.exposures["n_sources"].sum()
    service["text"] = "No data records found"
    done, _ = align(field.images, abs_refcat="gaiadr2", **CLOSE, **BEST)
    assert "0 sources here" in done.history[-1].reason
    service["text"] = "<html>"
    with pytest.raises(InputError, match="did not answer with a table"):
        align(field.images, abs_refcat="GAIADR3", **CLOSE, **BEST)


def test_gaia_without_a_network(field, monkeypatch):
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="GAIADR3 cannot be fetched from http://127"):
        align(field.images, abs_refcat="GAIADR3", **CLOSE, **BEST)


def test_custom_catalogues(field, aligned, tmp_path):
    """Positions that a user lists are taken; those of the truth align better than any that are found."""
    lines = ["# exposure catalogue"]
    for k, image in enumerate(field.images):
        x, y = field.truth.positions(k)
        stars = field.truth.catalogue["kind"] == "star"
        inside = stars & (x > 0) & (x < N - 1) & (y > 0) & (y < N - 1)
        Table({"xcentroid": x[inside], "ycentroid": y[inside]}).write(tmp_path / f"c{k}.ecsv")
        lines.append(f"{image.name} c{k}.ecsv" if k else f"{image.name}")
    (tmp_path / "list.txt").write_text("\n".join(lines))
    done, report = align(field.images, use_custom_catalogs=True, catfile=str(tmp_path / "list.txt"), **CLOSE, **BEST)
    assert report.exposures["n_sources"][0] == aligned[1].exposures["n_sources"][0]
    assert np.ptp(offsets(done, field)[1:].mean(axis=2), axis=0).max() < 0.5
    named = [i.replace(meta=i.meta.set({"tweakreg_catalog": str(tmp_path / f"c{k}.ecsv")})) for k, i in
             enumerate(field.images) if k]  # fmt: skip
    _, report = align(named, use_custom_catalogs=True, **CLOSE)
    assert (1e3 * report.exposures["rmse"][1:] < 0.01).all()
    (tmp_path / "list.txt").write_text("a b c")
    with pytest.raises(InputError, match="line 1 of"):
        align(field.images, use_custom_catalogs=True, catfile=str(tmp_path / "list.txt"), **CLOSE)
    with pytest.raises(InputError, match="cannot be read"):
        align(field.images, use_custom_catalogs=True, catfile=str(tmp_path / "nothing.txt"), **CLOSE)


def test_the_catalogue_is_left_where_that_is_asked_for(field, tmp_path):
    path = catalogue(field, tmp_path / "sky.ecsv")
    with jw.byproducts() as left:
        steps.tweakreg(
            Exposures.of(field.images[:2]), abs_refcat=path, save_abs_catalog=True, **ABSOLUTE, **CLOSE, **BEST
        )
    saved = io.save(left["abs_catalog"], out=tmp_path)
    assert saved.name == "sky.ecsv_ref.fits"
    assert len(Table.read(saved, hdu="SOURCES")) == (field.truth.catalogue["kind"] == "star").sum()
