"""`jwgpu info`: what this installation computes with."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import click

from jwgpu import backend, kernels
from jwgpu._version import __version__


@click.command()
def info():
    """Print the device, the kernel library, versions and CRDS settings."""
    for label, value in rows():
        click.echo(f"{label:<16} {value}")


def rows() -> list[tuple[str, str]]:
    """Return (label, value) pairs."""
    found = [
        ("jwgpu", __version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("device", backend.describe()),
        ("CPU kernels", f"{kernels.library_words()}; {os.cpu_count()} cores"),
    ]
    for package in ("numpy", "scipy", "astropy", "stdatamodels", "crds", "cupy-cuda12x", "cupy-cuda13x"):
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            if not package.startswith("cupy"):
                found.append((package, "not installed"))
    for variable, meaning in (
        ("CRDS_PATH", "not set: references are cached in ~/crds_cache"),
        ("CRDS_SERVER_URL", "not set: the public server, https://jwst-crds.stsci.edu"),
        ("CRDS_CONTEXT", "not set: the server's default context"),
        ("JWGPU_DEVICE", "not set: automatic"),
    ):
        found.append((variable, os.environ.get(variable, meaning)))
    return found
