"""Files that a reader can hold in mind, and one style."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
SUFFIXES = {".py", ".h", ".cpp"}
FOLDERS = ("jwgpu", "tests", "benchmarks")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def files() -> list[Path]:
    return [p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*")) if p.suffix in SUFFIXES]


def test_files_are_short():
    assert len(files()) > 20
    long = {str(p.relative_to(ROOT)): lines(p) for p in files() if lines(p) > MOST_LINES}
    assert long == {}


def test_ruff():
    pytest.importorskip("ruff")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", *FOLDERS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_warnings_are_errors():
    with pytest.raises(UserWarning):
        warnings.warn("anything", UserWarning, stacklevel=1)
