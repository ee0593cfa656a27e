"""`--set` and `--skip`: typed by the signatures of the steps, wrong words answered at once."""

import pytest

from jwgpu import pipelines
from jwgpu.cli.report import Settings
from jwgpu.errors import InputError


def test_parameters_skips_and_references():
    settings = Settings(
        ("jump.rejection_threshold=5", "jump.flag_4_neighbors=false", "ramp_fit.gain=g.fits", "refpix.skip=true"),
        ("gain_scale",),
    )
    p = settings.apply(pipelines.detector1())
    assert p["jump"].parameters == {"rejection_threshold": 5.0, "flag_4_neighbors": False}
    assert p["refpix"].skip
    assert p["gain_scale"].skip
    assert not p["jump"].skip
    assert settings.overrides == {"ramp_fit.gain": "g.fits"}


def test_skip_false_brings_a_step_in():
    p = Settings(("refpix.skip=false",)).apply(pipelines.detector1().without("refpix"))
    assert not p["refpix"].skip


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("jump", "write it as step.parameter=value"),
        ("jump.rejection_threshold", "write it as"),
        ("jmup.rejection_threshold=5", "did you mean 'jump'"),
        ("jump.rejection_treshold=5", "did you mean 'rejection_threshold'"),
        ("jump.rejection_threshold=high", "expected float"),
        ("jump.flag_4_neighbors=maybe", "expected bool"),
        ("jump.skip=maybe", "true or false"),
    ],
)
def test_a_wrong_word_is_answered(word, answer):
    with pytest.raises(InputError, match=answer):
        Settings((word,))


def test_a_step_the_pipeline_lacks():
    with pytest.raises(InputError, match="pipeline guider has no step 'jump'"):
        Settings(("jump.rejection_threshold=5",)).apply(pipelines.guider())
