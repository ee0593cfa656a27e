"""A pipeline is a value: editing makes another one, and mistakes are found while editing."""

import pytest

from jwgpu import pipelines, steps
from jwgpu.errors import InputError
from jwgpu.pipelines import Pipeline
from jwgpu.step import ParameterError


def halve(ramp, divisor=2):
    return ramp.replace(data=ramp.data / divisor)


def test_editing_leaves_the_original_alone():
    p = pipelines.detector1()
    q = p.set("jump", rejection_threshold=5.0).without("gain_scale").after("linearity", halve, divisor=3)
    assert p == pipelines.detector1()
    assert q != p
    assert q["jump"].parameters == {"rejection_threshold": 5.0}
    assert q.names().index("halve") == q.names().index("linearity") + 1
    assert q.without("halve").including("gain_scale")["gain_scale"].skip is False


def test_a_parameter_set_to_its_default_is_no_change():
    p = pipelines.detector1()
    default = steps.jump.parameters["rejection_threshold"].default
    assert p.set("jump", rejection_threshold=5.0).set("jump", rejection_threshold=default) == p


def test_misspelt_names_fail_while_editing_and_offer_the_right_one():
    p = pipelines.detector1()
    with pytest.raises(InputError, match="did you mean 'jump'"):
        p.set("jmup", rejection_threshold=5.0)
    with pytest.raises(ParameterError, match="did you mean 'rejection_threshold'"):
        p.set("jump", rejection_treshold=5.0)
    with pytest.raises(ParameterError, match="expected float"):
        p.set("jump", rejection_threshold="high")
    with pytest.raises(InputError, match="already"):
        p.after("jump", steps.jump)


def test_cutting():
    p = pipelines.detector1()
    assert p.upto("linearity").names() + p.from_("linearity").names()[1:] == p.names()


def test_diff_names_what_differs():
    p = pipelines.detector1()
    q = p.set("jump", flag_4_neighbors=False).without("refpix").before("jump", halve)
    assert p.diff(p) == []
    assert p.diff(q) == ["+ halve", "refpix.skip: False -> True", "jump.flag_4_neighbors: True -> False"]


def test_toml_round_trip(tmp_path):
    p = pipelines.detector1().set("jump", rejection_threshold=5.0).without("refpix")
    assert Pipeline.load(p.save(tmp_path / "mine.toml")) == p


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps = ['jmup']", "did you mean 'jump'"),
        ("steps = ['jump']\n[jump]\nthreshold = 3", "no parameter 'threshold'"),
        ("steps = ['jump']\n[refpix]\nskip = true", "belongs to no step"),
        ("steps = 3", "needs a list"),
        ("steps = [", "not a TOML file"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, words):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        Pipeline.load(path)
    assert "bad.toml" in str(caught.value)


def test_printed_table_shows_every_step_and_change():
    text = repr(pipelines.detector1().set("jump", rejection_threshold=5.0).without("refpix"))
    assert all(name in text for name in pipelines.table.NEAR_INFRARED)
    assert "rejection_threshold=5.0" in text
    assert "off" in text


def test_every_step_belongs_to_a_table():
    known = {step for _, order in pipelines.table.TABLES.values() for step in order}
    assert set(steps.names()) == known
    assert known >= pipelines.table.OFF
    assert known.isdisjoint(pipelines.table.LACKING)


def test_steps_that_are_off_by_default_can_be_brought_in(monkeypatch):
    monkeypatch.setattr(pipelines.table, "OFF", frozenset(["linearity"]))
    p = pipelines.detector1()
    assert [call.name for call in p.calls if call.skip] == ["linearity"]
    assert p["linearity"].origin("skip") == "code"
    assert p.including("linearity")["linearity"].origin("skip") == "user"
    assert not p.including("linearity")["linearity"].skip
    assert p.diff(p.including("linearity")) == ["linearity.skip: True -> False"]
