"""Running: the same numbers as cell by cell, inputs untouched, what was asked for kept."""

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import pipelines, simulate, steps
from jwgpu.errors import InputError


@pytest.fixture(scope="module")
def nircam():
    return simulate.tiny("nircam")


def equal(a, b):
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a.arrays().values(), b.arrays().values())
    )


def test_pipeline_equals_cells(nircam):
    ramp, refs = nircam.ramp, nircam.references
    run = pipelines.detector1(ramp).run(ramp, refs, progress=False)
    cells = {"jw": jw, "steps": steps, "ramp": ramp, "refs": refs}
    source = pipelines.detector1(ramp).source().splitlines()
    exec("\n".join(line for line in source if "open(" not in line and "references(" not in line), cells)
    assert equal(run.rate, cells["rate"])
    assert equal(run.rateints, cells["rateints"])


def test_run_leaves_its_input_and_kept_results_untouched(nircam):
    ramp = nircam.ramp
    before = {name: a.copy() for name, a in ramp.arrays().items()}
    run = pipelines.detector1(ramp).run(ramp, nircam.references, keep=["dq_init", "linearity"], progress=False)
    assert all(np.array_equal(before[n], a, equal_nan=a.dtype.kind == "f") for n, a in ramp.arrays().items())
    alone = pipelines.detector1(ramp).upto("linearity").run(ramp, nircam.references, progress=False).ramp
    assert equal(run["linearity"], alone)
    with pytest.raises(KeyError, match="keep="):
        run["jump"]


def test_donation_gives_the_same_bits_in_the_same_buffer(nircam):
    ramp = nircam.ramp
    plain = pipelines.detector1(ramp).upto("linearity").run(ramp, nircam.references, progress=False).ramp
    mine = ramp.replace(**{name: a.copy() for name, a in ramp.arrays().items()})
    donated = pipelines.detector1(ramp).upto("linearity").run(mine, nircam.references, progress=False, donate=True).ramp
    assert equal(plain, donated)
    assert np.shares_memory(donated.data, mine.data)


def test_history_has_every_step_in_order_and_says_why_one_was_skipped(nircam):
    p = pipelines.detector1(nircam.ramp).without("refpix")
    run = p.run(nircam.ramp, nircam.references, progress=False)
    assert [r.step for r in run.history] == p.names()
    skipped = {r.step: r.reason for r in run.history if r.status == "SKIPPED"}
    assert skipped["refpix"] == "left out by the user"
    assert all(reason for reason in skipped.values())
    jump = next(r for r in run.history if r.step == "jump")
    assert jump.parameters["rejection_threshold"] == steps.jump.parameters["rejection_threshold"].default
    assert set(jump.references) == {"gain", "readnoise"}


def test_a_function_can_stand_in_a_pipeline(nircam):
    def brighter(ramp, factor=2.0):
        return ramp.replace(data=ramp.data * np.float32(factor))

    p = pipelines.detector1(nircam.ramp).after("linearity", brighter, factor=3.0)
    run = p.run(nircam.ramp, nircam.references, keep=["linearity", "brighter"], progress=False)
    assert np.array_equal(run["brighter"].data, run["linearity"].data * np.float32(3), equal_nan=True)
    assert run["brighter"].history[-1].parameters == {"factor": 3.0}


def test_after_step_sees_every_step(nircam):
    seen = []
    p = pipelines.detector1(nircam.ramp)
    p.run(nircam.ramp, nircam.references, progress=False, after_step=lambda name, branches: seen.append(name))
    assert seen == [call.name for call in p.calls if not call.skip]


def test_a_step_that_returns_something_else_is_named(nircam):
    p = pipelines.detector1(nircam.ramp).upto("dq_init").after("dq_init", print)
    with pytest.raises(InputError, match="step print returned NoneType"):
        p.run(nircam.ramp, nircam.references, progress=False)


@pytest.mark.parametrize("mode", ["fgs_acq1", "fgs_id_stack", "fgs_id_image", "fgs_acq2", "fgs_track", "fgs_fineguide"])
def test_guider_modes_choose_the_guider_pipeline(mode):
    simulation = simulate.tiny(mode)
    p = pipelines.choose(simulation.ramp)
    assert p.names() == list(pipelines.table.GUIDER)
    image = p.run(simulation.ramp, simulation.references, progress=False).image
    assert image.data.ndim == 3
    assert np.isfinite(image.data).any()


def test_miri_has_its_own_order():
    assert pipelines.choose(simulate.tiny("miri").ramp).names() == list(pipelines.table.MIRI)


def test_the_record_says_why_a_step_was_left_out(nircam, monkeypatch):
    monkeypatch.setattr(pipelines.table, "OFF", frozenset(["refpix", "linearity"]))
    p = pipelines.detector1(nircam.ramp).including("refpix").without("superbias").upto("linearity")
    records = {r.step: r for r in p.run(nircam.ramp, nircam.references, progress=False).history}
    assert records["linearity"].reason == "off by default"
    assert records["superbias"].reason == "left out by the user"
    assert records["refpix"].status == "COMPLETE"


@pytest.mark.parametrize(("mode", "exp_type"), [("nircam", "NRC_DARK"), ("miri", "MIR_DARKIMG")])
def test_darks_become_corrected_ramps(mode, exp_type):
    simulation = simulate.tiny(mode)
    ramp = simulation.ramp.replace(meta=simulation.ramp.meta.set({"exposure.type": exp_type}))
    p = pipelines.choose(ramp)
    assert p == pipelines.dark(ramp)
    assert p.name == "dark"
    assert {"dark_current", "jump", "ramp_fit"}.isdisjoint(p.names())
    made = p.run(ramp, simulation.references, progress=False)
    assert list(made.products) == ["ramp"]
    light = pipelines.detector1(ramp).upto("linearity").run(ramp, simulation.references, progress=False)
    if mode == "nircam":
        assert equal(made.ramp, light.ramp)
    with pytest.raises(InputError, match="through stage 1 already"):
        pipelines.choose(made.ramp)
