"""The version, in one place that importing costs nothing."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("jwgpu")
except PackageNotFoundError:
    __version__ = "0+unknown"
