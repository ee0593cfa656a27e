"""`jw.panel`, `jw.explain` and `jw.quality` in a real JupyterLab."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = (
    """
import jwgpu as jw
made = jw.simulate.exposure("NIRCAM", size=(256, 256), n_groups=10, seed=3)
panel = jw.panel(None, made.ramp, made.references)
panel
""",
    'jw.explain("jump")',
    "p = jw.pipelines.detector1(made.ramp)\njw.quality(p.run(made.ramp, made.references, keep=p.names()))",
    "made.ramp",
)


def test_a_pipeline_is_switched_edited_and_run(lab):
    lab.open_cells("panel", *CELLS)
    page = lab.page
    page.get_by_role("button", name="run all").wait_for()
    lab.idle()
    box = page.locator(".jp-OutputArea-output").first
    lab.picture("panel_first", box)
    page.get_by_role("button", name="jump", exact=True).click()
    page.get_by_text("rejection_threshold", exact=True).first.wait_for()
    page.get_by_role("button", name="to here").nth(9).click()
    canvas = lab.canvas()
    page.get_by_text("in 0.", exact=False).first.wait_for()
    lab.picture("panel_ran", box)
    assert canvas.locator("figcaption").nth(1).inner_text().startswith("after jump")
    for k, name in ((1, "explain"), (2, "quality"), (3, "ramp")):
        output = page.locator(".jp-OutputArea-output").nth(k)
        output.scroll_into_view_if_needed()
        lab.picture(f"page_{name}", output)
    assert lab.errors() == []
