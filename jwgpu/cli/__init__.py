"""The command line: `jwgpu demo | run | step | list | compare | info`."""

from jwgpu.cli.main import main

__all__ = ["main"]
