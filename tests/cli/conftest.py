"""A written exposure, and the command line called in this process."""

import dataclasses
import shutil
import warnings

import pytest

from jwgpu import simulate
from jwgpu.cli import main


@dataclasses.dataclass
class Answer:
    """What a command did: exit status and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def jwgpu(capsys, monkeypatch):
    """Call the command line; returns an Answer."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setenv("COLUMNS", "4000")  # one line for each paragraph, so that words can be matched

    def call(*words) -> Answer:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return Answer(int(stop.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A small NIRCam exposure and its references as files."""
    return simulate.write(simulate.tiny("nircam"), tmp_path_factory.mktemp("written"), crds=False)


@pytest.fixture
def references(written, tmp_path):
    """A copy of the folder of references that a test may spoil."""
    return shutil.copytree(written.references[0].parent, tmp_path / "references")
