"""Every notebook runs from top to bottom, uses the public interface only, and holds no outputs."""

import json
import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
INDEX = FOLDER / "00_index.ipynb"
NOTEBOOKS = [path for path in sorted(FOLDER.glob("*.ipynb")) if path != INDEX]
WIDGETS = re.compile(r"jw\.(show|tune|panel)\(")


def source(cell) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_no_outputs_and_starts_on_simulated_data(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert "".join(code[0]["source"]).startswith("DATA = None")
    assert cells[0]["cell_type"] == cells[-1]["cell_type"] == "markdown"
    assert "You learn" in source(cells[0]) or "you will learn" in source(cells[0]).lower()
    assert "## try next" in source(cells[-1]).lower()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_uses_the_public_interface(path):
    """Of jwgpu: the names of `jwgpu`, steps, and what their parameters and arrays are made of."""
    text = "\n".join(source(cell) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code")
    imported = set(re.findall(r"^\s*from (jwgpu[\w.]*) import", text, re.MULTILINE))
    inside = {name for name in imported if not name.startswith("jwgpu.steps")}
    assert inside <= {"jwgpu", "jwgpu.backend", "jwgpu.reference"}
    assert not re.search(r"\bjw\.\w+\._|\bviewer\._|\btuner\._|\bpanel\._", text)


def test_the_index_links_them_all():
    text = "".join(source(cell) for cell in json.loads(INDEX.read_text())["cells"])
    assert sorted(re.findall(r"\]\((\d\d_\w+)\.ipynb\)", text)) == [path.stem for path in NOTEBOOKS]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setitem(os.environ, "PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    errors = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if o.output_type == "error"]
    assert not errors
    shown = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    code = "\n".join(source(cell) for cell in notebook.cells if cell.cell_type == "code")
    assert any("image/png" in o.get("data", {}) for o in shown)
    if WIDGETS.search(code):
        assert any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in shown)
    if 'out="products"' in code:
        assert list(tmp_path.glob("products/*.fits"))
