"""`jw.panel`, `jw.quality` and `jw.explain`."""

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import backend, simulate, steps
from jwgpu.errors import InputError

pytest.importorskip("anywidget")


@pytest.fixture(scope="module")
def made():
    return simulate.tiny("nircam", effects=None)


@pytest.fixture(scope="module")
def run(made):
    p = jw.pipelines.detector1(made.ramp)
    return p.run(made.ramp, made.references, keep=p.names(), progress=False)


def test_switches_and_knobs_make_a_pipeline(made):
    panel = jw.panel(None, made.ramp, made.references)
    expected = jw.pipelines.detector1(made.ramp)
    assert panel.pipeline == expected
    panel["refpix"].switch.value = False
    panel["charge_migration"].switch.value = True
    knobs = panel.edit("jump")
    knobs["rejection_threshold"].value = 6.0
    expected = expected.without("refpix").including("charge_migration").set("jump", rejection_threshold=6.0)
    assert panel.pipeline == expected
    assert panel.source.value == expected.source()
    knobs["rejection_threshold"].value = 4.0
    assert not panel.pipeline["jump"].parameters
    assert "rejection_threshold" not in panel["jump"].state.value


def test_it_says_why_a_step_would_be_left_out(made):
    panel = jw.panel(None, made.ramp, made.references)
    assert "off by default" in panel["charge_migration"].state.value
    assert "needs gain, readnoise" in panel["jump"].state.value
    panel["superbias"].switch.value = False
    assert "user" in panel["superbias"].state.value
    held = {k: made.references.get(k) for k in ("mask", "saturation", "gain", "readnoise")}
    from jwgpu.reference.references import References

    poor = jw.panel(None, made.ramp, References.from_mapping(held))
    assert "there is no superbias reference" in poor["superbias"].state.value


def test_it_runs_up_to_a_step(made, run):
    panel = jw.panel(None, made.ramp, made.references)
    panel["jump"].here.click()
    assert np.array_equal(panel.result.ramp.groupdq, run["jump"].groupdq)
    assert [s.label for s in panel.viewer.subjects] == ["before", "after jump"]
    assert panel["jump"]._bar.value == 1.0
    assert panel["ramp_fit"]._bar.value == 0.0
    assert "skipped: there is no ipc reference" in panel["ipc"].state.value
    assert " s; " in panel["jump"].state.value
    panel.run()
    assert np.array_equal(panel.result.rate.data, run.rate.data, equal_nan=True)
    assert "gain_scale" in panel._history.value
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} <= panel._repr_mimebundle_().keys()
    assert panel.figure() is not None


def test_what_is_wrong_is_said(made):
    panel = jw.panel(None, made.ramp, made.references)
    knobs = panel.edit("ramp_fit")
    knobs["firstgroup"].value = "two"
    assert "expected int or None" in panel.message.value
    for row in panel._rows.values():
        row.switch.value = False
    assert panel.run() is None
    assert "every step is switched off" in panel.message.value
    with pytest.raises(InputError, match="did you mean 'jump'"):
        panel["jmp"]


def test_flags_are_counted_step_by_step(run):
    found = jw.quality(run)
    assert found.since("SATURATED").startswith("after saturation (+")
    counts = {row[0]: row[1] for row in found.rows()}
    assert counts["JUMP_DET"] == np.count_nonzero(run.rate.dq & jw.PIXEL.JUMP_DET)
    assert "<img alt='maps of the flags" in found._repr_html_()
    ramp = run["jump"]
    (only,) = jw.quality(ramp).versions
    either = (ramp.groupdq & jw.GROUP.JUMP_DET).any(axis=(0, 1)) | ((ramp.pixeldq & jw.PIXEL.JUMP_DET) != 0)
    assert only.counts["JUMP_DET"] == either.sum()
    assert jw.quality(ramp).since("JUMP_DET") == ""
    with pytest.raises(InputError, match="has no flags"):
        jw.quality(run.rate.replace(dq=None))


def test_counting_stays_on_the_device(run, device):
    ramp = device.put(run["jump"])
    with backend.counting() as traffic:
        found = jw.quality(ramp, device.put(run.rate))
    expected = jw.quality(run["jump"], run.rate)
    assert [v.counts for v in found.versions] == [v.counts for v in expected.versions]
    assert traffic.bytes_down <= 4 * sum(a.size for v in found.versions for a, _ in v.maps.values())


@pytest.mark.parametrize("name", sorted(steps.names()))
def test_a_step_is_explained(name):
    found = jw.explain(name)
    step = steps.get(name)
    assert 2 <= len(found.sentences) <= 3
    assert found.formula
    assert [row[0] for row in found.parameters] == list(step.parameters)
    page, text = found._repr_html_(), repr(found)
    assert all(parameter in page and parameter in text for parameter in step.parameters)
    case = found.example()
    assert case.after.history[-1].step == name
    assert case.after.history[-1].status == "COMPLETE"
    assert f"alt='a simulated case ({case.mode}) before and after {name}" in page


def test_explaining_something_else():
    with pytest.raises(InputError, match="is not a step"):
        jw.explain(np.mean)
