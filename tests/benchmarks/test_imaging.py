"""The benchmark of images puts together what it measures, and measures both packages."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def imaging(monkeypatch):
    """The script."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("imaging")


def run(**seconds):
    return {
        "whole": {"seconds": sum(seconds.values()), "peak": 5.0},
        "steps": {name: {"seconds": value, "peak": 1.0} for name, value in seconds.items()},
    }


def test_rows_are_medians(imaging):
    runs = {"jwst": [run(photom=s, other=1.0) for s in (4.0, 6.0, 5.0)], "jwgpu": [run(opening=0.5, photom=0.5)]}
    opening, photom, whole = imaging.rows(runs)
    assert "jwst" not in opening
    assert photom["jwst"] == {"seconds": 5.0, "peak": 1.0}
    assert (whole["step"], whole["jwgpu"]["seconds"]) == ("from files to files", 1.0)
    growth = {"4": {"seconds": 8.0, "peak": 100.0}}
    text = imaging.markdown({"title": "x", "tables": {"image2": [opening, photom, whole]}, "growth": growth})
    assert "| opening |  | 0.50 |  |  | 1 |" in text
    assert "| photom | 5.00 | 0.50 | 10.0 | 1 | 1 |" in text
    assert "| 4 | 8.00 | 2.00 | 100 |" in text


@pytest.mark.oracle
@pytest.mark.slow
def test_both_packages_are_measured(tmp_path):
    pytest.importorskip("jwst")
    report = tmp_path / "report.json"
    command = [sys.executable, str(FOLDER / "imaging.py"), "--shrink", "16", "--most", "4", "--json", str(report)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    assert found["growth"]["4"]["seconds"] > 0
    for table in found["tables"].values():
        assert all(table[-1][side][what] > 0 for side in ("jwst", "jwgpu") for what in ("seconds", "peak"))
