"""Windows of persistence in files: as the official step writes and reads them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError

TIME = 500


def exposure(path, detector="NRCB1"):
    """Return a ramp with windows left open, and what is left for the file."""
    ramp = simulate.tiny("nircam", detector=detector).ramp
    options = dict(persistence_time=TIME, dn_threshold=float(np.percentile(ramp.data, 99)))
    with jw.byproducts() as left:
        done = steps.persistence(ramp, save_persistence=str(path), **options)
    return done, left["save_persistence"]


def reopened(ramp, path, time=TIME):
    """Return which pixels of the first group are flagged when the windows in a file are given to `ramp`."""
    file = jw.references(ramp, overrides={"persistence_array_file": path}).get("persistence_array_file")
    done = steps.persistence(ramp, file, persistence_time=time)
    return (done.groupdq[0, 0] & jw.GROUP.PERSISTENCE) != 0


def open_pixels(ramp):
    table = ramp.tables["PERSISTENCE"]
    found = np.zeros(ramp.shape[-2:], bool)
    found[table["row"], table["column"]] = True
    return found


def later(ramp):
    """Return an exposure without signal, taken 300 s later."""
    tables = {"int_times": ramp.tables["int_times"].copy()}
    tables["int_times"]["int_start_MJD_UTC"] += 300 / 86400
    return ramp.replace(data=np.zeros_like(ramp.data), groupdq=np.zeros_like(ramp.groupdq), tables=tables)


def test_windows_come_back_by_detector(tmp_path):
    path = tmp_path / "windows.asdf"
    ramps = {name: exposure(path.with_suffix(".fits"), name) for name in ("NRCB1", "NRCA1")}
    for _, left in ramps.values():
        assert jw.save(left) == path
    for ramp, _ in ramps.values():
        assert 10 < open_pixels(ramp).sum() < ramp.shape[-1] * ramp.shape[-2]
        np.testing.assert_array_equal(reopened(later(ramp), path), open_pixels(ramp))
        assert not reopened(later(ramp), path, TIME + 1).any()
    other = simulate.tiny("nircam", detector="NRCA3").ramp
    assert not reopened(later(other), path).any()
    assert not reopened(later(ramp), tmp_path / "not_yet.asdf").any()


def test_what_cannot_be_read_or_written_is_said(tmp_path):
    (tmp_path / "text.asdf").write_text("no windows")
    ramp, left = exposure(tmp_path / "text.asdf")
    with pytest.raises(InputError, match=r"text\.asdf"):
        jw.save(left)
    assert (tmp_path / "text.asdf").read_text() == "no windows"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(InputError, match=r"text\.asdf"):
        reopened(ramp, tmp_path / "text.asdf")
    fits.writeto(tmp_path / "image.fits", np.zeros((4, 4)))
    with pytest.raises(InputError, match=r"image\.fits holds no windows"):
        reopened(ramp, tmp_path / "image.fits")
    jw.save(left, tmp_path / "good.asdf")
    small = ramp.replace(**{n: a[..., :4, :4].copy() for n, a in ramp.arrays().items()}, tables={})
    with pytest.raises(InputError, match=r"good\.asdf has windows .* 4 x 4 pixels"):
        steps.persistence(small, jw.references(ramp, overrides={"persistence_array_file": tmp_path / "good.asdf"}).get(
            "persistence_array_file"), persistence_time=TIME)  # fmt: skip


def test_windows_travel_in_a_saved_ramp_too(tmp_path):
    ramp, _ = exposure(tmp_path / "unused.asdf")
    again = jw.open(jw.save(ramp, out=tmp_path))
    np.testing.assert_array_equal(again.tables["PERSISTENCE"], ramp.tables["PERSISTENCE"])
    flagged = steps.persistence(again, persistence_time=TIME)
    assert flagged.history[-1].notes["flagged_groups"] > 0


@pytest.mark.oracle
def test_the_official_step_reads_and_writes_the_same(tmp_path):
    pytest.importorskip("jwst")
    from jwst.persistence import PersistenceStep
    from stdatamodels.jwst.datamodels import RampModel

    ours, left = exposure(tmp_path / "ours.asdf")
    jw.save(left)
    model = RampModel(data=ours.data, groupdq=ours.groupdq)
    model.meta.instrument.detector = "NRCB1"
    model.meta.filename = ours.name
    step = PersistenceStep()
    step.persistence_time, step.persistence_array_file = TIME, str(tmp_path / "ours.asdf")
    step.process_persistence_options(model)
    table = ours.tables["PERSISTENCE"]
    found = np.zeros(ours.shape[-2:])
    found[table["row"], table["column"]] = table["end"]
    np.testing.assert_array_equal(step.persistence_array, found)
    step.write_persistence_array(model, str(tmp_path / "theirs.asdf"))
    np.testing.assert_array_equal(reopened(later(ours), tmp_path / "theirs.asdf"), open_pixels(ours))
