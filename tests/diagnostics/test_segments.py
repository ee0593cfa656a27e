"""The segments of one pixel: those that ramp_fit averages, and lines drawn through its ramp."""

import edges
import numpy as np
import pytest
from ramps import make_ramp

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.data import GROUP
from jwgpu.diagnostics import segments

JUMP = int(GROUP.JUMP_DET)
TIMES = {"group_time": 10.0, "frame_time": 10.0}


def line(*flags, step_at=3):
    """Return a line of 5 DN / s with a step, and flags in its groups."""
    data = 100 + 50.0 * np.arange(len(flags)) + 700 * (np.arange(len(flags)) >= step_at)
    groupdq = np.broadcast_to(np.uint8(flags)[:, None, None], (1, len(flags), 3, 3))
    return make_ramp(data, groupdq=groupdq, **TIMES)


def test_a_line_with_a_jump():
    first, last = segments(line(0, 0, 0, JUMP, 0, 0, 0, 0), 1, 2)
    assert (first.start, first.stop, last.start, last.stop) == (0, 3, 3, 8)
    np.testing.assert_allclose([first.slope, last.slope], 5.0)
    np.testing.assert_allclose([first.intercept, last.intercept], [100.0, 800.0])
    np.testing.assert_allclose(last.line([3, 7], 10.0), [950.0, 1150.0])
    np.testing.assert_allclose([first.weight, last.weight], np.array([24, 120]) / 144)
    assert np.isnan(first.var_rnoise)


def test_groups_that_stand_alone():
    (alone,) = segments(line(1, 0, 1, 1), 0, 0)
    assert (alone.start, alone.stop, alone.weight) == (1, 2, 1.0)
    np.testing.assert_allclose(alone.line(1, 10.0), 150.0)
    assert segments(line(2, 0, 0, 0), 0, 0) == []
    assert segments(line(1, 1, 1, 1), 0, 0) == []


@pytest.mark.parametrize("unbiased", [False, True])
def test_they_make_the_slope_of_the_integration(unbiased):
    ramp, references = edges.ramp(10, 2), edges.references()
    fit = steps.ramp_fit(ramp, **references, suppress_one_group=False, unbiased=unbiased).rateints
    seen = 0
    for y in range(16, 30):
        for x in range(16, 40):
            for integration in range(2):
                found = segments(ramp, x, y, integration, unbiased=unbiased, **references)
                if found and np.isfinite(fit.data[integration, y, x]) and fit.var_rnoise[integration, y, x] > 0:
                    mean = sum(s.weight * s.slope for s in found)
                    if len(found) > 1 or found[0].stop - found[0].start > 1:
                        np.testing.assert_allclose(fit.data[integration, y, x], mean, rtol=1e-4, atol=1e-5)
                        seen += len(found) > 1
    assert seen > 100


def test_lines_are_drawn_once_jumps_are_known():
    pytest.importorskip("anywidget")
    made = simulate.tiny("nircam", effects=None)
    run = jw.pipelines.detector1(made.ramp).run(made.ramp, made.references, keep=["linearity", "jump"], progress=False)
    ramp, refs = run["jump"], made.references
    y, x = np.argwhere(((ramp.groupdq[0, 2:6] & GROUP.JUMP_DET) != 0).any(axis=0))[0]

    def slopes(viewer):
        viewer.pick(x, y)
        return [f"{s.slope:.4g} DN/s" for s in viewer.details.pixel().segments]

    assert slopes(jw.show(run["linearity"])) == []
    expected = [f"{s.slope:.4g} DN/s" for s in segments(ramp, x, y, gain=refs.gain, readnoise=refs.readnoise)]
    assert slopes(jw.show(ramp, run.rateints, gain=refs.gain, readnoise=refs.readnoise)) == expected
    assert len(slopes(jw.show(run["linearity"], ramp))) == len(expected)
