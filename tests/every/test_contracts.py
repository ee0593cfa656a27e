"""Every step keeps the contract: its signature is its specification, its docstring says what a user must know."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

from jwgpu import steps
from jwgpu.cut import Cut
from jwgpu.data import Exposure
from jwgpu.parameter import members
from jwgpu.step import Step


@pytest.fixture
def step(step_name) -> Step:
    return steps.get(step_name)


def sections(step: Step) -> dict[str, str]:
    """Return the numpydoc sections of a docstring."""
    text = inspect.getdoc(step.function)
    pieces = re.split(r"^(\S[^\n]*)\n-{3,}$", text, flags=re.M)
    return dict(zip((title.strip() for title in pieces[1::2]), pieces[2::2]))


def source(step: Step) -> str:
    return inspect.getsource(sys.modules[step.function.__module__])


def test_it_is_named_after_its_file(step, step_name):
    path = Path(inspect.getsourcefile(step.function))
    assert step.name == step_name
    assert step_name in (path.stem, path.parent.name)


def test_the_first_line_says_what_it_does(step):
    assert re.fullmatch(r"[A-Z].{10,118}\.", step.summary), step.summary


def test_the_docstring_names_every_argument_and_the_result(step):
    found = sections(step)
    assert {"Parameters", "Returns"} <= found.keys()
    described = set()
    for line in found["Parameters"].splitlines():
        if re.match(r"\w[\w, ]* :", line):
            described |= {name.strip() for name in line.partition(" :")[0].split(",")}
    arguments = set(inspect.signature(step.function).parameters)
    assert arguments == described


def test_what_it_raises_and_when_it_skips_is_said(step):
    found, text = sections(step), source(step)
    assert ("Skips when" in found) or not ("raise Skip" in text or any(step.references.values()))
    if re.search(r"raise (?!Skip)\w+", text):
        assert "Raises" in found


def test_the_first_argument_is_a_noun_and_the_unit_is_said(step):
    assert all(issubclass(noun, Exposure) for noun in step.nouns)
    assert step.unit is None or step.unit in ("DN", "DN/s", "MJy/sr", "electron")
    assert callable(step.streams) or isinstance(step.streams, Cut) or step.streams in (None, "integration")


def test_references_are_of_known_types(step):
    from jwgpu.reference import kinds

    assert set(step.references) <= kinds.NAMES


def test_parameters_have_types_and_defaults_that_fit(step):
    """Options of the command line and widgets are made from these."""
    for name, parameter in step.parameters.items():
        assert parameter.default is not inspect.Parameter.empty, name
        assert parameter.annotation is not inspect.Parameter.empty, name
        assert parameter.check(parameter.default, step.name) == parameter.default
        if parameter.default is not None and type(None) not in members(parameter.annotation):
            assert parameter.parse(str(parameter.default), step.name) == parameter.default
    assert len(step.parameters) <= {"tweakreg": 54}.get(step.name, 40)  # the official step has 53


def test_an_unknown_parameter_is_an_error(step):
    from jwgpu.step import ParameterError

    with pytest.raises(ParameterError, match=f"step {step.name} has no parameter 'no_such_parameter'"):
        step.check({"no_such_parameter": 1})
