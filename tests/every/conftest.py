"""Every step, in every situation."""

from __future__ import annotations

import pytest
from every.situations import Situation, cases

from jwgpu import steps


def pytest_generate_tests(metafunc):
    """Give `step_name` all steps there are."""
    if "step_name" in metafunc.fixturenames:
        metafunc.parametrize("step_name", steps.names())


@pytest.fixture
def every(step_name) -> list[Situation]:
    """All situations of a step; a step that no mode meets is an error."""
    found = cases(step_name)
    assert found, f"no mode of tests/every/situations.py meets {step_name}: add one to MODES, or the step to a pipeline"
    return found
