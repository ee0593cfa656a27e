"""Selection by the real CRDS client from a small cache, without a network."""

from __future__ import annotations

import os

import numpy as np
import pytest

import jwgpu as jw
from jwgpu.errors import InputError
from jwgpu.reference.local import CONTEXT, write_cache

from .conftest import CUT, FULL

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own

ONE = np.ones(FULL, np.float32)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Write a CRDS cache of the given files and set the environment to it."""

    def make(*files, name="crds", **changes):
        settings = write_cache(tmp_path / name, files) | changes
        for variable, value in settings.items():
            monkeypatch.setenv(variable, value)
        return tmp_path / name

    return make


def test_selects_by_the_rules(exposure, change, write, serve, capfd):
    full = write("superbias", "nircam_superbias_full.fits", SCI=ONE)
    own = write("superbias", "nircam_superbias_sub160.fits", SCI=2 * ONE[CUT], SUBARRAY="SUB160",
                SUBSTRT1=11, SUBSTRT2=21)  # fmt: skip
    late = write("gain", "nircam_gain_late.fits", SCI=3 * ONE, USEAFTER="2025-01-01T00:00:00")
    early = write("gain", "nircam_gain_early.fits", SCI=ONE)
    other = write("gain", "nircam_gain_nrca1.fits", SCI=ONE, DETECTOR="NRCA1")
    serve(full, own, late, early, other)
    refs = jw.references(exposure)
    assert refs.superbias.name == "crds://nircam_superbias_sub160.fits" and (refs.superbias.data == 2).all()
    assert refs.gain.name == "crds://nircam_gain_late.fits" and refs.gain.data.shape == (16, 24)
    assert refs.dark is None and refs.context == refs.gain.context == CONTEXT
    assert jw.references(change(observation__date="2023-01-01")).select("gain").name == "crds://nircam_gain_early.fits"
    assert jw.references(change(subarray__name="FULL")).select("superbias").name.endswith("_full.fits")
    assert capfd.readouterr() == ("", ""), "the client is kept quiet"


def test_no_rule_fits(exposure, change, write, serve):
    serve(write("gain", SCI=ONE))
    with pytest.raises(InputError, match=r"no gain reference.*NRCA1.*gain=FILE"):
        _ = jw.references(change(instrument__detector="NRCA1")).gain
    with pytest.raises(InputError, match=r"INSTRUMENT\.NAME"):
        _ = jw.references(change(instrument__name=None)).gain


def test_neither_server_nor_cache(exposure, monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://localhost:1/serverless")
    refs = jw.references(exposure)
    with pytest.raises(InputError, match=r"CRDS_PATH.*CRDS_SERVER_URL.*--references DIR.*override"):
        _ = refs.gain
    assert refs.context == "N/A" and capfd.readouterr() == ("", "")


def test_what_is_not_set_has_a_default(monkeypatch, tmp_path):
    from jwgpu.reference import crds

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(crds, "_CENTRAL_STORE", tmp_path / "none")
    with crds.defaults():
        assert os.environ["CRDS_PATH"] == str(tmp_path / "crds_cache")
        assert os.environ["CRDS_SERVER_URL"] == "https://jwst-crds.stsci.edu"
    assert "CRDS_PATH" not in os.environ
    monkeypatch.setenv("CRDS_PATH", "mine")
    with crds.defaults():
        assert os.environ["CRDS_PATH"] == "mine"


def test_selected_but_not_in_the_cache(exposure, write, serve):
    root = serve(write("gain", SCI=ONE))
    (root / "references" / "jwst" / "gain.fits").unlink()
    refs = jw.references(exposure)
    assert refs.select("gain").name == "crds://gain.fits", "selection needs the rules alone"
    with pytest.raises(InputError, match=r"fetch gain\.fits.*CRDS_PATH"):
        _ = refs.gain


def test_unknown_context(exposure, write, serve, capfd):
    serve(write("gain", SCI=ONE))
    with pytest.raises(InputError, match="CRDS cannot select"):
        _ = jw.references(exposure, context="jwst_9999.pmap").gain
    assert capfd.readouterr() == ("", "")


def test_a_changed_environment_is_noticed(exposure, write, serve):
    """The client remembers the first cache it saw; jwgpu makes it look again."""
    serve(write("gain", "first.fits", SCI=ONE), name="one")
    assert jw.references(exposure).select("gain").name == "crds://first.fits"
    serve(write("gain", "second.fits", SCI=ONE), name="two")
    assert jw.references(exposure).select("gain").name == "crds://second.fits"


def test_a_file_that_has_to_be_fetched(exposure, write, serve, monkeypatch, capfd):
    """The client is asked for the file, while a bar looks at what has arrived."""
    import crds

    source = write("gain", SCI=ONE)
    target = serve(source) / "references" / "jwst" / "gain.fits"
    target.unlink()

    def deliver(parameters, reftypes, **_):
        assert reftypes == ["gain"] and parameters["meta.instrument.detector"] == "NRCB1"
        target.write_bytes(source.read_bytes())
        return {"gain": str(target)}

    monkeypatch.setattr(crds, "getreferences", deliver)
    assert (jw.references(exposure).gain.data == 1).all()


def test_a_file_that_cannot_be_fetched(exposure, write, serve, monkeypatch):
    """The client gives the place of a file that it failed to bring."""
    import crds

    target = serve(write("gain", SCI=ONE)) / "references" / "jwst" / "gain.fits"
    target.unlink()
    monkeypatch.setattr(crds, "getreferences", lambda *_, **__: {"gain": str(target)})
    with pytest.raises(InputError, match=r"selects gain\.fits, which is not in its cache.*gain=FILE"):
        _ = jw.references(exposure).gain


def test_a_file_without_type_makes_no_rule(write, tmp_path):
    with pytest.raises(InputError, match="REFTYPE"):
        write_cache(tmp_path / "crds", [write("gain", SCI=ONE, REFTYPE=None)])
