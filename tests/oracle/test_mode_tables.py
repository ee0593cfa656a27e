"""Mode tables and parameter references against the official pipelines: order of steps, what is off, what CRDS says."""

from __future__ import annotations

import dataclasses
import inspect
import re

import numpy as np
import pytest
import yaml

import jwgpu as jw
from jwgpu import pipelines, steps
from jwgpu.data import Meta, Ramp
from jwgpu.pipelines import table
from jwgpu.reference.local import write_cache

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
NIRCAM = {
    "instrument.name": "NIRCAM", "instrument.detector": "NRCB1", "exposure.type": "NRC_IMAGE",
    "observation.date": "2025-10-04", "observation.time": "12:00:00.000",
}  # fmt: skip


def official(name: str):
    """Return the class of an official pipeline."""
    module = pytest.importorskip(f"jwst.pipeline.calwebb_{name}")
    return getattr(module, f"{name.capitalize()}Pipeline")


def order(cls) -> dict[str, list[str]]:
    """Return the steps that `process` calls for MIRI and for the others, in order, each once."""
    source = inspect.getsource(cls.process)
    miri, near = re.split(r"\n {8}else:\n", source, maxsplit=1)
    # What follows the else branch, with less indentation, is for all.
    branch, _, common = re.split(r"(\n {8}(?=\S))", near, maxsplit=1)

    def called(text):
        return list(dict.fromkeys(re.findall(r"self\.(\w+)\.run\(", text)))

    return {"MIRI": called(miri) + called(common), "near-infrared": called(branch) + called(common)}


@pytest.mark.parametrize("name", ["detector1", "dark"])
@pytest.mark.parametrize("kind", ["near-infrared", "MIRI"])
def test_the_order_of_the_steps(name, kind):
    theirs = [step for step in order(official(name))[kind] if step in steps.names()]
    assert list(table.TABLES[f"{name}, {kind}"][1]) == theirs
    assert theirs == order(official(name))[kind], "jwgpu has them all"


def test_what_is_off_by_default():
    classes = official("detector1").step_defs | official("dark").step_defs
    off = {name for name, cls in classes.items() if cls(name).skip}
    assert off == table.OFF


@pytest.fixture
def files(tmp_path):
    """Parameter references of a step and of the pipeline, and one of a step that is off."""

    def write(cls, values, **sections):
        listed = [{"class": "jwst.x.X", "name": n, "parameters": v} for n, v in sections.items()]
        meta = {"reftype": f"pars-{cls.lower()}", "useafter": "2015-01-01T00:00:00", "instrument": {"name": "NIRCAM"}}
        tree = {"class": f"jwst.x.{cls}", "name": cls, "meta": meta, "parameters": values, "steps": listed}
        path = tmp_path / f"jwst_nircam_pars-{cls.lower()}_0001.asdf"
        path.write_text(HEAD + yaml.safe_dump(tree) + "...\n")
        return path

    return [
        write("JumpStep", {"rejection_threshold": 6.0, "flag_4_neighbors": False, "after_jump_flag_dn1": 10.0}),
        write("ChargeMigrationStep", {"skip": False, "signal_threshold": 30000.0}),
        write("Detector1Pipeline", {}, jump={"rejection_threshold": 7.0}, gain_scale={"skip": True}),
    ]


def test_files_of_crds_give_the_same_values(files, tmp_path, crds_cache, monkeypatch):
    from crds.core import utils

    for name, value in write_cache(tmp_path / "crds", files).items():
        monkeypatch.setenv(name, value)
    utils.clear_function_caches()
    theirs = official("detector1").get_config_from_reference(
        {f"meta.{path}": value for path, value in NIRCAM.items()}, crds_observatory="jwst"
    )
    expected = {
        (step, name): value
        for step, section in theirs["steps"].items()
        for name, value in section.items()
        if name not in ("class", "name", "steps")
    }
    data = np.zeros((1, 2, 4, 4), np.float32)
    ramp = Ramp(data=data, groupdq=data.astype(np.uint8), pixeldq=np.zeros((4, 4), np.uint32), meta=Meta(NIRCAM))
    ours = pipelines.detector1(ramp).with_parameters(jw.references(ramp))
    found = {(step, name): value for step, name, value, origin in ours.table().rows if origin != "code"}
    assert found == expected
    assert len(found) == 6
    assert ours.remarks == ()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("exp_type", "options"),
    [
        ("NRC_DARK", dict(instrument="NIRCAM", subarray="SUB64P", readpatt="RAPID", n_groups=6)),
        ("MIR_DARKIMG", dict(instrument="MIRI", subarray="SUB64", n_groups=10, n_integrations=2)),
    ],
)
def test_a_dark_exposure(exp_type, options, tmp_path, crds_cache, monkeypatch):
    """The whole pipeline: data to 1e-6 or 0.01 DN, flags and states the same, the name of the product too.

    But the state of refpix: it has nothing to do for these subarrays, which jwgpu calls SKIPPED.
    """
    from commandline import command
    from crds.core import utils
    from stdatamodels.jwst import datamodels

    simulation = jw.simulate.exposure(**options, n_stars=0, n_galaxies=0, sky=0.0)
    meta = simulation.ramp.meta.set({"exposure.type": exp_type})
    simulation = dataclasses.replace(simulation, ramp=simulation.ramp.replace(meta=meta))
    written = jw.simulate.write(simulation, tmp_path)
    for name, value in written.environment.items():
        monkeypatch.setenv(name, str(value))
    utils.clear_function_caches()
    command("run", written.uncal, "--out", tmp_path / "ours")
    theirs = official("dark").call(str(written.uncal))
    with datamodels.RampModel(tmp_path / "ours" / written.uncal.name.replace("_uncal", "_dark")) as ours:
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6, atol=0.01)
        np.testing.assert_array_equal(ours.groupdq, theirs.groupdq)
        np.testing.assert_array_equal(ours.pixeldq, theirs.pixeldq)
        states = {name: value for name, value in theirs.meta.cal_step.instance.items() if value and name != "refpix"}
        assert {name: getattr(ours.meta.cal_step, name) for name in states} == states
