"""`jw.tune` in a real JupyterLab: a threshold is moved, and the picture follows."""

import statistics

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = """
import jwgpu as jw
made = jw.simulate.exposure("NIRCAM", size=(256, 256), n_groups=10, seed=3)
linear = jw.pipelines.detector1(made.ramp).upto("dark_current").run(made.ramp, made.references).ramp
tuner = jw.tune("jump", linear, made.references)
tuner
"""


def test_a_threshold_of_jump(lab, capsys):
    lab.open_cells("tune", CELLS)
    canvas = lab.canvas()
    lab.idle()
    outer = lab.outer(canvas)
    lab.picture("tune_first", outer)
    slider = outer.get_by_role("slider").first
    after = canvas.locator("figure canvas:not(.jw-bar)").nth(1)
    plain = after.screenshot()
    slider.focus()
    seconds = lab.seconds(canvas, "ArrowRight", 12)
    assert after.screenshot() != plain
    value = outer.locator("textarea").first.input_value()
    assert value.startswith("ramp = steps.jump(ramp, refs.gain, refs.readnoise, rejection_threshold="), value
    assert value.count("=") == 2, value  # a browser that moves sliders to their steps has set nothing else
    lab.picture("tune_moved", outer)
    assert lab.errors() == []
    with capsys.disabled():
        print(f"\nfrom a change of the threshold to the picture: median {statistics.median(seconds):.3f} s, "
              f"longest {max(seconds):.3f} s of {len(seconds)}")  # fmt: skip
