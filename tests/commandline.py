"""The command line, called in this process."""

from __future__ import annotations

import warnings

import pytest

from jwgpu.cli import main


def command(*words) -> None:
    """Run `jwgpu` with these words; it must succeed."""
    # The command line shows warnings in its own way; what it changes for that is put back.
    with warnings.catch_warnings(), pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    assert not stop.value.code
