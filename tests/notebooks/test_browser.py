"""The first notebook in a real JupyterLab in a real browser: it runs, its widgets answer."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_first_notebook_runs_and_its_widgets_answer(lab):
    lab.open(Path(__file__).parents[2] / "notebooks" / "01_first_exposure.ipynb")
    canvas = lab.canvas()
    lab.idle()
    assert lab.errors() == []
    lab.picture("01_top")
    readout = canvas.locator(".jw-readout")
    before = readout.inner_text()
    canvas.locator("figure canvas").first.click(position={"x": 60, "y": 90})
    lab.page.wait_for_function("([node, old]) => node.innerText !== old", arg=[readout.element_handle(), before])
    viewers = lab.page.locator(".jw-canvas")
    assert viewers.count() >= 5
    for k in range(viewers.count()):
        lab.picture(f"01_viewer{k}", lab.box(lab.canvas(k)))
    assert lab.page.locator(".jp-OutputArea-output").count() > 10
