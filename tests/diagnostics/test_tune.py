"""`jw.tune`: controls from the signature, the result on some rows, the call as text."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.data import Ramp, Reference
from jwgpu.diagnostics import docs
from jwgpu.diagnostics.parameters import span
from jwgpu.diagnostics.strip import strip
from jwgpu.errors import InputError
from jwgpu.step import Skip

pytest.importorskip("anywidget")


@pytest.fixture(scope="module")
def linear():
    made = simulate.tiny("nircam", effects=None)
    run = jw.pipelines.detector1(made.ramp).upto("dark_current").run(made.ramp, made.references, progress=False)
    return run.ramp, made.references


def test_a_change_recomputes_and_is_in_the_call(linear):
    ramp, refs = linear
    tuner = jw.tune(steps.jump, ramp, refs)
    plain = tuner.viewer.subjects[1].noun
    assert tuner.source == "ramp = steps.jump(ramp, refs.gain, refs.readnoise)"
    tuner["rejection_threshold"].value = 9.0
    tuner["flag_4_neighbors"].value = False
    loose = tuner.viewer.subjects[1].noun
    assert (loose.groupdq & jw.GROUP.JUMP_DET).sum() < (plain.groupdq & jw.GROUP.JUMP_DET).sum()
    assert tuner.call.value == tuner.source
    assert tuner.source.endswith("rejection_threshold=9.0, flag_4_neighbors=False)")
    expected = steps.jump(ramp, refs.gain, refs.readnoise, rejection_threshold=9.0, flag_4_neighbors=False)
    assert np.array_equal(tuner.apply().groupdq, expected.groupdq)
    assert tuner.result is not None
    tuner.parameters.reset()
    assert tuner.parameters.value == {}


def test_rows_come_out_as_they_do_from_the_whole(linear, device):
    ramp, refs = linear
    for name, parameters in (("jump", {"rejection_threshold": 3.0}), ("ramp_fit", {})):
        step = steps.get(name)
        arguments = {kind: refs.get(kind) for kind in step.references}
        whole = step(ramp, **arguments, **parameters)
        whole = whole if isinstance(whole, Ramp) else whole.rate
        moved, there = device.put(ramp), {kind: device.put(r) for kind, r in arguments.items()}
        part = strip(step, moved, there, parameters, 20, 16)
        made = part.run(step, parameters, moved).to("cpu")
        assert (part.first, part.stop, made.shape[-2]) == (20, 36, 16)
        for key, array in made.arrays().items():
            assert np.array_equal(array, whole.arrays()[key][..., 20:36, :], equal_nan=array.dtype.kind == "f"), key


def test_a_step_that_looks_at_whole_frames_gets_them(linear):
    ramp, refs = linear
    step = steps.jump
    arguments = {kind: refs.get(kind) for kind in step.references}
    part = strip(step, ramp, arguments, {"expand_large_events": True}, 20, 16)
    assert part.exposure is ramp
    assert "whole frames" in part.reason


def test_tooltips_are_the_docstring(linear):
    ramp, refs = linear
    tuner = jw.tune("jump", ramp, refs)
    assert "Sigma at which a difference counts as a jump" in tuner["rejection_threshold"].tooltip
    assert "mean smaller" not in tuner["min_sat_area"].tooltip
    assert "Pixels: smaller blobs" in tuner["min_sat_area"].tooltip


@pytest.mark.parametrize("name", steps.names())
def test_every_parameter_and_reference_is_documented(name):
    step = steps.get(name)
    assert [n for n, words in docs.of_parameters(step).items() if not words] == []
    assert [n for n, words in docs.of_references(step).items() if not words] == []
    assert 1 <= len(docs.sentences(step)) <= 3
    assert "::" not in "".join(docs.sentences(step))


def test_formulae_are_found_where_they_are_written():
    assert "|d_j - m| / sigma > threshold" in docs.formula(steps.jump)
    assert "slope = 2 sum(w_j u_j d_j)" in docs.formula(steps.ramp_fit)
    assert docs.formula(lift) == ""


@jw.step(unit="DN")
def lift(
    ramp: Ramp, gain: Reference | None = None, *, by: float = 1.0, groups: int = 2, way: Literal["up", "down"] = "up",
    only: int | None = None, name: str = "", negative: float = -2.0,
) -> Ramp:  # fmt: skip
    """Add a number.

    Parameters
    ----------
    ramp : Ramp
    gain : Reference, optional
        Not used.
    by : float
        How much.
    """
    if by == 7:
        raise Skip("seven is left alone")
    if by == 8:
        raise InputError("eight cannot be added; add another number")
    data = ramp.own("data")
    data += by if way == "up" else -by
    return ramp.replace(data=data)


def test_controls_of_every_type(linear):
    ramp, refs = linear
    tuner = jw.tune(lift, ramp, refs)
    kinds = {name: type(tuner[name]).__name__ for name in lift.parameters}
    assert kinds == {"by": "FloatText", "groups": "IntText", "way": "Dropdown", "only": "Text", "name": "Text",
                     "negative": "FloatText"}  # fmt: skip
    tuner["way"].value, tuner["only"].value, tuner["by"].value = "down", "3", 40.0
    assert tuner.parameters.value == {"by": 40.0, "way": "down", "only": 3}
    assert tuner.source == "ramp = lift(ramp, refs.gain, by=40.0, way='down', only=3)"
    assert tuner.viewer.canvas.panels[2]["title"] == "difference"
    tuner["only"].value = "three"
    assert "expected int or None" in tuner.message.value
    tuner["only"].value = ""
    tuner["by"].value = 7.0
    assert "skipped: seven is left alone" in tuner.message.value
    tuner["by"].value = 8.0
    assert "eight cannot be added" in tuner.message.value
    tuner.compare.value = "default parameters"
    tuner["by"].value = 2.0
    assert "image/png" in tuner._repr_mimebundle_()


def test_ranges_hold_the_default_on_a_step():
    for default in (4.0, 2.5, 1.2, 25000.0, 0.01, 0.0, -2.0, 15.0):
        low, high, step = span(default, whole=False)
        assert low <= default <= high
        assert abs(default / step - round(default / step)) < 1e-6
    assert span(200, whole=True) == (0, 800, 4)


def test_the_wrong_kind_of_exposure_or_step_is_refused(linear):
    ramp, refs = linear
    with pytest.raises(InputError, match=r"flat_field works on an Image, and .* is a Ramp"):
        jw.tune("flat_field", ramp, refs)
    with pytest.raises(InputError, match="is not a step"):
        jw.tune(np.mean, ramp, refs)
