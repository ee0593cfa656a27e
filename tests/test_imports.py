"""Who may import whom, and how long `import jwgpu` takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 0.5
HEAVY = "astropy scipy matplotlib crds stdatamodels asdf gwcs IPython ipywidgets cupy dask".split()

TIMED = """
import json, sys, time
start = time.perf_counter()
import jwgpu
{then}
print(json.dumps({{"seconds": time.perf_counter() - start, "modules": sorted(sys.modules)}}))
"""


def imported(then: str = "") -> dict:
    """Import jwgpu in a fresh interpreter; return the seconds it took and the modules loaded."""
    code = TIMED.format(then=then)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_import_is_quick():
    """The best of three: a busy machine is not a slow import."""
    assert min(imported()["seconds"] for _ in range(3)) < SECONDS


@pytest.mark.parametrize("then", ["", "from jwgpu import steps, backend, kernels, data; steps.names()"])
def test_heavy_libraries_load_when_used(then):
    loaded = {name.partition(".")[0] for name in imported(then)["modules"]}
    assert loaded.isdisjoint(HEAVY)


def test_public_names_are_there():
    import jwgpu

    for name in jwgpu.__all__:
        assert getattr(jwgpu, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(jwgpu, "no_such_name")  # noqa: B009


def test_step_is_the_decorator_whatever_was_imported_first():
    for first in ("jwgpu.step", "jwgpu.steps.jump", "jwgpu.io"):
        code = f"import jwgpu as jw, {first}; from jwgpu import steps; steps.names(); assert callable(jw.step)"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_contracts(tmp_path):
    """The layers of the package (`[tool.importlinter]` in pyproject.toml)."""
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout
