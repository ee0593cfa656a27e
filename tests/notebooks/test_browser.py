"""The first notebook in a real JupyterLab in a real browser: it runs, its widgets answer to clicks."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_first_exposure.ipynb"
TOKEN = "jwgpu"
BROWSER = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)


# Without windowing every cell stays in the page, so that it can be looked for.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def write_settings(folder: Path) -> None:
    """Write JupyterLab's user settings."""
    for name, values in SETTINGS.items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab server on a copy of the notebook; yields its address."""
    pytest.importorskip("jupyterlab")
    shutil.copy(NOTEBOOK, tmp_path / "first.ipynb")
    log = tmp_path / "server.log"
    options = ["--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    options += [f"--ServerApp.root_dir={tmp_path}"]
    write_settings(tmp_path / "JUPYTERLAB_SETTINGS_DIR")
    folders = {
        name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    }
    with log.open("w") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], stdout=stream, stderr=stream, env={**os.environ, **folders}
        )
    try:
        deadline = time.monotonic() + 60
        found = None
        while not found and time.monotonic() < deadline:
            time.sleep(0.3)
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        assert found, log.read_text()
        yield found[0]
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page():
    """A page of a headless browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        options += ["--no-first-run", "--disable-component-update", "--disable-sync"]
        browser = driver.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1500, "height": 1200})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_first_notebook_runs_and_its_widgets_answer(lab, page, tmp_path):
    page.goto(f"{lab}/lab/tree/first.ipynb?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook")
    page.get_by_text("| Idle").first.wait_for()  # the kernel is there
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()

    viewer = page.locator(".jp-OutputArea-output .jupyter-widgets.widget-vbox").first
    viewer.wait_for(timeout=120_000)
    image = viewer.locator("canvas").first
    image.wait_for()
    page.get_by_text("products/jw").last.wait_for(timeout=240_000)  # the last cell has run

    viewer.scroll_into_view_if_needed()
    message = viewer.locator(".widget-html-content").first
    before = message.inner_text()
    box = image.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
    changed = "([node, old]) => node.innerText !== old"
    page.wait_for_function(changed, arg=[message.element_handle(), before])

    old = message.inner_text()
    column = viewer.locator("input[type=number]").first
    column.fill("100" if column.input_value() != "100" else "101")
    column.press("Enter")
    page.wait_for_function(changed, arg=[message.element_handle(), old])

    flagged = page.locator(
        ".jp-OutputArea-output .widget-vbox", has=page.locator("select option", has_text="SATURATED")
    )
    flagged.last.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    canvas = flagged.last.locator("canvas").first
    plain = canvas.screenshot()
    flagged.last.locator("select").select_option("SATURATED")
    page.wait_for_timeout(2000)
    assert canvas.screenshot() != plain
    page.screenshot(path=str(tmp_path / "viewer.png"))

    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert page.locator(".jp-OutputArea-output").count() > 10
