"""The ten lines of README.md run as they stand, and find what was simulated."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import jwgpu as jw

SCRIPT = Path(__file__).parents[2] / "notebooks" / "pictures" / "flow.py"


@pytest.fixture(scope="module")
def flow():
    """The script that draws the picture of README.md."""
    spec = importlib.util.spec_from_file_location("flow", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ten_lines_and_a_small_picture(flow):
    assert len([line for line in flow.lines().splitlines() if line.strip()]) == 10
    assert flow.PICTURE.stat().st_size < 300_000
    assert f"({flow.PICTURE.relative_to(flow.README.parent)})" in flow.README.read_text()


@pytest.mark.slow
def test_from_raw_files_to_a_mosaic(flow, tmp_path, monkeypatch):
    pytest.importorskip("ipywidgets")
    names = flow.run(tmp_path)
    call = re.search(r"jw\.simulate\.dithers\(.*?\)", flow.lines())[0]
    truth = eval(call, {"jw": jw}).truth.catalogue
    catalog = names["run"].catalog
    star = (truth["kind"] == "star") & (truth["nearest"] > 0.6)
    ra, dec = truth["ra"][star, None], truth["dec"][star, None]
    east = (catalog["sky_centroid"][:, 0] - ra) * np.cos(np.radians(dec)) * 3600
    far = np.hypot(east, (catalog["sky_centroid"][:, 1] - dec) * 3600).min(axis=1)
    inside = names["run"].i2d.wcs.invert(ra[:, 0], dec[:, 0])
    rows, columns = names["run"].i2d.shape
    within = (inside[0] > 60) & (inside[0] < columns - 60) & (inside[1] > 60) & (inside[1] < rows - 60)
    assert within.sum() > 30
    assert (far[within] < 0.06).mean() > 0.8  # the faintest are no detections
    assert {"i2d", "cat", "crf", "segm"} <= {path.stem.rpartition("_")[2] for path in (tmp_path / "products").iterdir()}
    flow.save(flow.figure(names), tmp_path / "flow.png")
    assert (tmp_path / "flow.png").stat().st_size > 100_000

    own = re.search(r"^import glob; files, folder = .*$", flow.README.read_text(), re.MULTILINE)[0]
    monkeypatch.chdir(tmp_path / "field")
    again = {}
    exec(own, again)
    assert again["folder"] is None
    assert [tmp_path / "field" / name for name in again["files"]] == [tmp_path / path for path in names["files"]]
