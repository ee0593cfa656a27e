"""Exposures that do not fit: in sections, in pieces, out of files, with the same bits."""

from __future__ import annotations

import edges
import numpy as np
import pytest
from every.compare import differences
from every.test_pieces import timeless

import jwgpu as jw
from jwgpu import pipelines, simulate, steps
from jwgpu.data import GROUP
from jwgpu.pipelines import sections
from jwgpu.pipelines.core import Call
from jwgpu.pipelines.room import Room
from jwgpu.pipelines.sections import Section
from jwgpu.reference import References


def test_steps_that_decide_on_flags_of_the_whole_begin_a_section():
    """Rows of MIRI that `jump` has not seen may change which groups the fit uses; near-infrared fits use all."""
    for mode, together in (("nircam", True), ("miri", False)):
        ramp = simulate.tiny(mode).ramp
        calls = pipelines.choose(ramp).from_("jump").calls
        names = [c.name for c in sections.first(calls, ramp, (), Room("cpu", piece=1)).calls]
        assert ("ramp_fit" in names) is together


def test_a_wanted_result_ends_a_section():
    ramp = simulate.tiny("nircam").ramp
    calls = pipelines.choose(ramp).from_("linearity").calls
    section = sections.first(calls, ramp, ["dark_current"], Room("cpu", piece=1))
    assert [c.name for c in section.calls] == ["linearity", "dark_current"]


@pytest.mark.parametrize("n_grow", [0, 1, 3])
def test_saturation_reaches_across_pieces(n_grow):
    """Spread twice: SATURATED to neighbours, and DO_NOT_USE around what is suspect in the group before."""
    ramp = edges.ramp(6, 2)
    rng = np.random.default_rng(1)
    threshold = rng.choice(np.float32([200, 3000, 60000]), edges.SHAPE)
    reference = jw.Reference("saturation", "s.fits", {"data": threshold, "dq": np.zeros(edges.SHAPE, np.uint32)})
    call = Call(steps.saturation, {"n_pix_grow_sat": n_grow})
    cut = steps.saturation.cut(ramp, call.parameters)
    place = Room("cpu", int(ramp.nbytes / ramp.shape[-2] * (2 + 2 * cut.halo)) + 1)
    references = References.from_mapping({"saturation": reference})
    made, _ = sections.run(Section((call,), "rows", cut.halo), "ramp", ramp, references, place, lambda n: None)
    whole = steps.saturation(ramp, reference, None, n_pix_grow_sat=n_grow)
    assert differences(made["ramp"], whole) == []
    assert (whole.groupdq & GROUP.DO_NOT_USE).any()
    assert [timeless(r) for r in made["ramp"].history] == [timeless(r) for r in whole.history]
