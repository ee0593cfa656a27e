"""`jw.show`: controls, what is drawn, what is said of a pixel."""

import subprocess
import sys

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import simulate, steps
from jwgpu.errors import InputError

pytest.importorskip("ipympl")


@pytest.fixture(scope="module")
def versions():
    made = simulate.tiny("nircam", effects=None)
    refs = made.references
    p = jw.pipelines.detector1(made.ramp)
    run = p.run(made.ramp, refs, keep=["dark_current", "jump"], progress=False)
    return made, run["dark_current"], run["jump"], run.rate, run.rateints


def titles(viewer):
    return [axes.get_title() for axes in viewer.figure.axes if axes.get_title()]


def test_two_versions_of_a_ramp(versions):
    _, before, after, _, _ = versions
    viewer = jw.show(before, after)
    assert titles(viewer) == [
        "after dark_current: group 8 of 8",
        "after jump: group 8 of 8",
        "difference",
        "ramp of pixel x=32, y=32, integration 1",
    ]
    assert viewer.group.max == 8
    assert viewer.integration.max == 2
    viewer.group.value = 3
    assert "group 3 of 8" in titles(viewer)[0]


def test_the_message_says_value_and_flags_of_the_pixel(versions):
    _, _, after, _, _ = versions
    i, g, y, x = np.argwhere((after.groupdq & jw.GROUP.JUMP_DET) != 0)[0]
    viewer = jw.show(after)
    viewer.integration.value, viewer.group.value = int(i) + 1, int(g) + 1
    viewer.pick(x, y)
    assert "JUMP_DET" in viewer.message.value
    assert f"{after.data[i, g, y, x]:.5g}" in viewer.message.value


def test_a_flag_is_laid_over_the_image(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    images = len(viewer.figure.axes[0].images)
    viewer.flag.value = "REFERENCE_PIXEL"
    layers = viewer.figure.axes[0].images
    assert len(layers) == images + 1
    marked = layers[-1].get_array()[..., 3] > 0
    assert np.array_equal(marked, (after.pixeldq & jw.PIXEL.REFERENCE_PIXEL) != 0)


def test_a_click_picks_the_pixel_and_the_zoom_stays(versions):
    _, before, after, _, _ = versions
    viewer = jw.show(before, after)
    axes = viewer.figure.axes[0]
    axes.set(xlim=(10, 20), ylim=(30, 40))
    viewer.figure.canvas.draw()
    x, y = axes.transData.transform((12.2, 33.8))
    event = type("Event", (), {"inaxes": axes, "xdata": 12.2, "ydata": 33.8, "x": x, "y": y})
    viewer._clicked(event)
    assert (viewer.x.value, viewer.y.value) == (12, 34)
    assert viewer.figure.axes[0].get_xlim() == (10, 20)
    assert "x=12, y=34" in titles(viewer)[-1]


def test_rates_and_ramp_beside_rate(versions):
    made, _, _, rate, rateints = versions
    assert titles(jw.show(rate))[-1] == "distribution of values"
    viewer = jw.show(rateints)
    viewer.integration.value = 2
    assert "integration 2" in titles(viewer)[0]
    assert len(titles(jw.show(made.ramp, rate))) == 4


def test_showing_changes_nothing(versions):
    _, before, after, _, _ = versions
    kept = after.groupdq.copy()
    viewer = jw.show(before, after)
    viewer.flag.value = "JUMP_DET"
    viewer.stretch.value = 90.0
    assert np.array_equal(kept, after.groupdq)


def test_unlike_shapes_are_refused(versions):
    other = steps.dq_init(simulate.tiny("nircam_sub").ramp, None)
    made, *_ = versions
    small = other.replace(data=other.data[..., :32, :32])
    with pytest.raises(InputError, match="two versions of the same exposure"):
        jw.show(made.ramp, small)


def test_the_plotting_backend_of_the_notebook_stays_its_own():
    code = """
import matplotlib
matplotlib.use("svg")
from jwgpu import diagnostics, simulate
diagnostics.show(simulate.tiny("nircam").ramp)
assert matplotlib.get_backend() == "svg", matplotlib.get_backend()
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
