"""Windows of persistence in files: as the official step writes and reads them."""

from __future__ import annotations

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError
from jwgpu.io import read_windows, write_windows


def exposure(detector="NRCB1"):
    """Return a ramp with windows left open."""
    ramp = simulate.tiny("nircam", detector=detector).ramp
    return steps.persistence(ramp, persistence_time=500, dn_threshold=float(np.percentile(ramp.data, 99)))


def test_windows_come_back_by_detector(tmp_path):
    path = tmp_path / "windows.asdf"
    ramps = {name: exposure(name) for name in ("NRCB1", "NRCA1")}
    for ramp in ramps.values():
        write_windows(ramp, path)
    for ramp in ramps.values():
        table = ramp.tables["PERSISTENCE"]
        assert 10 < len(table) < ramp.shape[-1] * ramp.shape[-2]
        np.testing.assert_array_equal(read_windows(path, ramp, 500).tables["PERSISTENCE"], table)
        assert len(read_windows(path, ramp, 501).tables["PERSISTENCE"]) == 0
    other = simulate.tiny("nircam", detector="NRCA3").ramp
    assert len(read_windows(path, other, 500).tables["PERSISTENCE"]) == 0


def test_what_cannot_be_read_or_written_is_said(tmp_path):
    ramp = simulate.tiny("nircam").ramp
    with pytest.raises(InputError, match="has not been through"):
        write_windows(ramp, tmp_path / "windows.asdf")
    with pytest.raises(InputError, match="cannot be read"):
        read_windows(tmp_path / "nowhere.asdf", ramp, 500)
    (tmp_path / "text.asdf").write_text("no windows")
    with pytest.raises(InputError, match=r"text\.asdf"):
        write_windows(exposure(), tmp_path / "text.asdf")
    assert (tmp_path / "text.asdf").read_text() == "no windows"
    assert len(list(tmp_path.iterdir())) == 1


def test_windows_travel_in_a_saved_ramp_too(tmp_path):
    ramp = exposure()
    again = jw.open(jw.save(ramp, out=tmp_path))
    np.testing.assert_array_equal(again.tables["PERSISTENCE"], ramp.tables["PERSISTENCE"])
    later = steps.persistence(again, persistence_time=500)
    assert later.history[-1].notes["flagged_groups"] > 0


@pytest.mark.oracle
def test_the_official_step_reads_and_writes_the_same(tmp_path):
    pytest.importorskip("jwst")
    from jwst.persistence import PersistenceStep
    from stdatamodels.jwst.datamodels import RampModel

    ours = exposure()
    write_windows(ours, tmp_path / "ours.asdf")
    model = RampModel(data=ours.data, groupdq=ours.groupdq)
    model.meta.instrument.detector = "NRCB1"
    model.meta.filename = ours.name
    step = PersistenceStep()
    step.persistence_time, step.persistence_array_file = 500, str(tmp_path / "ours.asdf")
    step.process_persistence_options(model)
    table = ours.tables["PERSISTENCE"]
    found = np.zeros(ours.shape[-2:])
    found[table["row"], table["column"]] = table["end"]
    np.testing.assert_array_equal(step.persistence_array, found)
    step.write_persistence_array(model, str(tmp_path / "theirs.asdf"))
    np.testing.assert_array_equal(read_windows(tmp_path / "theirs.asdf", ours, 500).tables["PERSISTENCE"], table)
