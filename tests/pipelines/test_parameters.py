"""Values of parameter references in a pipeline: user before file before code, nothing passed over in silence."""

from __future__ import annotations

import pytest

from jwgpu import pipelines, simulate, steps
from jwgpu.errors import InputError
from jwgpu.pipelines import Pipeline
from jwgpu.reference.parameters import ParameterFile

JUMP = ParameterFile("pars-jumpstep", "jump.asdf", {"rejection_threshold": 6.0, "flag_4_neighbors": False})
ALL = ParameterFile(
    "pars-detector1pipeline",
    "all.asdf",
    {"save_calibrated_ramp": True, "skip": False},
    {"jump": {"rejection_threshold": 7.0}, "gain_scale": {"skip": True}},
)


def values(pipeline, step, *names):
    found = {name: (value, origin) for _, name, value, origin in pipeline.table(step).rows}
    return [found[name] for name in names]


def test_what_a_file_says_is_used_and_shown_with_its_source():
    p = pipelines.detector1().with_parameters(JUMP)
    assert p["jump"].parameters == {"rejection_threshold": 6.0, "flag_4_neighbors": False}
    assert values(p, "jump", "rejection_threshold", "four_group_rejection_threshold") == [
        (6.0, "jump.asdf"),
        (steps.jump.parameters["four_group_rejection_threshold"].default, "code"),
    ]
    assert "rejection_threshold=6.0 (jump.asdf)" in repr(p)
    assert "jump.asdf" in p.table()._repr_html_()
    assert p.remarks == ()


def test_the_file_of_the_pipeline_goes_before_that_of_the_step():
    p = pipelines.detector1().with_parameters(JUMP, ALL)
    assert values(p, "jump", "rejection_threshold", "flag_4_neighbors") == [(7.0, "all.asdf"), (False, "jump.asdf")]
    assert p["gain_scale"].skip
    assert p["gain_scale"].origin("skip") == "all.asdf"
    assert p.remarks == (), "where files go says nothing about the numbers"


@pytest.mark.parametrize("first", [True, False])
def test_the_user_goes_before_any_file(first):
    """Even with the default of the code, and whatever was said first."""

    def mine(p):
        default = steps.jump.parameters["rejection_threshold"].default
        return p.set("jump", rejection_threshold=default).including("gain_scale")

    p = pipelines.detector1()
    p = mine(p).with_parameters(JUMP, ALL) if first else mine(p.with_parameters(JUMP, ALL))
    assert values(p, "jump", "rejection_threshold", "flag_4_neighbors") == [(4.0, "user"), (False, "jump.asdf")]
    assert not p["gain_scale"].skip


def test_what_jwgpu_does_not_have_is_named_and_stops_nothing():
    file = ParameterFile(
        "pars-detector1pipeline",
        "all.asdf",
        {"new_switch": 1},
        {
            "jump": {"no_such_thing": 3.0, "rejection_threshold": "high", "maximum_cores": "none", "save_it": True},
            "saturation": {"n_pix_grow_sat": 2.0, "empty": None},
            "step_of_the_future": {"skip": False},
            "no_such_step": {"skip": True},
            "guider_cds": {"skip": False},
        },
    )
    p = pipelines.detector1().with_parameters(file)
    assert p["saturation"].parameters == {"n_pix_grow_sat": 2}
    assert p["jump"].parameters == {}
    (remark,) = p.remarks
    assert remark.startswith("all.asdf asks for what jwgpu does not have")
    for words in ("new_switch", "jump.no_such_thing = 3.0", "'high' (expected float)", "step step_of_the_future"):
        assert words in remark
    assert all(words not in remark for words in ("cores", "save_it", "empty", "guider", "no_such_step"))
    assert remark in repr(p)
    assert remark in repr(p.table("jump"))


def test_files_that_a_file_names_are_taken_over():
    values = {"override_gain": "theirs.fits", "override_readnoise": None, "override_mask": "x.fits"}
    file = ParameterFile("pars-jumpstep", "jump.asdf", values)
    p = pipelines.detector1().with_parameters(file)
    assert (p.files, p["jump"].origin("gain")) == ({"jump.gain": "theirs.fits"}, "jump.asdf")
    assert "override_mask" in p.remarks[0]
    assert pipelines.detector1().set("jump", gain="mine.fits").with_parameters(file).files == {"jump.gain": "mine.fits"}
    flags = ParameterFile("pars-dqinitstep", "dq.asdf", {"user_supplied_dq": "mine.fits", "override_mask": None})
    assert pipelines.detector1().with_parameters(flags).files == {"dq_init.user_supplied_dq": "mine.fits"}


def test_a_file_turns_on_what_is_off_by_default(monkeypatch):
    monkeypatch.setattr(pipelines.table, "OFF", frozenset(["jump"]))
    p = pipelines.detector1()
    assert p["jump"].skip
    on = p.with_parameters(ParameterFile("pars-jumpstep", "jump.asdf", {"skip": False}))
    assert not on["jump"].skip
    assert on.without("jump").with_parameters(JUMP)["jump"].skip


def test_a_file_for_another_pipeline_is_refused():
    with pytest.raises(InputError, match=r"image2\.asdf holds parameters of type pars-image2pipeline"):
        pipelines.detector1().with_parameters(ParameterFile("pars-image2pipeline", "image2.asdf", {}))


def test_records_say_who_set_what():
    simulation = simulate.tiny("nircam_sub")
    p = pipelines.detector1(simulation.ramp).with_parameters(JUMP, ALL).set("ramp_fit", suppress_one_group=False)
    run = p.run(simulation.ramp, simulation.references, progress=False)
    for product in run.products.values():
        records = {record.step: record for record in product.history}
        assert records["jump"].parameters["rejection_threshold"] == 7.0
        assert records["jump"].origins == {"rejection_threshold": "all.asdf", "flag_4_neighbors": "jump.asdf"}
        assert records["ramp_fit"].origins == {"suppress_one_group": "user"}
        assert records["saturation"].origins == {}
        assert records["gain_scale"].reason == "left out by all.asdf"
        assert records["jump"].as_dict()["origins"] == records["jump"].origins


def test_saved_and_read_again_it_runs_the_same(tmp_path):
    p = pipelines.detector1().with_parameters(JUMP, ALL)
    path = p.save(tmp_path / "mine.toml")
    assert "rejection_threshold = 7.0  # all.asdf" in path.read_text()
    assert Pipeline.load(path) == p
