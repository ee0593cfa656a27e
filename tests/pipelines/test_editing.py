"""A pipeline is a value: editing makes another one, and mistakes are found while editing."""

import numpy as np
import pytest
from astropy.io import fits

from jwgpu import pipelines, simulate, steps
from jwgpu.data import PIXEL, Ramp, Reference
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


def test_files_in_place_of_those_found_belong_to_the_pipeline(tmp_path):
    """They are edited, compared, printed, saved and used like parameters."""
    made = simulate.tiny("nircam_sub")
    p = pipelines.detector1(made.ramp)
    q = p.set("dq_init", user_supplied_dq="mine.fits").set("ramp_fit", gain=None)
    assert q.files == {"dq_init.user_supplied_dq": "mine.fits", "ramp_fit.gain": None}
    assert p.diff(q) == ["dq_init.user_supplied_dq: None -> 'mine.fits'"]
    assert Pipeline.load(q.save(tmp_path / "mine.toml")) == q != p
    assert "user_supplied_dq='mine.fits'" in repr(q)
    assert "user_supplied_dq" not in p.source()
    assert (
        "refs = jw.references(ramp, overrides={'dq_init.user_supplied_dq': 'mine.fits', 'ramp_fit.gain'" in q.source()
    )
    assert "dq_init(ramp, mask=refs.mask, user_supplied_dq=refs.get('user_supplied_dq', step='dq_init'))" in q.source()
    mine = Reference("user_supplied_dq", "mine", {"dq": np.zeros(made.ramp.shape[-2:], np.uint32)})
    mine.dq[5, 6] = PIXEL.DO_NOT_USE
    q = p.set("dq_init", user_supplied_dq=mine)
    assert q.run(made.ramp, made.references, progress=False).rate.dq[5, 6] & PIXEL.DO_NOT_USE
    with pytest.raises(InputError, match="mine was made in memory"):
        q.save(tmp_path / "mine.toml")
    fits.writeto(tmp_path / "mine.fits", mine.dq)
    q = p.set("dq_init", user_supplied_dq=tmp_path / "mine.fits")
    assert Pipeline.load(q.save(tmp_path / "mine.toml")).files == {
        "dq_init.user_supplied_dq": str(tmp_path / "mine.fits")
    }
    with pytest.raises(InputError, match="in memory; give a Reference"):
        q.run(made.ramp, made.references, progress=False)


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


def test_every_step_that_works_on_ramps_belongs_to_a_table():
    known = {step for _, order in pipelines.table.TABLES.values() for step in order}
    assert {name for name in steps.names() if steps.get(name).nouns == (Ramp,)} <= known <= set(steps.names())
    assert known >= pipelines.table.OFF


def test_steps_that_are_off_by_default_can_be_brought_in(monkeypatch):
    monkeypatch.setattr(pipelines.table, "OFF", frozenset(["linearity"]))
    p = pipelines.detector1()
    assert [call.name for call in p.calls if call.skip] == ["linearity"]
    assert p["linearity"].origin("skip") == "code"
    assert p.including("linearity")["linearity"].origin("skip") == "user"
    assert not p.including("linearity")["linearity"].skip
    assert p.diff(p.including("linearity")) == ["linearity.skip: True -> False"]
