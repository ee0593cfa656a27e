"""`jw.show` in a real JupyterLab: what is clicked, moved and typed changes the picture, in time."""

import statistics

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = """
import jwgpu as jw
made = jw.simulate.exposure("NIRCAM", size=(256, 256), n_groups=10, n_integrations=2, seed=3)
run = jw.pipelines.detector1(made.ramp).run(made.ramp, made.references, keep=["dark_current", "jump"])
before, after = run["dark_current"], run["jump"]
viewer = jw.show(before, after, gain=made.references.gain, readnoise=made.references.readnoise)
viewer
"""


def change(lab, canvas, act) -> bytes:
    """Do something that repaints the images; return what they look like then."""
    before = lab.painted(canvas)
    act()
    lab.repainted(canvas, before)
    return canvas.locator("canvas").first.screenshot()


def test_a_pair_of_ramps(lab):
    lab.open_cells("pair", CELLS)
    canvas = lab.canvas()
    lab.idle()
    page = lab.page
    box = lab.box(canvas)
    lab.picture("pair_first", box)
    image = canvas.locator("figure canvas").first
    plain = image.screenshot()

    slider = box.get_by_role("slider").nth(1)
    assert change(lab, canvas, lambda: (slider.focus(), slider.press("ArrowLeft"))) != plain
    flagged = box.get_by_label("JUMP_DET", exact=False).first
    last = canvas.locator("figure canvas:not(.jw-bar)").nth(1)  # before jump there are no such flags
    plain = last.screenshot()
    change(lab, canvas, flagged.check)
    assert last.screenshot() != plain
    lab.picture("pair_flagged", box)
    covered = last.screenshot()
    opacity = box.locator(".widget-hslider", has_text="opacity").get_by_role("slider")
    opacity.focus()
    for _ in range(8):
        opacity.press("ArrowLeft")
    page.wait_for_timeout(500)
    lab.picture("pair_opacity", box)
    assert last.screenshot() != covered

    readout = canvas.locator(".jw-readout")
    old = readout.inner_text()
    image.click(position={"x": 60, "y": 80})
    page.wait_for_function("([node, old]) => node.innerText !== old", arg=[readout.element_handle(), old])
    old = readout.inner_text()
    image.press("ArrowRight")
    page.wait_for_function("([node, old]) => node.innerText !== old", arg=[readout.element_handle(), old])

    wide = image.screenshot()
    assert change(lab, canvas, lambda: image.press("+")) != wide
    lab.picture("pair_zoomed", box)
    mode = canvas.get_by_label("how the images are compared")
    mode.select_option("swipe")
    page.wait_for_timeout(800)
    lab.picture("pair_swipe", box)
    mode.select_option("blink")
    page.wait_for_timeout(300)
    lab.picture("pair_blink", box)
    mode.select_option("side by side")
    for k, tab in enumerate(("profiles", "values", "history")):
        box.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)
        lab.picture(f"pair_tab{k}_{tab}", box)
    assert lab.errors() == []


FULL_FRAME = """
import numpy as np
import jwgpu as jw
made = jw.simulate.tiny("nircam")
noise = np.random.default_rng(1)
base = noise.normal(100, 10, (2048, 2048)).astype(np.float32)
data = np.stack([base * (group + 1) for group in range(5)])[None]
groupdq = np.zeros(data.shape, np.uint8)
groupdq[0, 2][base > 130] = jw.GROUP.JUMP_DET
pixeldq = np.where(base < 70, jw.PIXEL.DO_NOT_USE, np.uint32(0))
ramp = jw.Ramp(data=data, groupdq=groupdq, pixeldq=pixeldq, meta=made.ramp.meta)
jw.show(ramp, ramp.replace(data=data * np.float32(1.01)))
"""


def test_a_full_frame(lab, capsys):
    """How long 2048 x 2048 pixels take from a group of the slider to the picture."""
    lab.open_cells("full", FULL_FRAME)
    canvas = lab.canvas()
    lab.idle()
    lab.box(canvas).get_by_role("slider").first.focus()
    groups = lab.seconds(canvas, "ArrowLeft", 3)
    lab.picture("full_frame", lab.box(canvas))
    assert lab.errors() == []
    with capsys.disabled():
        print(f"\n2048 x 2048: from a step of the slider to the picture: median {statistics.median(groups):.3f} s, "
              f"longest {max(groups):.3f} s of {len(groups)}")  # fmt: skip
