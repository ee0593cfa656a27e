"""A real JupyterLab and a real browser, for tests that click."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

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
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))


# From a key to the frame in which the new picture stands, milliseconds.
PRESS = """([node, old, name]) => new Promise(done => {
    const start = performance.now();
    const wait = () => +node.dataset.painted > old ? done(performance.now() - start) : requestAnimationFrame(wait);
    requestAnimationFrame(wait);
    const code = {ArrowLeft: 37, ArrowRight: 39}[name];
    const key = new KeyboardEvent("keydown", {key: name, code: name, keyCode: code, bubbles: true});
    document.activeElement.dispatchEvent(key);
})"""


@dataclass
class Lab:
    """A JupyterLab in a browser.

    Attributes
    ----------
    page : playwright page
    folder : Path
        Which the server shows.
    pictures : Path
        Where screenshots are kept: `JWGPU_SCREENSHOTS`, else the folder of the test.
    """

    page: object
    address: str
    folder: Path
    pictures: Path

    def open(self, path: Path) -> None:
        """Open a copy of a notebook, wait for its kernel, and run all cells."""
        shutil.copy(path, self.folder / path.name)
        self.page.goto(f"{self.address}/lab/tree/{path.name}?token={TOKEN}")
        self.page.wait_for_selector(".jp-Notebook")
        self.page.get_by_text("| Idle").first.wait_for()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()

    def open_cells(self, name: str, *cells: str) -> None:
        """Make a notebook of code cells, open it and run it."""
        nbformat = pytest.importorskip("nbformat")
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        source = self.folder / "cells"
        source.mkdir(exist_ok=True)
        nbformat.write(book, source / f"{name}.ipynb")
        self.open(source / f"{name}.ipynb")

    def idle(self, timeout: float = 240_000) -> None:
        """Wait until every cell has run."""
        done = (
            "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(n => /\\d/.test(n.textContent))"
        )
        self.page.wait_for_function(done, timeout=timeout)

    def canvas(self, place: int = 0):
        """Return the images of the viewer at a place in the page, once they are painted."""
        found = self.page.locator(".jw-canvas").nth(place)
        found.wait_for(timeout=120_000)
        found.scroll_into_view_if_needed()
        self.page.wait_for_function("node => +node.dataset.painted > 0", arg=found.element_handle())
        return found

    def box(self, canvas):
        """Return the widget that a canvas is part of."""
        return canvas.locator("xpath=ancestor::*[contains(@class, 'widget-vbox')][1]")

    def outer(self, canvas):
        """Return the outermost widget that a canvas is part of."""
        return canvas.locator("xpath=ancestor::*[contains(@class, 'widget-vbox')][last()]")

    def painted(self, canvas) -> int:
        """Return how often a viewer has been painted."""
        return int(canvas.get_attribute("data-painted") or 0)

    def repainted(self, canvas, before: int) -> None:
        """Wait until a viewer has been painted again."""
        self.page.wait_for_function(
            "([node, old]) => +node.dataset.painted > old", arg=[canvas.element_handle(), before]
        )
        self.page.wait_for_timeout(60)

    def seconds(self, canvas, key: str, times: int) -> list[float]:
        """Press a key several times; return how long each took to the new picture."""
        took = []
        for _ in range(times):
            took.append(self.page.evaluate(PRESS, [canvas.element_handle(), self.painted(canvas), key]) / 1000)
            self.page.wait_for_timeout(300)
        return took

    def picture(self, name: str, of=None) -> bytes:
        """Take a screenshot and keep it."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        return (of or self.page).screenshot(path=str(self.pictures / f"{name}.png"))

    def errors(self) -> list[str]:
        """Return the errors that cells have given."""
        return self.page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()


@pytest.fixture
def server(tmp_path):
    """A JupyterLab server; yields its address and its folder."""
    pytest.importorskip("jupyterlab")
    log, folder = tmp_path / "server.log", tmp_path / "notebooks"
    folder.mkdir()
    options = ["--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    options += [f"--ServerApp.root_dir={folder}"]
    write_settings(tmp_path / "JUPYTERLAB_SETTINGS_DIR")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR")
    folders = {name: str(tmp_path / name) for name in names}
    if path := os.environ.get("PYTHONPATH"):  # the kernel runs in another folder
        folders["PYTHONPATH"] = os.pathsep.join(str(Path(p).absolute()) for p in path.split(os.pathsep))
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
        yield found[0], folder
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def lab(server, tmp_path):
    """A page of a headless browser on the server."""
    playwright = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")
    address, folder = server
    pictures = Path(os.environ.get("JWGPU_SCREENSHOTS") or tmp_path / "screenshots")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        options += ["--no-first-run", "--disable-component-update", "--disable-sync"]
        browser = driver.chromium.launch(executable_path=BROWSER, args=options)
        page = browser.new_page(viewport={"width": 1500, "height": 1900})
        page.set_default_timeout(60_000)
        yield Lab(page, address, folder, pictures)
        browser.close()
